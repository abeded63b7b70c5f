//! Models are read back as they were written, and always written to the same bytes.

use bayes8_core::format::{read, write};
use bayes8_core::graph::{Shape, Value};
use bayes8_core::model::QuantizedModel;
use proptest::prelude::*;

use crate::container::File;
use crate::small_model::{described, file, model, parts};
use bayes8_conformance::name_classes;
use bayes8_conformance::{
    Builder, Kind, node_mut, random_model_of_all_operations, random_volume_model, thinned,
    with_seven_bits,
};

#[test]
fn random_networks_are_read_as_they_were_written() {
    for seed in thinned(0..200) {
        for model in [random_model_of_all_operations(seed), random_volume_model(seed)] {
            let bytes = write(&model).unwrap();
            assert_eq!(read(&bytes).unwrap(), model, "seed {seed}");
            assert_eq!(write(&model).unwrap(), bytes, "seed {seed}: other bytes");
        }
    }
}

#[test]
fn the_bits_of_activations_are_kept_and_checked() {
    let description =
        |model: &QuantizedModel| File::without_digest(&write(model).unwrap()).description;
    let seven = with_seven_bits(&model());
    assert_eq!(read(&write(&seven).unwrap()).unwrap(), seven);
    let bits = "\"activation_bits\":7,";
    assert!(
        description(&seven).contains(bits) && !description(&model()).contains("activation_bits")
    );
    let name = "\"name\":\"test";
    described(name, &format!("\"activation_bits\":6,{name}"), "7 or 8 bits, not 6");
    described(name, &format!("{bits}{name}"), "activation_bits");
}

#[test]
fn every_kind_of_layer_and_all_metadata_are_kept() {
    let model = model();
    let layers: Vec<_> = model.layers().map(|members| members.member(0)).collect();
    assert!(layers[2].depthwise && layers[2].is_bayesian() && !layers[3].is_bayesian());
    assert_eq!(read(&write(&model).unwrap()).unwrap(), model);
}

/// More than 1,024 commas, with fewer than 8 bytes each. Without white space, the reader would
/// refuse them.
#[test]
fn thousands_of_short_class_names_can_be_read_back() {
    for name in ["", "ab", "a,,,,,,,b", "twelve bytes"] {
        let mut b = Builder::new(1, Shape::vector(1));
        b.linear(Value::Input, 2000, Kind::Bayesian).unwrap();
        let mut parts = b.parts();
        name_classes(&mut parts, &vec![name; 2000]);
        let model = QuantizedModel::new(parts).unwrap();
        let bytes = write(&model).unwrap();
        assert_eq!(read(&bytes).unwrap(), model, "{name:?}");
        assert_eq!(write(&model).unwrap(), bytes, "{name:?}: other bytes");
        let spread = File::without_digest(&bytes).description.ends_with(' ');
        assert_eq!(spread, name != "twelve bytes", "{name:?}: no byte more than is needed");
    }
}

/// A depthwise layer is [C][taps] in the file, like all layers, but [taps][C] in memory.
#[test]
fn depthwise_weights_are_stored_by_channel() {
    let model = model();
    let node = model.graph().nodes().iter().filter(|node| node.op.is_weighted()).nth(2).unwrap();
    let (name, layer) = (&node.name, node.data.layer().unwrap().member(0));
    let tensor = &file().tensors[&format!("{name}.mu")];
    assert_eq!(tensor.shape, [6, 3, 3, 1]);
    for channel in 0..6 {
        for tap in 0..9 {
            assert_eq!(tensor.data[channel * 9 + tap] as i8, layer.mu[tap * 6 + channel]);
        }
    }
}

proptest! {
    /// Numbers in JSON must keep every bit.
    #[test]
    fn any_number_survives_the_description(
        scale in 1e-20f32..1e20,
        mean in any::<f32>().prop_filter("finite", |x| x.is_finite()),
        range in [-1e38f32..1e38, -1e-30f32..1e-30],
    ) {
        let mut parts = parts();
        parts.input.scale = scale;
        node_mut(&mut parts, 0).output.as_mut().unwrap().scale = scale;
        parts.preprocessing.mean[1] = mean;
        parts.calibration.as_mut().unwrap().ranges[2] = range;
        // A scale may be too far from its neighbours for a model, which another test covers.
        if let Ok(model) = QuantizedModel::new(parts) {
            prop_assert_eq!(read(&write(&model).unwrap()).unwrap(), model);
        }
    }
}
