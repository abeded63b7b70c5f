//! Compares individual weights of samples.

use super::layers::{Case, Numbers};
use super::{Subject, kernels, not_here, reference};
use crate::isa::Isa;
#[cfg(target_arch = "x86_64")]
use crate::kernels::amx::Amx;
use crate::kernels::{Drawing, Kernel, NoiseMultipliers, PANEL, with_kernel};
use bayes8_conformance::Random;
use bayes8_core::chacha::{ChaCha8, GROUP_BYTES};
use bayes8_core::convolution::Convolution;
use bayes8_core::graph::{Shape, Window};
use bayes8_core::layer::Layer;
use bayes8_core::posterior::Draw;
use bayes8_core::posterior::gaussian::{CHUNK, CHUNKS_PER_GROUP, noise, sample_weight};

/// Returns all weights of a layer, read through its own convolution. Picture `i` is 1 at weight `i`
/// of the filters and 0 elsewhere, so its logits are these weights plus the biases. A last picture
/// of zeros gives the biases.
fn weights_of(subject: &mut dyn Subject, layer: &Layer, job: &Convolution, draw: Draw) -> Vec<f32> {
    let job = Convolution {
        zero_point: 0,
        multipliers: vec![1.0; layer.out_channels],
        target: None,
        residual: None,
        ..job.clone()
    };
    let per_group = job.filters.input.channels / job.filters.groups;
    let fan_in = layer.fan_in();
    let mut pictures = vec![0; (fan_in + 1) * job.filters.input.elements()];
    for (i, picture) in pictures.chunks_mut(job.filters.input.elements()).enumerate().take(fan_in) {
        let pixel = &mut picture[i / per_group * job.filters.input.channels..]
            [..job.filters.input.channels];
        pixel.iter_mut().skip(i % per_group).step_by(per_group).for_each(|code| *code = 1);
    }
    let bytes = subject.convolution(layer, &job, draw, &pictures);
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Returns the expected result of [`weights_of`], from the sampler of core.
fn expected(layer: &Layer, draw: Draw) -> Vec<f32> {
    let mut weights = vec![0; layer.mu.len()];
    let mut biases = vec![0; layer.out_channels];
    layer.sample_weights(draw, &mut weights);
    layer.sample_biases(draw, &mut biases);
    let (channels, fan_in) = (layer.out_channels, layer.fan_in());
    let weight = |i: usize, channel: usize| {
        if layer.depthwise {
            weights[i * channels + channel]
        } else {
            weights[channel * fan_in + i]
        }
    };
    let mut all = Vec::new();
    for i in 0..=fan_in {
        for (channel, bias) in biases.iter().enumerate() {
            let weight = if i < fan_in { i32::from(weight(i, channel)) } else { 0 };
            all.push((weight + bias) as f32);
        }
    }
    all
}

fn check(case: &Case) {
    let (layer, job, _) = case.build();
    for draw in [Draw { seed: 0, sample: 0 }, Draw { seed: u64::MAX, sample: (1 << 28) - 1 }] {
        let expected = expected(&layer, draw);
        let subjects = kernels().into_iter().chain([reference()]);
        for mut subject in subjects {
            let found = weights_of(&mut *subject, &layer, &job, draw);
            assert_eq!(found, expected, "{} {case:?}", subject.name());
        }
    }
}

fn whole_input(kernel: [usize; 2], in_channels: usize, out_channels: usize) -> Case {
    let input = Shape::new(kernel[0], kernel[1], in_channels);
    Case { input, out_channels, window: Window::new(kernel), ..Case::linear(1, 1, 1) }
}

#[test]
fn rows_of_any_length_are_sampled_as_the_reference_does() {
    for fan_in in [1, 3, 4, 63, 64, 65, 128, 511, 512, 513] {
        for out_channels in [1, 16, 19, 33] {
            check(&whole_input([1, 1], fan_in, out_channels));
        }
    }
}

#[test]
fn filters_are_sampled_as_the_reference_does() {
    check(&whole_input([3, 3], 7, 20));
    check(&whole_input([7, 1], 3, 64));
    check(&Case { groups: 4, ..whole_input([3, 2], 12, 72) });
}

#[test]
fn depthwise_taps_are_sampled_as_the_reference_does() {
    for channels in [2, 7, 64, 65, 200] {
        check(&Case { groups: channels, ..whole_input([3, 3], channels, channels) });
    }
}

#[test]
fn extreme_codes_saturate_as_the_reference_does() {
    for seed in 0..5 {
        // Without biases: their sums with weights would not be exact floats.
        let case = Case { numbers: Numbers::Extreme, seed, ..whole_input([1, 1], 150, 40) };
        let (mut layer, job, _) = case.build();
        layer.bias = None;
        let draw = Draw { seed, sample: 1 };
        for mut kernel in kernels() {
            let found = weights_of(&mut *kernel, &layer, &job, draw);
            assert_eq!(found, expected(&layer, draw), "{}", kernel.name());
        }
    }
}

/// Panels may be drawn independently, from any chunk on, so `first` may be within a group.
fn check_chunks<K: Kernel>(kernel: Option<K>) {
    let Some(kernel) = kernel else {
        not_here(K::NAME);
        return;
    };
    const COUNT: usize = 21;
    let mut random = Random::new(3);
    let mut chunks = || -> Vec<[u8; CHUNK]> {
        (0..COUNT).map(|_| std::array::from_fn(|_| random.byte())).collect()
    };
    let sigma = chunks();
    let mu: Vec<_> = chunks().into_iter().map(|chunk| chunk.map(|byte| byte as i8)).collect();
    let each: Vec<_> = chunks().iter().map(|chunk| chunk.map(|b| i16::from(b) * 128)).collect();
    let stream = ChaCha8::new(8, 9);
    let rows: Vec<i16> = (0..COUNT).map(|row| 100 * row as i16).collect();
    for first in [0, 1, 7, 8, 13, 1 << 31] {
        for multipliers in [
            NoiseMultipliers::Rows { multipliers: &rows, chunks: 1 },
            NoiseMultipliers::Rows { multipliers: &rows, chunks: 3 },
            NoiseMultipliers::Each(&each),
        ] {
            let mut found = [[0; CHUNK]; COUNT];
            let (mu, sigma) = (&mu[..], &sigma[..]);
            let weights = &mut found[..];
            kernel.draw(Drawing { stream, first, mu, sigma, multipliers, weights });
            for (i, found) in found.iter().enumerate() {
                let chunk = first + i as u64;
                let group = stream.group_bytes(chunk / CHUNKS_PER_GROUP as u64);
                let bytes = &group[chunk as usize % CHUNKS_PER_GROUP * 2 * CHUNK..][..2 * CHUNK];
                for (k, &weight) in found.iter().enumerate() {
                    let multiplier = match multipliers {
                        NoiseMultipliers::Rows { multipliers, chunks } => multipliers[i / chunks],
                        NoiseMultipliers::Each(each) => each[i][k],
                    };
                    let noise = noise(bytes[k], bytes[CHUNK + k]);
                    let expected = sample_weight(mu[i][k], sigma[i][k], multiplier, noise);
                    assert_eq!(weight, expected, "{} chunk {chunk} weight {k}", K::NAME);
                }
            }
        }
    }
}

/// Groups may be computed from any one on, and in any number: kernels compute some of them together.
fn check_groups<K: Kernel>(kernel: Option<K>) {
    let Some(kernel) = kernel else {
        not_here(K::NAME);
        return;
    };
    let stream = ChaCha8::new(8, 9);
    for (first, count) in [0, 1, 6, 1 << 24].into_iter().zip(0..).chain([(0, 4), (3, 7)]) {
        let (mut found, mut expected) = ([[1; GROUP_BYTES]; 8], [[1; GROUP_BYTES]; 8]);
        kernel.groups(stream, first, &mut found[..count]);
        stream.groups(first, &mut expected[..count]);
        assert!(found == expected, "{}: {count} from {first}", K::NAME);
    }
}

/// Checks that `panel[k / STEP][channel][k % STEP]` is weight `k` of the channel's row, or zero
/// after the end of the row.
fn check_packing<K: Kernel>(kernel: Option<K>)
where
    K::Weight: Into<i32>,
{
    let Some(kernel) = kernel else {
        not_here(K::NAME);
        return;
    };
    for length in [1, 4, 30, 63, 64, 65, 127, 200] {
        let chunks = usize::div_ceil(length, CHUNK);
        let row_entries = length.next_multiple_of(K::ROW_MULTIPLE);
        let mut random = Random::new(length as u64);
        let mut rows = vec![[0i8; CHUNK]; PANEL * chunks];
        for row in rows.chunks_exact_mut(chunks) {
            let row = &mut row.as_flattened_mut()[..length];
            row.iter_mut().for_each(|weight| *weight = random.byte() as i8);
        }
        // The kernel must not write to the guard after the panel.
        let mut memory = vec![K::Weight::from(99); PANEL * row_entries + 64];
        let (panel, guard) = memory.split_at_mut(PANEL * row_entries);
        let sums = kernel.pack(&rows, panel);
        assert!(guard.iter().all(|&weight| weight.into() == 99));
        for (channel, row) in rows.chunks_exact(chunks).enumerate() {
            let row = row.as_flattened();
            let padded_row = row.iter().chain(&[0; 64]).take(row_entries);
            for (k, &weight) in padded_row.enumerate() {
                let at = (k / K::STEP * PANEL + channel) * K::STEP + k % K::STEP;
                let expected = i32::from(weight);
                assert_eq!(panel[at].into(), expected, "{} {length} {channel} {k}", K::NAME);
            }
            let sum: i32 = row.iter().map(|&weight| i32::from(weight)).sum();
            assert_eq!(sums[channel], sum, "{} {length} {channel}", K::NAME);
        }
    }
}

/// Calls `$check` with every kernel of this architecture.
macro_rules! check_kernels {
    ($check:ident) => {
        for isa in Isa::compiled() {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Amx => {
                    $check(Amx::for_tests(false));
                    $check(Amx::for_tests(true));
                }
                _ => with_kernel!(isa, K => $check(K::new()), portable => {}, missing => {}),
            }
        }
    };
}

#[test]
fn rows_are_packed_into_panels() {
    check_kernels!(check_packing);
}

#[test]
fn groups_can_be_computed_from_anywhere_in_the_stream() {
    check_kernels!(check_groups);
}

#[test]
fn chunks_can_be_drawn_from_anywhere_in_the_stream() {
    check_kernels!(check_chunks);
}
