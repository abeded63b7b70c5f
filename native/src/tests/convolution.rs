//! Convolutions and matrix products of every shape.

use super::layers::{Case, Numbers};
use super::{kernels, reference};
use bayes8_core::graph::{Depth, Padding, Shape, Window};
use proptest::prelude::*;

/// Generates groups, input channels and output channels: a single group, several groups, or
/// depthwise.
fn channels() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![
        3 => (1..71usize, 1..71usize).prop_map(|(inputs, outputs)| (1, inputs, outputs)),
        2 => (2..9usize, 1..9usize, 1..9usize).prop_map(|(g, i, o)| (g, g * i, g * o)),
        // Groups of more than a panel.
        1 => (2..4usize, 1..20usize, 17..24usize).prop_map(|(g, i, o)| (g, g * i, g * o)),
        2 => (2..71usize).prop_map(|channels| (channels, channels, channels)),
    ]
}

prop_compose! {
    /// Generates one axis of a window and of an input that it fits: kernel, stride, dilation,
    /// padding before and after, extent.
    fn axis()(kernel in 1..8usize, stride in 1..4usize, dilation in 1..4usize)(
        kernel in Just(kernel),
        stride in Just(stride),
        dilation in Just(dilation),
        before in 0..=(kernel - 1) * dilation,
        after in 0..=(kernel - 1) * dilation,
        more in 0..6usize,
    ) -> [usize; 6] {
        let needed = (kernel - 1) * dilation + 1;
        let extent = needed.saturating_sub(before + after).max(1) + more;
        [kernel, stride, dilation, before, after, extent]
    }
}

/// Generates the planes of a picture or of a small volume.
fn planes() -> impl Strategy<Value = [usize; 6]> {
    let volume = axis().prop_filter("small", |[kernel, .., extent]| kernel.max(extent) <= &5);
    prop_oneof![3 => Just([1, 1, 1, 0, 0, 1]), 1 => volume]
}

prop_compose! {
    fn any_case()(
        (groups, in_channels, out_channels) in channels(),
        [vertical, horizontal] in [axis(), axis()],
        planes in planes(),
        pictures in 1..4usize,
        numbers in prop::sample::select(
            &[Numbers::Any, Numbers::Any, Numbers::Extreme, Numbers::Deterministic][..],
        ),
        logits in prop::bool::weighted(0.2),
        seed: u64,
    ) -> Case {
        let [kh, sh, dh, top, bottom, height] = vertical;
        let [kw, sw, dw, left, right, width] = horizontal;
        let [kernel, stride, dilation, front, back, depth] = planes;
        Case {
            pictures,
            input: Shape::volume(depth, height, width, in_channels),
            out_channels,
            groups,
            window: Window {
                kernel: [kh, kw],
                stride: [sh, sw],
                dilation: [dh, dw],
                padding: Padding { top, left, bottom, right, front, back },
                depth: Depth { kernel, stride, dilation },
            },
            numbers,
            logits,
            seed,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4 * ProptestConfig::default().cases))]

    #[test]
    fn any_layer_agrees_with_the_reference(case in any_case()) {
        case.check();
    }

    #[test]
    fn any_matrix_product_agrees_with_the_reference(
        m in 1..40usize,
        k in 1..300usize,
        n in 1..70usize,
        extreme: bool,
        logits: bool,
    ) {
        let numbers = if extreme { Numbers::Extreme } else { Numbers::Any };
        Case { numbers, logits, ..Case::linear(m, k, n) }.check();
    }

    #[test]
    fn working_memory_of_other_shapes_does_not_show(
        cases in prop::collection::vec(any_case(), 2..4),
    ) {
        let (mut reference, mut kernels) = (reference(), kernels());
        for case in cases.iter().chain(&cases[..1]) {
            case.check_with(&mut *reference, &mut kernels);
        }
    }
}

#[test]
fn rows_that_are_no_multiple_of_a_step() {
    for k in [1, 2, 3, 5, 6, 7, 63, 65, 66, 67, 129] {
        Case::linear(5, k, 16).check();
    }
}

#[test]
fn channels_around_panels_and_tiles() {
    for n in [1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65] {
        Case::linear(5, 20, n).check();
        Case { logits: true, ..Case::linear(5, 20, n) }.check();
    }
}

#[test]
fn rows_around_tiles() {
    for m in (1..=26).chain([31, 32, 33, 47, 48, 49, 63, 64, 65, 97]) {
        Case::linear(m, 12, 33).check();
        Case::linear(m, 7, 17).check();
    }
}

/// AMX multiplies more than 576 columns in parts, whose sums wait in memory. It finishes a tile of
/// outputs while it multiplies the next, which may have other panels.
#[test]
fn panels_follow_each_other() {
    // One tile of rows; two tiles that stay in cache, together or one by one; two and more tiles
    // whose weights stay. An odd number of panels, the last of them partial.
    for (m, k) in [(20, 256), (49, 512), (49, 768), (49, 1664), (99, 130)] {
        Case::linear(m, k, 77).check();
    }
    let numbers = Numbers::Deterministic;
    Case { numbers, logits: true, ..Case::linear(49, 192, 96) }.check();
}

#[test]
fn deep_rows_of_more_than_one_tile() {
    for (m, k, n) in [(65, 769, 33), (81, 832, 16), (70, 2000, 48), (97, 1600, 32), (49, 1700, 20)]
    {
        Case::linear(m, k, n).check();
        Case { logits: true, ..Case::linear(m, k, n) }.check();
    }
}

