//! Convolutions that kernels of i16 products do by transformation: windows of 3 x 3 with stride 1.

use super::layers::{Case, Numbers};
use bayes8_core::graph::{Padding, Shape, Window};
use proptest::prelude::*;

prop_compose! {
    /// Generates cases on both sides of the rule: outputs of 25 to 289 positions, with and without
    /// padding, in one group or several, whose channels are whole vectors or almost.
    fn case_of_3x3()(
        groups in 1..4usize,
        vectors in 1..4usize,
        channels_are_whole in prop::bool::weighted(0.9),
        outputs in 1..40usize,
        [height, width] in [5..18usize, 5..18usize],
        [top, left, bottom, right] in [0..3usize, 0..3usize, 0..3usize, 0..3usize],
        pictures in 1..4usize,
        numbers in prop::sample::select(
            &[Numbers::Any, Numbers::Extreme, Numbers::Deterministic][..],
        ),
        logits in prop::bool::weighted(0.2),
        seed: u64,
    ) -> Case {
        let channels = if channels_are_whole { 16 * vectors } else { 16 * vectors - 1 };
        let padding = Padding { top, left, bottom, right, ..Padding::default() };
        let extent = |outputs: usize, before: usize, after: usize| {
            (outputs + 2).saturating_sub(before + after).max(1)
        };
        let input = Shape::new(
            extent(height, top, bottom),
            extent(width, left, right),
            groups * channels,
        );
        Case {
            pictures,
            input,
            out_channels: groups * outputs,
            groups,
            window: Window { padding, ..Window::new([3, 3]) },
            numbers,
            logits,
            seed,
        }
    }
}

proptest! {
    #[test]
    fn any_3x3_layer_agrees_with_the_reference(case in case_of_3x3()) {
        case.check();
    }
}

/// Tiles of 2 x 2 that reach over one edge, over both, or over none.
#[test]
fn odd_and_even_outputs() {
    for [height, width] in [[6, 6], [7, 6], [6, 7], [7, 7], [2, 32], [1, 64], [12, 13]] {
        let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
        for pictures in [1, 3] {
            let case = Case::square(Shape::new(height, width, 32), 20, 1);
            Case { window, pictures, ..case }.check();
        }
    }
}

/// The most channels whose sums fit after the transformation, and one vector more. Logits, since codes
/// would saturate.
#[test]
fn the_deepest_transformed_sum() {
    for channels in [1824, 1840] {
        let case = Case::square(Shape::new(8, 8, channels), 3, 1);
        let (window, numbers) = (Window::new([3, 3]), Numbers::Extreme);
        Case { window, numbers, logits: true, ..case }.check();
    }
}
