//! One network in the spelling of every operator set (see `data/networks/operator_sets.py`), and
//! other ways in which files hold the same network.

use std::cell::RefCell;

use crate::common::{Fixture, assert_names, find, float, initializer, int, none};
use bayes8_convert::{
    Network, import,
    reference::{FloatWeights, run},
};
use half::{bf16, f16};
use rten_onnx::onnx::{DataType, ModelProto, NodeProto};

fn parse(fixture: &str) -> ModelProto {
    ModelProto::parse_buf(&Fixture::load(fixture).onnx).unwrap()
}

fn imported(model: &ModelProto) -> Result<Network, String> {
    import(&model.write_buf().unwrap(), &none()).map_err(|error| error.to_string())
}

fn nodes(model: &mut ModelProto) -> &mut Vec<NodeProto> {
    &mut model.graph.as_mut().unwrap().node
}

#[test]
fn every_operator_set_is_read_in_its_own_spelling() {
    for version in [7, 8, 9, 10, 11, 12, 13, 17, 18, 19, 21, 22, 23, 24, 25] {
        let fixture = Fixture::load(&format!("opset{version}"));
        let network = fixture.import();
        let weights = FloatWeights::mean(&network, 0);
        let logits = run(&network, &weights, fixture.pictures.view(), |_, _, _| ()).unwrap();
        let error = (&logits - &fixture.output).iter().fold(0f32, |max, d| max.max(d.abs()));
        assert!(error < 1e-5, "operator set {version}: {error}");
    }
}

#[test]
fn what_an_older_operator_set_means_otherwise_is_refused_by_node() {
    let refusal = |fixture: &str, change: fn(&mut ModelProto)| {
        let mut model = parse(fixture);
        change(&mut model);
        imported(&model).unwrap_err()
    };
    let filled = refusal("opset10", |m| {
        let pad = find(m, "Pad");
        pad.attribute.retain(|a| a.name.as_deref() != Some("value"));
        pad.attribute.push(float("value", 1.0));
    });
    assert_names(&filled, &["(Pad)", "only padding with 0.0"]);
    let elements = refusal("opset8", |m| {
        let norm = find(m, "BatchNormalization");
        norm.attribute.retain(|a| a.name.as_deref() != Some("spatial"));
        norm.attribute.push(int("spatial", 0));
    });
    assert_names(&elements, &["(BatchNormalization)", "`spatial` = 0"]);
    let training = refusal("opset9", |m| {
        let outputs = &mut find(m, "BatchNormalization").output;
        outputs.extend(["mean", "var", "saved_mean", "saved_var"].map(String::from));
    });
    assert_names(&training, &["(BatchNormalization)", "training mode"]);
    // As in Add up to operator set 6: the shape alone would mean something else.
    let broadcast = refusal("opset7", |m| find(m, "Gemm").attribute.push(int("broadcast", 1)));
    assert_names(&broadcast, &["(Gemm)", "attribute `broadcast`"]);
}

#[test]
fn other_operator_sets_are_named() {
    for version in [0, 6, 26] {
        let mut model = parse("residual");
        model.opset_import[0].version = Some(version);
        assert_names(&imported(&model).unwrap_err(), &[&version.to_string(), "7 to 25"]);
    }
    // A set of another domain that no node uses does not matter.
    let mut model = parse("residual");
    let mut other = parse("residual").opset_import.remove(0);
    (other.domain, other.version) = (Some("ai.onnx.ml".into()), Some(5));
    model.opset_import.insert(0, other);
    assert!(imported(&model).is_ok());
}