#[test]
fn rows_of_more_than_one_block() {
    // 16 KiB hold 512 rows of 32 bytes.
    Case::square(Shape::new(37, 41, 32), 33, 1).check();
    Case { pictures: 3, ..Case::square(Shape::new(23, 19, 5), 18, 3) }.check();
}

#[test]
fn a_row_of_more_than_one_block() {
    Case::linear(13, 9000, 17).check();
    Case::linear(1, 20_011, 5).check();
    Case::linear(30, 16_384, 33).check();
}

/// 65,000 products of 255 and -128 come close to the limit of i32.
#[test]
fn the_deepest_sum_that_the_loader_lets_pass() {
    let deepest = i32::MAX as usize / (255 * 128) - 20;
    for seed in 0..4 {
        let numbers = Numbers::Extreme;
        Case { numbers, logits: true, seed, ..Case::linear(2, deepest, 3) }.check();
    }
}

#[test]
fn padding_counts_as_the_zero_point() {
    for kernel in [2, 3, 5, 7] {
        let case = Case::square(Shape::new(3, 2, 6), 18, kernel);
        case.check();
        Case { groups: 2, ..case }.check();
    }
}

/// With an input narrower than the kernel, no row of taps is inside as a whole.
#[test]
fn windows_wider_than_the_input() {
    let padding = Padding { left: 6, right: 3, ..Padding::default() };
    let window = Window { padding, ..Window::new([1, 7]) };
    Case { window, ..Case::square(Shape::new(4, 1, 3), 16, 1) }.check();
    let window = Window { dilation: [1, 3], ..window };
    Case { window, ..Case::square(Shape::new(4, 12, 3), 16, 1) }.check();
}

#[test]
fn strided_1x1_is_not_the_input_itself() {
    for stride in [[2, 2], [1, 2], [2, 1], [3, 3]] {
        let window = Window { stride, ..Window::new([1, 1]) };
        Case { window, pictures: 2, ..Case::square(Shape::new(7, 5, 16), 20, 1) }.check();
        // If only one position is left, it is.
        Case { window, pictures: 9, ..Case::square(Shape::new(1, 1, 16), 20, 1) }.check();
    }
}

#[test]
fn grouped_layers_with_one_channel_per_group() {
    // One group per input, but more outputs: not depthwise.
    Case { groups: 6, ..Case::square(Shape::new(5, 5, 6), 12, 3) }.check();
    // One group of one channel: not depthwise either.
    Case::square(Shape::new(5, 5, 1), 1, 3).check();
}

/// Volumes with and without padding, and volumes that are copied one by one.
#[test]
fn volumes_of_every_source_of_rows() {
    let depth = |kernel, stride| Depth { kernel, stride, dilation: 1 };
    for (input, kernel, padding, groups) in [
        (Shape::volume(4, 5, 6, 16), 3, 1, 1),
        (Shape::volume(4, 5, 6, 16), 3, 0, 1),
        (Shape::volume(5, 4, 3, 3), 3, 1, 1),
        (Shape::volume(6, 2, 2, 64), 1, 0, 1),
        (Shape::volume(3, 4, 5, 32), 3, 1, 4),
        (Shape::volume(17, 9, 9, 64), 3, 1, 1),
    ] {
        for stride in [1, 2] {
            let window = Window {
                depth: depth(kernel, stride),
                padding: Padding { front: padding, back: padding, ..Padding::uniform(padding) },
                ..Window::new([kernel, kernel])
            };
            Case { window, groups, pictures: 2, ..Case::square(input, 20, 1) }.check();
        }
    }
}

#[test]
fn depthwise_channels_around_blocks() {
    for channels in [2, 15, 16, 63, 64, 65, 127, 128, 130] {
        let case = Case::square(Shape::new(4, 5, channels), channels, 3);
        Case { groups: channels, pictures: 2, ..case }.check();
    }
}

#[test]
fn depthwise_windows_of_every_kind() {
    for (kernel, stride, dilation) in [
        ([1, 1], [1, 1], [1, 1]),
        ([3, 1], [1, 1], [1, 1]),
        ([1, 4], [1, 1], [1, 1]),
        ([3, 3], [2, 2], [1, 1]),
        ([5, 5], [1, 2], [1, 1]),
        ([3, 3], [1, 1], [2, 2]),
        ([3, 3], [2, 4], [3, 2]),
        // The pairs of a window lie between the starts of windows.
        ([3, 3], [1, 3], [1, 1]),
    ] {
        let padding = Padding { left: 2, right: 1, top: 1, bottom: 2, ..Padding::uniform(0) };
        let window = Window { stride, dilation, padding, ..Window::new(kernel) };
        let case = Case::square(Shape::new(9, 11, 20), 20, 1);
        Case { window, groups: 20, pictures: 2, ..case }.check();
        let depth = Depth { kernel: 2, stride: 2, dilation: 2 };
        let window = Window { depth, padding: Padding { front: 1, ..padding }, ..window };
        let case = Case::square(Shape::volume(5, 9, 11, 20), 20, 1);
        Case { window, groups: 20, pictures: 2, ..case }.check();
    }
    // Lines that take too much memory to be paired.
    let case = Case::square(Shape::new(5, 1500, 16), 16, 3);
    Case { groups: 16, ..case }.check();
}
