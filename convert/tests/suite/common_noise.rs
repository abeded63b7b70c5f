//! The FP32 network with the noise of the INT8 samples.

use crate::common::Fixture;
use bayes8_convert::HeadDetails;
use bayes8_convert::{
    Network, SigmaSource,
    calibrate::Observations,
    conversion::{ConversionOptions, convert},
    import,
    quantize::ModelDetails,
    reference::{CommonNoise, RunError},
};
use bayes8_core::{
    model::{Preprocessing, QuantizedModel},
    posterior::Draw,
};

/// A fixture with a MOPED posterior, and its INT8 model.
fn quantized(name: &str) -> (Network, QuantizedModel) {
    let fixture = Fixture::load(name);
    let network = import(&fixture.onnx, &SigmaSource::Moped { delta: 0.2 }).unwrap();
    let pictures = fixture.pictures.view();
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed = Observations::new(&network, &outputs, pictures.view(), 1, 0, || ()).unwrap();
    let channels = network.graph.input().channels;
    let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
    let options = ConversionOptions::default();
    let converted = convert(&network, pictures, &observed, details, &options).unwrap();
    (network, converted.model)
}

#[test]
fn common_noise_is_that_of_the_int8_samples() {
    for name in ["residual", "mobile"] {
        let (network, model) = quantized(name);
        let noise = CommonNoise::new(&network);
        noise.check(&model).unwrap();
        let (seed, sample) = (5, 3);
        let weights = noise.draw(seed, sample);
        let mut layers = model.layers();
        for (n, node) in network.graph.nodes().iter().enumerate() {
            let Some(parameters) = node.data.layer() else { continue };
            let parameters = parameters.member(0);
            let layer = layers.next().unwrap().member(0);
            let mut codes = vec![0; layer.mu.len()];
            layer.sample_weights(Draw { seed, sample }, &mut codes);
            let drawn = &weights.layer(n).unwrap().weight;
            for (i, (w, mu)) in drawn.iter().zip(&parameters.weight.mean).enumerate() {
                let (channel, i) = (i / layer.fan_in(), i % layer.fan_in());
                let position = layer.position(channel, i);
                let (code, mean) = (f32::from(codes[position]), f32::from(layer.mu[position]));
                let spread = (w - mu) / layer.scale[channel];
                // Sums are rounded and saturate as i8, and codes of sigma are rounded.
                let error = code - (mean + spread).clamp(-128.0, 127.0);
                let allowed = 1.0 + 0.05 * spread.abs();
                assert!(error.abs() <= allowed, "{name} {n} {i}: {code} {mean} {spread}");
            }
        }
    }
}

#[test]
fn noise_of_another_model_is_refused() {
    let ((network, _), (_, model)) = (quantized("residual"), quantized("branches"));
    assert!(matches!(CommonNoise::new(&network).check(&model), Err(RunError::Weights(_))));
}
