//! Rounding: half to even, once, after the clamp.

use bayes8_core::numerics::{
    CodeRange, Quantization, Target, mean_multiplier, requantize_multiplier, rescale_multiplier,
    round_ties_even,
};
use proptest::prelude::*;

#[test]
fn halves_round_to_even() {
    for n in -3000..3000 {
        let half = n as f32 + 0.5;
        assert_eq!(round_ties_even(half), half.round_ties_even() as i32, "{half}");
        for near in [half.next_down(), half.next_up(), n as f32] {
            assert_eq!(round_ties_even(near), near.round_ties_even() as i32, "{near}");
        }
    }
}

#[test]
fn numbers_at_the_ends_of_the_documented_range_round() {
    let end = (1 << 22) as f32;
    for x in [0.0, -0.0, f32::MIN_POSITIVE, end.next_down(), -end.next_down(), end - 0.5] {
        assert_eq!(round_ties_even(x), x.round_ties_even() as i32, "{x}");
    }
}

proptest! {
    #[test]
    fn any_number_in_range_rounds_as_the_standard_library_does(x in -4_194_303f32..4_194_303.0) {
        prop_assert_eq!(round_ties_even(x), x.round_ties_even() as i32);
    }

    #[test]
    fn a_target_rounds_after_its_clamp_and_stays_in_its_range(
        zero_point: u8,
        (a, b) in any::<(u8, u8)>(),
        y in prop_oneof![-600f32..600.0, any::<f32>()],
    ) {
        let range = CodeRange { low: a.min(b), high: a.max(b) };
        let target = Target::new(Quantization { scale: 1.0, zero_point }, range);
        let code = target.round(y);
        prop_assert!((range.low..=range.high).contains(&code));
        if !y.is_nan() {
            let exact = (f64::from(y)).round_ties_even() + f64::from(zero_point);
            let clamped = exact.clamp(f64::from(range.low), f64::from(range.high));
            prop_assert_eq!(f64::from(code), clamped);
        }
    }
}

#[test]
fn a_target_clamps_what_is_not_a_number_to_a_bound() {
    let grid = Quantization { scale: 1.0, zero_point: 100 };
    let target = Target::new(grid, CodeRange { low: 90, high: 200 });
    assert_eq!(target.round(f32::NEG_INFINITY), 90);
    assert_eq!(target.round(f32::INFINITY), 200);
    assert_eq!(target.round(f32::NAN), 90);
}

#[test]
fn multipliers_round_once() {
    let (x, w, y) = (0.1f32, 0.3f32, 0.7f32);
    let exact = f64::from(x) * f64::from(w) / f64::from(y);
    assert_ne!(x * w / y, exact as f32, "the example must tell one rounding from two");
    assert_eq!(requantize_multiplier(x, w, y, 1), exact as f32);
    assert_eq!(rescale_multiplier(x, y), (f64::from(x) / f64::from(y)) as f32);
    assert_eq!(mean_multiplier(x, y, 49), (f64::from(x) / (f64::from(y) * 49.0)) as f32);
    // Products that leave the range of f32 in an intermediate step, but not in the end.
    assert_eq!(requantize_multiplier(1e-30, 1e-30, 1e-30, 1), 1e-30);
}
