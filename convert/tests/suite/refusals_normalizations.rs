//! Normalizations that are refused, with the name of the node.

use bayes8_convert::{SigmaSource, SigmaTensor, import_with};

use crate::common::{assert_names, float, int};
use crate::heads::node;
use crate::normalizations::{CHANNELS, INPUTS, file, options, refused, tensors, with};

#[test]
fn what_cannot_be_normalized_is_refused_with_the_name_of_the_node() {
    let layer = |axis| {
        let node = node("LayerNormalization", "y", &["x", "two"]);
        vec![with(node, vec![int("axis", axis)])]
    };
    let error = refused(17, layer(3), Vec::new());
    assert_names(&error, &["`y` (LayerNormalization)", "the axes from 3 on"]);
    let error = refused(17, layer(0), Vec::new());
    assert_names(&error, &["`y` (LayerNormalization)", "the axes from 0 on"]);
    let group = |count| {
        vec![with(node("GroupNormalization", "y", &INPUTS), vec![int("num_groups", count)])]
    };
    for count in [0, 4, -2] {
        let error = refused(21, group(count), Vec::new());
        assert_names(&error, &["`y` (GroupNormalization)", "`num_groups`", "6 channels"]);
    }
    let instance = |epsilon| {
        vec![with(node("InstanceNormalization", "y", &INPUTS), vec![float("epsilon", epsilon)])]
    };
    for epsilon in [0.0, -1.0] {
        let error = refused(17, instance(epsilon), Vec::new());
        assert_names(&error, &["`y` (InstanceNormalization)", "epsilon is"]);
    }
    let short = vec![node("InstanceNormalization", "y", &["x", "ones", "zeros"])];
    let error = refused(17, short, Vec::new());
    assert_names(&error, &["`y` (InstanceNormalization)", "input 1", "6 floats"]);
    // Weights that are random.
    let sigma = SigmaTensor::new("norm.weight.sigma", vec![CHANNELS], vec![0.1; CHANNELS]).unwrap();
    let sigmas = SigmaSource::Tensors([("norm.weight".to_owned(), sigma)].into());
    let file = file(17, instance(1e-5), tensors());
    let error = import_with(&file, &sigmas, &options()).unwrap_err().to_string();
    assert_names(&error, &["`y` (InstanceNormalization)", "`norm.weight`", "standard deviations"]);
}
