//! Wrong requests are refused with the right reason, and runs add up however they are split or
//! cancelled.

use bayes8_conformance::random_model;
use bayes8_core::executor::Workspace;
use bayes8_core::input::InputQuantizer;
use bayes8_core::model::QuantizedModel;
use bayes8_core::posterior::MAX_SAMPLES;
use bayes8_core::reference::Reference;
use bayes8_core::session::{
    DrawSequence, Estimate, Input, Pieces, RequestError, SampleRange, Session,
};
use std::cell::Cell;
use std::ops::{ControlFlow, Range};

const PICTURES: usize = 3;

fn samples(range: Range<u32>) -> SampleRange {
    SampleRange::new(range).expect("samples that can be run")
}

fn codes(model: &QuantizedModel) -> Vec<u8> {
    let bytes: Vec<u8> =
        (0..PICTURES * model.graph().input().elements()).map(|i| (i * i / 3) as u8).collect();
    let mut codes = vec![7];
    let quantizer = InputQuantizer::new(model);
    Input::Bytes(&bytes).quantize(&quantizer, &mut codes).expect("whole pictures");
    codes
}

/// A session that has taken a batch.
struct Begun {
    session: Session<Reference>,
    workspace: Workspace<Reference>,
    estimates: Vec<Estimate>,
}

impl Begun {
    fn new(model: &QuantizedModel) -> Self {
        let session = Session::new(model, Reference, 1 << 20);
        let mut workspace = session.workspace().expect("memory");
        session.executor().begin(&codes(model), &mut workspace).expect("memory");
        let estimates = vec![Estimate::new(model.shared_outputs()).expect("memory"); PICTURES];
        Self { session, workspace, estimates }
    }

    /// Runs samples and keeps their outputs. Breaks after `most` samples.
    fn run(&mut self, range: Range<u32>, most: usize) -> ControlFlow<()> {
        let done = Cell::new(0);
        let progress = || {
            done.set(done.get() + 1);
            if done.get() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let each = |picture: usize, outputs: &[f32]| self.estimates[picture].add(outputs, true);
        let draws = DrawSequence::Random { seed: 5 };
        self.session.run(&mut self.workspace, &draws, samples(range), |_, _| None, each, progress)
    }
}

#[test]
fn samples_that_do_not_exist_are_refused() {
    let reversed = Range { start: 5, end: 3 };
    for range in [0..0, reversed, 0..MAX_SAMPLES + 1, MAX_SAMPLES..MAX_SAMPLES, 0..u32::MAX] {
        let error = SampleRange::new(range.clone()).expect_err("no such samples");
        assert_eq!(error, RequestError::Samples(range));
    }
    assert_eq!(samples(0..MAX_SAMPLES).count(), MAX_SAMPLES as usize);
    assert!(samples(7..9).after(u64::from(MAX_SAMPLES) - 2).is_ok());
    let before = u64::from(MAX_SAMPLES) - 1;
    let error = samples(7..9).after(before).expect_err("one too many");
    assert_eq!(error, RequestError::TooManySamples(before + 2));
}

#[test]
fn parts_of_samples_make_up_the_whole() {
    let (first, rest) = samples(3..10).split_at(2);
    assert_eq!((first, rest), (samples(3..5), samples(5..10)));
}

#[test]
fn input_that_is_not_a_batch_is_refused() {
    let model = random_model(0);
    let quantizer = InputQuantizer::new(&model);
    let (shape, mut codes) = (quantizer.shape(), Vec::new());
    let elements = shape.elements();
    for found in [0, 1, elements - 1, elements + 1] {
        let error = Err(RequestError::Length { found, shape });
        assert_eq!(Input::Bytes(&vec![0; found]).quantize(&quantizer, &mut codes), error);
        assert_eq!(Input::Normalized(&vec![0.0; found]).quantize(&quantizer, &mut codes), error);
    }
    let mut numbers = vec![0.0; 3 * elements];
    for (picture, number) in [(0, f32::NAN), (2, f32::INFINITY), (1, f32::NEG_INFINITY)] {
        numbers.fill(0.0);
        numbers[picture * elements + elements / 2] = number;
        let error = Input::Normalized(&numbers).quantize(&quantizer, &mut codes);
        assert_eq!(error, Err(RequestError::NotFinite { picture }));
    }
    assert_eq!(Input::Normalized(&numbers).pictures(&quantizer), Ok(3));
}

#[test]
fn a_run_ends_after_the_sample_that_breaks_and_can_be_continued() {
    let model = random_model(1);
    let (mut whole, mut parts) = (Begun::new(&model), Begun::new(&model));
    assert_eq!(whole.run(2..8, usize::MAX), ControlFlow::Continue(()));
    assert_eq!(parts.run(2..8, 4), ControlFlow::Break(()));
    // Between two runs, the estimates have the samples so far.
    assert!(parts.estimates.iter().all(|estimate| estimate.sums()[0].samples() == 4));
    assert_eq!(parts.run(6..8, usize::MAX), ControlFlow::Continue(()));
    assert_eq!(parts.estimates, whole.estimates);
    assert_eq!(whole.estimates[0].numbers().len(), 6 * model.output_numbers());
}

#[test]
fn estimates_of_two_sessions_merge_to_the_whole() {
    let model = random_model(2);
    let mut begun = [Begun::new(&model), Begun::new(&model), Begun::new(&model)];
    for (begun, range) in begun.iter_mut().zip([0..5, 0..2, 2..5]) {
        assert!(begun.run(range, usize::MAX).is_continue());
    }
    let [whole, mut first, rest] = begun;
    for (estimate, later) in first.estimates.iter_mut().zip(&rest.estimates) {
        estimate.merge(later);
    }
    assert_eq!(first.estimates, whole.estimates);
    // Reused memory shows no trace of its old contents.
    let mut used = first.estimates.pop().expect("a picture");
    used.reset(model.shared_outputs()).expect("memory");
    assert_eq!(used, Estimate::new(model.shared_outputs()).expect("memory"));
}

#[test]
fn pieces_make_up_the_whole_prediction_in_order() {
    let model = random_model(0);
    for (threads, pictures, range) in
        [(1, 1, 0..1), (1, 3000, 5..6), (3, 5, 10..1000), (2, 2500, 100..300), (4, 0, 0..9)]
    {
        let whole: Vec<_> = Pieces::WHOLE.of(pictures, samples(range.clone())).collect();
        let expected = [(0..pictures, samples(range.clone()))];
        assert_eq!(whole, if pictures > 0 { &expected[..] } else { &[] });

        let mut seen = vec![range.start; pictures];
        let pieces = Pieces::new(&model, threads, samples(range.clone()));
        for (pictures, samples) in pieces.of(pictures, samples(range.clone())) {
            assert!(pictures.len() <= 1024 && samples.count() <= 64usize.next_multiple_of(threads));
            for next in &mut seen[pictures] {
                let indices = samples.indices();
                assert_eq!(indices.start, *next, "the sample after the last");
                *next = indices.end;
            }
        }
        assert!(seen.iter().all(|&next| next == range.end), "{pictures} pictures, {range:?}");
    }
}
