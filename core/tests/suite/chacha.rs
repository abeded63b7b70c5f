//! The key stream is that of `rand_chacha`'s ChaCha8, 16 blocks at a time, word-major.

use bayes8_core::chacha::{ChaCha8, GROUP_BYTES, LANES};
use bayes8_core::posterior::Draw;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const BLOCK_BYTES: usize = 64;

/// Assembles group `index` from the blocks of `rand_chacha`.
fn expected(seed: u64, stream: u64, index: u64) -> [u8; GROUP_BYTES] {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(stream);
    generator.set_word_pos(u128::from(index) * GROUP_BYTES as u128 / 4);
    let mut group = [0; GROUP_BYTES];
    for block in 0..LANES {
        let mut bytes = [0; BLOCK_BYTES];
        generator.fill_bytes(&mut bytes);
        for (word, bytes) in bytes.chunks_exact(4).enumerate() {
            group[(16 * word + block) * 4..][..4].copy_from_slice(bytes);
        }
    }
    group
}

#[test]
fn groups_are_transposed_blocks_of_rand_chacha() {
    for seed in [0, 1, 7, 0x0123_4567_89ab_cdef, u64::MAX] {
        for stream in [0, 1, 3 << 32 | 5, 1 << 63, 1 << 63 | 2 << 32 | 9, u64::MAX] {
            for index in [0, 1, 2, 1000] {
                let group = ChaCha8::new(seed, stream).group_bytes(index);
                assert_eq!(group, expected(seed, stream, index), "{seed:#x} {stream:#x} {index}");
            }
        }
    }
}

#[test]
fn block_counters_above_32_bits_carry_into_the_high_word() {
    // The first of these groups starts just below block 2^32, the second at it.
    for index in [(1 << 28) - 1, 1 << 28, 1 << 40, (1 << 59) + 3] {
        let group = ChaCha8::new(42, 6).group_bytes(index);
        assert_eq!(group, expected(42, 6, index), "group {index:#x}");
    }
}

#[test]
fn words_and_bytes_of_a_group_agree() {
    let stream = ChaCha8::new(3, 4);
    let bytes = stream.group_bytes(5);
    for (j, lanes) in stream.group(5).iter().enumerate() {
        for (b, word) in lanes.iter().enumerate() {
            assert_eq!(bytes[(16 * j + b) * 4..][..4], word.to_le_bytes(), "word {j} block {b}");
        }
    }
}

#[test]
fn stream_numbers_are_layer_then_sample_and_bit_63_for_biases() {
    for (seed, layer, sample) in [(0, 0, 0), (9, 1, 0), (9, 0, 1), (u64::MAX, 65, (1 << 28) - 1)] {
        let draw = Draw { seed, sample };
        let number = u64::from(layer) * (1 << 32) + u64::from(sample);
        assert_eq!(draw.weight_stream(layer), ChaCha8::new(seed, number));
        assert_eq!(draw.bias_stream(layer), ChaCha8::new(seed, (1 << 63) + number));
    }
}
