//! Regressions over numbers: their inputs of 8 and 16 bits, and outputs of any magnitude.

use bayes8_convert::calibrate::{Observations, RangeMethod};
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::quantize::{ModelDetails, QuantizeError};
use bayes8_convert::reference::predict_mean;
use bayes8_convert::{HeadDetails, HeadKind, ImportOptions, Network, OutputDetails, TargetDetails};
use bayes8_core::head::Sums;
use bayes8_core::model::{Planes, Preprocessing, QuantizedModel, Values};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
use ndarray::Array2;
use rten_onnx::onnx::ModelProto;

use crate::common::{Fixture, tensor, vector};
use crate::heads::{node, read};

/// Numbers between -1 and 1.
fn random(mut state: u64) -> impl FnMut() -> f32 {
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A network of two layers over six numbers that gives a mean and a log-variance.
fn regression() -> Network {
    regression_of(1.0)
}

/// A regression whose outputs are `size` times as large.
fn regression_of(size: f32) -> Network {
    let mut random = random(3);
    let mut weights = |count: usize| -> Vec<f32> { (0..count).map(|_| 0.6 * random()).collect() };
    let scaled = |weights: Vec<f32>| weights.into_iter().map(|w| size * w).collect::<Vec<_>>();
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.initializer = vec![
        tensor("w", &[6, 24], &weights(144)),
        tensor("b", &[24], &weights(24)),
        tensor("v", &[24, 2], &scaled(weights(48))),
        tensor("c", &[2], &scaled(weights(2))),
    ];
    graph.node = vec![
        node("Gemm", "hidden", &["x", "w", "b"]),
        node("Relu", "active", &["hidden"]),
        node("Gemm", "y", &["active", "v", "c"]),
    ];
    vector(&mut graph.input[0], "x", 6);
    vector(&mut graph.output[0], "y", 2);
    let options = ImportOptions::new().head(HeadKind::GaussianLogVariance);
    read(&model.write_buf().unwrap(), &options).unwrap()
}

/// The INT8 model of a regression, calibrated on `features`.
fn quantized(network: &Network, features: &Array2<f32>, planes: Option<Planes>) -> QuantizedModel {
    try_quantized(network, features, planes).unwrap()
}

fn try_quantized(
    network: &Network,
    features: &Array2<f32>,
    planes: Option<Planes>,
) -> Result<QuantizedModel, QuantizeError> {
    let targets = TargetDetails { scale: vec![20.0], offset: vec![35.0], ..Default::default() };
    let details = OutputDetails { targets, ..OutputDetails::default() };
    let outputs = network.heads(&details.into()).unwrap();
    let observed = Observations::new(network, &outputs, features.view(), 1, 0, || ()).unwrap();
    let (values, mean, std) = (Values::Numbers, vec![0.0; 6], vec![1.0; 6]);
    let preprocessing = Preprocessing { values, mean, std };
    let details =
        ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: planes };
    let options = ConversionOptions::new().method(RangeMethod::MinMax);
    convert(network, features.view(), &observed, details, &options).map(|found| found.model)
}

#[test]
fn small_outputs_keep_their_precision_and_others_are_refused() {
    let mut random = random(9);
    let features = Array2::from_shape_simple_fn((50, 6), || 2.0 * random());
    let relative_error = |size| {
        let network = regression_of(size);
        let model = quantized(&network, &features, None);
        let fp32 = predict_mean(&network, model.shared_outputs(), features.view(), |_| ()).unwrap();
        let options = PredictOptions::new().samples(0..1);
        let int8 = Model::new(model, ModelOptions::new()).unwrap();
        let int8 = int8.predict(Pictures::Numbers(features.view()), &options).unwrap();
        let mean = |sums: &Sums| sums.finish().targets().unwrap().mean[0];
        let pairs = int8.iter().zip(&fp32);
        let pairs = pairs.map(|(int8, fp32)| (mean(int8.sums()), mean(&fp32.sums()[0])));
        // The targets have an offset of 35 and a scale of 20.
        let errors = pairs.map(|(int8, fp32)| ((int8 - fp32) / (20.0 * f64::from(size))).abs());
        errors.fold(0.0, f64::max)
    };
    let usual = relative_error(1.0);
    for size in [1e-6, 1e-9, 1e-12] {
        let error = relative_error(size);
        assert!(error < 1.5 * usual + 0.01, "{size:e}: {error}, {usual}");
    }
    let error = |size| try_quantized(&regression_of(size), &features, None).unwrap_err();
    assert!(matches!(error(1e-25), QuantizeError::TooSmall { .. }));
    let large = error(1e35).to_string();
    assert!(large.contains("node `v`") && large.contains("may be infinite"), "{large}");
}

#[test]
fn an_input_of_16_bits_is_for_numbers_and_narrow_layers() {
    let network = regression();
    let features = Array2::from_elem((4, 6), 0.5);
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed = Observations::new(&network, &outputs, features.view(), 1, 0, || ()).unwrap();
    let preprocessing = Preprocessing::of_bytes(vec![0.0; 6], vec![1.0; 6]);
    let details = ModelDetails {
        name: "test".into(),
        preprocessing,
        outputs,
        input_planes: Some(Planes::Two),
    };
    let options = ConversionOptions::new().method(RangeMethod::MinMax);
    let error = convert(&network, features.view(), &observed, details, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an input of 16 bits is for numbers, but pixels have 8: 8 bits lose nothing"
    );
}

#[test]
fn a_regression_over_numbers_is_near_fp32_and_nearer_with_16_bits() {
    let network = regression();
    let mut random = random(9);
    let features = Array2::from_shape_simple_fn((200, 6), || 2.0 * random());
    let chosen = quantized(&network, &features, None);
    assert_eq!(chosen.input_planes(), Planes::Two);
    let targets = &chosen.outputs()[0].head.gaussian().unwrap().targets;
    assert!((-26..=-18).contains(&targets[0].exponent), "{targets:?}");
    let fp32 = predict_mean(&network, chosen.shared_outputs(), features.view(), |_| ()).unwrap();
    let error = |planes| {
        let model = Model::new(quantized(&network, &features, planes), ModelOptions::new());
        let options = PredictOptions::new().samples(0..1);
        let int8 = model.unwrap().predict(Pictures::Numbers(features.view()), &options).unwrap();
        let mut error = 0.0;
        for (int8, fp32) in int8.iter().zip(&fp32) {
            let (int8, fp32) = (int8.uncertainty().targets(), fp32.sums()[0].finish().targets());
            let (int8, fp32) = (int8.unwrap(), fp32.unwrap());
            assert!((int8.std[0] / fp32.std[0] - 1.0).abs() < 0.05, "{int8:?}, {fp32:?}");
            error += (int8.mean[0] - fp32.mean[0]).powi(2) / 200.0;
        }
        error.sqrt()
    };
    let (eight, sixteen) = (error(Some(Planes::One)), error(Some(Planes::Two)));
    // Of a spread of about 10.
    assert!(sixteen < 0.97 * eight && eight < 0.2, "{eight}, {sixteen}");
}
