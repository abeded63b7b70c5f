;; Shows whether this engine computes the relaxed dot product correctly, and whether it is fast.
;; `relaxed` adds the same products `steps` times, as the kernels do, from registers alone. It returns the sum
;; of all lanes: `steps` times the sum of one step, which src/probe.ts knows.
(module
  (func (export "relaxed") (param $steps i32) (result i32)
    (local $weights0 v128) (local $weights1 v128) (local $weights2 v128) (local $weights3 v128)
    (local $row0 v128) (local $row1 v128)
    (local $sum00 v128) (local $sum01 v128) (local $sum02 v128) (local $sum03 v128)
    (local $sum10 v128) (local $sum11 v128) (local $sum12 v128) (local $sum13 v128)
    (local.set $weights0 (v128.const i8x16 -128 127 -1 3 9 -77 64 31 -128 -128 127 127 -5 0 17 -99))
    (local.set $weights1 (v128.const i8x16 127 127 127 127 -128 -128 -128 -128 1 2 3 4 -1 -2 -3 -4))
    (local.set $weights2 (v128.const i8x16 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128))
    (local.set $weights3 (v128.const i8x16 5 -7 11 -13 17 -19 23 -29 31 -37 41 -43 47 -53 59 -61))
    (local.set $row0 (v128.const i8x16 127 126 1 64 0 3 127 127 5 99 127 127 8 16 32 64))
    (local.set $row1 (v128.const i8x16 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127 127))
    (loop $again
      (local.set $sum00 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights0) (local.get $row0) (local.get $sum00)))
      (local.set $sum01 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights1) (local.get $row0) (local.get $sum01)))
      (local.set $sum02 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights2) (local.get $row0) (local.get $sum02)))
      (local.set $sum03 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights3) (local.get $row0) (local.get $sum03)))
      (local.set $sum10 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights0) (local.get $row1) (local.get $sum10)))
      (local.set $sum11 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights1) (local.get $row1) (local.get $sum11)))
      (local.set $sum12 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights2) (local.get $row1) (local.get $sum12)))
      (local.set $sum13 (i32x4.relaxed_dot_i8x16_i7x16_add_s
        (local.get $weights3) (local.get $row1) (local.get $sum13)))
      (local.tee $steps (i32.sub (local.get $steps) (i32.const 1)))
      (br_if $again))
    (local.set $sum00
      (i32x4.add (i32x4.add (i32x4.add (local.get $sum00) (local.get $sum01))
                            (i32x4.add (local.get $sum02) (local.get $sum03)))
                 (i32x4.add (i32x4.add (local.get $sum10) (local.get $sum11))
                            (i32x4.add (local.get $sum12) (local.get $sum13)))))
    (i32.add (i32.add (i32x4.extract_lane 0 (local.get $sum00)) (i32x4.extract_lane 1 (local.get $sum00)))
             (i32.add (i32x4.extract_lane 2 (local.get $sum00)) (i32x4.extract_lane 3 (local.get $sum00)))))
  ;; Whether the sum of two products of 255 and 127 is cut off at 32767, as the instruction `pmaddubsw` does:
  ;; then each lane has 65534. It has 129540 without saturation, and -508 if both operands are signed.
  (func (export "saturates") (result i32)
    (i32.eq (i32.const 65534) (i32x4.extract_lane 0 (i32x4.relaxed_dot_i8x16_i7x16_add_s
      (v128.const i32x4 0x7f7f7f7f 0x7f7f7f7f 0x7f7f7f7f 0x7f7f7f7f)
      (v128.const i32x4 -1 -1 -1 -1)
      (v128.const i32x4 0 0 0 0))))))