#[test]
fn weights_of_16_and_64_bits_are_the_same_numbers() {
    type Type = (DataType, fn(f32) -> f32, fn(f32) -> Vec<u8>);
    // Each type's numbers are also f32 numbers, so that both networks must be equal.
    let types: [Type; 3] = [
        (
            DataType::FLOAT16,
            |x| f16::from_f32(x).to_f32(),
            |x| f16::from_f32(x).to_le_bytes().into(),
        ),
        (
            DataType::BFLOAT16,
            |x| bf16::from_f32(x).to_f32(),
            |x| bf16::from_f32(x).to_le_bytes().into(),
        ),
        (DataType::DOUBLE, |x| x, |x| f64::from(x).to_le_bytes().into()),
    ];
    for (data_type, rounded, bytes) in types {
        let (mut exact, mut narrow) = (parse("flatten"), parse("flatten"));
        let names: Vec<String> = exact
            .graph
            .as_ref()
            .unwrap()
            .initializer
            .iter()
            .map(|tensor| tensor.name.clone().unwrap())
            .collect();
        for (i, name) in names.iter().enumerate() {
            let floats: Vec<f32> = {
                let raw = initializer(&mut exact, name).raw_data.as_ref().unwrap().borrow();
                raw.as_chunks().0.iter().map(|b| rounded(f32::from_le_bytes(*b))).collect()
            };
            initializer(&mut exact, name).raw_data =
                Some(RefCell::new(floats.iter().flat_map(|x| x.to_le_bytes()).collect()));
            let tensor = initializer(&mut narrow, name);
            tensor.data_type = Some(data_type);
            let raw: Vec<u8> = floats.iter().flat_map(|&x| bytes(x)).collect();
            // Both places where a file may keep 16 bits.
            if i % 2 == 0 && data_type != DataType::DOUBLE {
                tensor.raw_data = None;
                let half = |b: &[u8; 2]| i32::from(u16::from_le_bytes(*b));
                tensor.int32_data = raw.as_chunks().0.iter().map(half).collect();
            } else {
                tensor.raw_data = Some(RefCell::new(raw));
            }
        }
        // The activations between two Casts, and the picture, have the type, too.
        let graph = narrow.graph.as_mut().unwrap();
        let picture = graph.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        picture.elem_type = Some(data_type);
        let cast = NodeProto {
            op_type: Some("Cast".into()),
            input: vec!["input".into()],
            output: vec!["cast".into()],
            attribute: vec![int("to", data_type.0.into())],
            ..NodeProto::default()
        };
        graph.node[0].input[0] = "cast".into();
        graph.node.insert(0, cast);
        assert_eq!(imported(&narrow).unwrap(), imported(&exact).unwrap(), "{data_type}");
    }
}

#[test]
fn nodes_may_come_in_any_order() {
    for fixture in ["residual", "branches", "shape_spelled"] {
        let sorted = Fixture::load(fixture);
        let expected = sorted.import();
        let mut model = parse(fixture);
        nodes(&mut model).reverse();
        let network = imported(&model).unwrap();
        let weights = FloatWeights::mean(&network, 0);
        let logits = run(&network, &weights, sorted.pictures.view(), |_, _, _| ()).unwrap();
        let error = (&logits - &sorted.output).iter().fold(0f32, |max, d| max.max(d.abs()));
        assert!(error < 1e-5, "{fixture}: {error}");
        assert_eq!(network.graph.nodes().len(), expected.graph.nodes().len());
    }
}

#[test]
fn a_cycle_is_refused_by_node() {
    let mut model = parse("residual");
    let relu = find(&mut model, "Relu").output[0].clone();
    let conv = find(&mut model, "Conv");
    let name = conv.name.clone().unwrap();
    conv.input[0] = relu;
    let message = imported(&model).unwrap_err();
    assert_names(&message, &["depends on its own output"]);
    assert!(["Conv", "BatchNormalization", "Relu"].iter().any(|op| message.contains(op)), "{name}");
}

#[test]
fn a_constant_that_shape_reads_keeps_its_numbers_for_others() {
    for name in ["shape_spelled", "exported/pad-spelled-by-shape", "exported/zero-pad-bnn"] {
        let fixture = Fixture::load(name);
        let network = fixture.import();
        let weights = FloatWeights::mean(&network, 0);
        let logits = run(&network, &weights, fixture.pictures.view(), |_, _, _| ()).unwrap();
        let error = (&logits - &fixture.output).iter().fold(0f32, |max, d| max.max(d.abs()));
        assert!(error < 1e-5, "{name}: {error}");
        let layers = network.layers();
        let bayesian = layers.filter(|layer| layer.member(0).weight.sigma.is_some()).count();
        assert_eq!(bayesian > 0, !fixture.sigmas.is_empty(), "{name}");
    }
}
