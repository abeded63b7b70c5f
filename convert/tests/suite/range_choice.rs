//! The ranges of a network if nobody names a method.

use std::collections::BTreeMap;

use crate::common::Fixture;
use bayes8_convert::HeadDetails;
use bayes8_convert::{
    Network, SigmaSource,
    calibrate::{Observations, RangeMethod},
    conversion::{ConversionOptions, convert},
    import,
    quantize::ModelDetails,
    range_choice::{OUTLIERS, OUTWEIGHED, RangeChoice, Tried},
};
use bayes8_core::model::Preprocessing;
use ndarray::{ArrayD, Axis};

fn choice(network: &Network, pictures: &ArrayD<f32>) -> RangeChoice {
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed = Observations::new(network, &outputs, pictures.view(), 8, 0, || ()).unwrap();
    let channels = network.graph.input().channels;
    let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
    let options = ConversionOptions::default();
    let converted = convert(network, pictures.view(), &observed, details, &options).unwrap();
    let choice = converted.range_choice.unwrap();
    let calibration = converted.model.calibration().unwrap();
    assert_eq!(calibration.method, choice.method.to_string(), "what the file says");
    choice
}

fn fixture(posterior: SigmaSource) -> (Network, ArrayD<f32>) {
    let fixture = Fixture::load("residual");
    (import(&fixture.onnx, &posterior).unwrap(), fixture.pictures)
}

#[test]
fn a_wide_posterior_leaves_ranges_their_room() {
    let (network, pictures) = fixture(SigmaSource::Moped { delta: 0.2 });
    let choice = choice(&network, &pictures);
    assert_eq!(choice.method, RangeMethod::MinMax);
    assert_eq!(choice.tried.len(), 1);
    let over = choice.tried[0].mutual_information / choice.fp32_mutual_information;
    assert!((0.8..OUTWEIGHED).contains(&over), "{over}");
}

#[test]
fn without_posterior_there_is_nothing_to_try() {
    let (network, pictures) = fixture(SigmaSource::Tensors(BTreeMap::new()));
    let choice = choice(&network, &pictures);
    assert_eq!((choice.method, choice.tried.len()), (RangeMethod::MinMax, 0));
}

#[test]
fn where_rounding_outweighs_the_posterior_the_nearest_to_fp32_is_chosen() {
    let (network, pictures) = fixture(SigmaSource::Moped { delta: 1e-3 });
    let choice = choice(&network, &pictures);
    assert!(choice.tried.len() > 1, "{choice:?}");
    let distance =
        |tried: &Tried| (tried.mutual_information / choice.fp32_mutual_information).ln().abs();
    let nearest = choice.tried.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
    assert_eq!(nearest.map(|tried| tried.method), Some(choice.method), "{choice:?}");
}

#[test]
fn outliers_cost_min_max_its_place() {
    let (network, pictures) = fixture(SigmaSource::Moped { delta: 0.2 });
    // Enough numbers that a single outlier counts less than the precision it would cost all others.
    let copies = 6000 / pictures.len_of(Axis(0));
    let mut many = ndarray::concatenate(Axis(0), &vec![pictures.view(); copies]).unwrap();
    many.iter_mut().next().into_iter().for_each(|x| *x = 1000.0);
    let choice = choice(&network, &many);
    assert_eq!(choice.method, RangeMethod::Mse, "{choice:?}");
    assert!(choice.min_max_error > OUTLIERS * choice.mse_error, "{choice:?}");
}
