//! What the importer refuses, and that its errors name the culprit.

mod common;

use std::cell::RefCell;

use bayes8_convert::{ImportError, SigmaSource, SigmaTensor, import};
use common::{Fixture, assert_names, float, initializer, int, none};
use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataLocation, DataType, Dimension, ModelProto, NodeProto,
    TensorProto,
};

/// Imports a fixture after `change` and returns the error's message.
fn refusal(fixture: &str, change: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = ModelProto::parse_buf(&Fixture::load(fixture).onnx).unwrap();
    change(&mut model);
    import(&model.write_buf().unwrap(), &none()).unwrap_err().to_string()
}

/// The first node of this operator.
fn find<'m>(model: &'m mut ModelProto, op: &str) -> &'m mut NodeProto {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes.iter_mut().find(|n| n.op_type.as_deref() == Some(op)).unwrap()
}

fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        s: Some(value.into()),
        r#type: Some(AttributeType::STRING),
        ..AttributeProto::default()
    }
}

#[test]
fn unsupported_operators_and_attributes_name_their_node() {
    let replaced = refusal("residual", |m| find(m, "Relu").op_type = Some("Det".into()));
    assert_names(&replaced, &["/relu2", "Det", "not supported"]);
    let mode = refusal("mobile", |m| find(m, "Pad").attribute.push(string("mode", "reflect")));
    assert_names(&mode, &["/pad", "(Pad)", "constant padding"]);
    let auto = refusal("mobile", |m| find(m, "Conv").attribute.push(string("auto_pad", "SAME")));
    assert_names(&auto, &["(Conv)", "auto_pad SAME"]);
    let training = refusal("mobile", |m| {
        find(m, "BatchNormalization").attribute.push(int("training_mode", 1));
    });
    assert_names(&training, &["(BatchNormalization)", "training mode"]);
    let transposed = refusal("flatten", |m| find(m, "Gemm").attribute.push(int("transA", 1)));
    assert_names(&transposed, &["(Gemm)", "transA"]);
    // Of 21 positions after a stride of 2 and a slice: the fourth window has one.
    let ceil = refusal("branches", |m| {
        let pool = find(m, "AveragePool");
        pool.attribute.retain(|a| a.name.as_deref() == Some("count_include_pad"));
        for (name, ints) in [("kernel_shape", vec![2, 2]), ("strides", vec![4, 4])] {
            pool.attribute.push(AttributeProto {
                name: Some(name.into()),
                ints,
                r#type: Some(AttributeType::INTS),
                ..AttributeProto::default()
            });
        }
        pool.attribute.push(int("ceil_mode", 1));
    });
    assert_names(&ceil, &["(AveragePool)", "ceil_mode"]);
}

#[test]
fn windows_have_the_axes_of_their_input() {
    for dims in [&[6i64, 3, 9][..], &[6, 3, 1, 3, 3], &[6, 27], &[162]] {
        let message = refusal("mobile", |m| initializer(m, "stem.weight").dims = dims.to_vec());
        assert_names(&message, &["(Conv)", &format!("{dims:?}"), "2 axes"]);
    }
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: Some(name.into()),
        ints: ints.to_vec(),
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    };
    let changed = |fixture: &str, op: &str, name: &str, numbers: &[i64]| {
        refusal(fixture, |m| {
            let attributes = &mut find(m, op).attribute;
            attributes.retain(|a| a.name.as_deref() != Some(name));
            attributes.push(ints(name, numbers));
        })
    };
    let strides = changed("sequence", "MaxPool", "strides", &[1, 1]);
    assert_names(&strides, &["(MaxPool)", "`strides` holds 2 numbers for 1 axes"]);
    let pads = changed("volume", "AveragePool", "pads", &[1, 1, 1, 1]);
    assert_names(&pads, &["(AveragePool)", "`pads` must hold 6 numbers"]);
    let axes = changed("sequence", "ReduceMean", "axes", &[1]);
    assert_names(&axes, &["(ReduceMean)", "only a mean over axes behind"]);
}

#[test]
fn transposed_convolutions_that_cannot_be() {
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: Some(name.into()),
        ints: ints.to_vec(),
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    };
    let changed = |attribute: AttributeProto| {
        refusal("transposed", |m| {
            let attributes = &mut find(m, "ConvTranspose").attribute;
            attributes.retain(|a| a.name != attribute.name);
            attributes.push(attribute);
        })
    };
    let most = i64::MAX;
    for (attribute, parts) in [
        (ints("output_shape", &[4, 3, 9]), &["`output_shape`"][..]),
        (string("auto_pad", "SAME_UPPER"), &["auto_pad SAME_UPPER"]),
        (ints("output_padding", &[1]), &["`output_padding` must hold 3 numbers"]),
        (ints("output_padding", &[-1, 0, 0]), &["`output_padding` holds -1"]),
        (ints("pads", &[0, 0, 0, 0, 0, most]), &["`pads` holds"]),
        (ints("strides", &[0, 1, 1]), &["must be positive"]),
        (ints("strides", &[1 << 26, 1 << 26, 1]), &["/convtranspose0.zeros", "2^26"]),
        (ints("pads", &[9, 0, 0, 9, 0, 0]), &["/convtranspose0.part", "slice"]),
        (int("group", 3), &["4 channels in 3 groups"]),
        (int("group", 0), &["4 channels in 0 groups"]),
        (int("group", -1), &["groups"]),
    ] {
        assert_names(&changed(attribute), parts);
    }
    let message = refusal("transposed", |m| initializer(m, "up.weight").dims = vec![2, 6, 3, 2, 3]);
    assert_names(&message, &["(ConvTranspose)", "2 channels in 2 groups", "2x3x3x4"]);
}

/// Puts `node` before the Relu of the fixture and returns the error's message.
fn with_node(op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
    refusal("residual", |m| {
        let nodes = &mut m.graph.as_mut().unwrap().node;
        let relu = nodes.iter().position(|n| n.op_type.as_deref() == Some("Relu")).unwrap();
        let x = nodes[relu].input[0].clone();
        let node = NodeProto {
            name: Some("culprit".into()),
            op_type: Some(op.into()),
            input: inputs.iter().map(|&i| if i == "x" { x.clone() } else { i.into() }).collect(),
            output: vec!["changed".into()],
            attribute: attributes,
            ..NodeProto::default()
        };
        nodes[relu].input[0] = "changed".into();
        nodes.insert(relu, node);
    })
}

#[test]
fn functions_and_arithmetic_beyond_the_subset_name_their_node() {
    let culprit = |message: String, what: &str| assert_names(&message, &["`culprit`", what]);
    culprit(with_node("Div", &["bn1.weight", "x"], vec![]), "one number per channel");
    culprit(with_node("Div", &["x", "input"], vec![]), "one factor for each channel");
    culprit(with_node("PRelu", &["x", "bn1.bias"], vec![]), "one slope");
    culprit(with_node("Gelu", &["x"], vec![string("approximate", "erf")]), "`approximate` erf");
    culprit(with_node("Max", &["x", "bn1.bias"], vec![]), "by one number");
    culprit(with_node("Max", &["x", "input"], vec![]), "one and the same value");
    culprit(with_node("Where", &["x", "x", "input"], vec![]), "one and the same value");
    culprit(with_node("Greater", &["x", "bn1.bias"], vec![]), "one and the same value");
    culprit(with_node("Pow", &["x", "x"], vec![]), "one number as its exponent");
    culprit(with_node("Pow", &["x", "bn1.bias"], vec![]), "one number as its exponent");
    culprit(with_node("Sum", &["x", "x", "x"], vec![]), "only two inputs");
    culprit(with_node("Mul", &["x", "input"], vec![]), "one factor for each channel");
    culprit(with_node("Add", &["x", "input"], vec![]), "different shapes");
    culprit(with_node("ReduceMean", &["x"], vec![]), "axes behind the channels");
    let ints = |name: &str, values: &[i64]| AttributeProto {
        name: Some(name.into()),
        ints: values.to_vec(),
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    };
    culprit(with_node("ReduceMean", &["x"], vec![ints("axes", &[1])]), "axes behind the channels");
    let lost = vec![ints("axes", &[2]), int("keepdims", 0)];
    culprit(with_node("ReduceMean", &["x"], lost), "must keep");
    culprit(with_node("Transpose", &["x"], vec![ints("perm", &[0, 1, 3, 2])]), "only channels");
    culprit(with_node("Transpose", &["x"], vec![]), "[3, 2, 1, 0]");
    culprit(with_node("Cast", &["x"], vec![int("to", 7)]), "not supported");
    culprit(with_node("Mul", &["x", "conv2.weight"], vec![]), "one number per channel");
}

#[test]
fn channels_in_groups_are_for_a_shuffle_only() {
    let shuffled = |op: &str, perm: &[i64]| {
        refusal("channels", |m| {
            let ints = AttributeProto {
                name: Some("perm".into()),
                ints: perm.to_vec(),
                r#type: Some(AttributeType::INTS),
                ..AttributeProto::default()
            };
            let transpose = find(m, "Transpose");
            transpose.name = Some("culprit".into());
            transpose.op_type = Some(op.into());
            transpose.attribute = if perm.is_empty() { vec![] } else { vec![ints] };
        })
    };
    for perm in [&[0, 2, 1, 4, 3][..], &[1, 0, 2, 3, 4], &[0, 3, 2, 1, 4]] {
        assert_names(&shuffled("Transpose", perm), &["`culprit`", "only the groups"]);
    }
    for perm in [&[0, 2, 1, 3][..], &[0, 2, 2, 3, 4], &[0, 1, 2, 3, 9]] {
        assert_names(&shuffled("Transpose", perm), &["`culprit`"]);
    }
    assert_names(&shuffled("Relu", &[]), &["`culprit`", "split by a Reshape"]);
    assert_names(&shuffled("GlobalAveragePool", &[]), &["`culprit`", "split by a Reshape"]);
    let gathered = |indices: Vec<u8>, dims: Vec<i64>| {
        refusal("channels", |m| {
            let gather = find(m, "Gather");
            gather.name = Some("culprit".into());
            let tensor = TensorProto {
                dims: dims.clone(),
                data_type: Some(DataType::INT64),
                raw_data: Some(RefCell::new(indices.clone())),
                name: Some("indices".into()),
                ..TensorProto::default()
            };
            gather.input[1] = "indices".into();
            m.graph.as_mut().unwrap().initializer.push(tensor);
        })
    };
    let uneven = refusal("channels", |m| {
        find(m, "Split").output.pop();
    });
    assert_names(&uneven, &["(Split)", "an axis of 3 cannot be split into 2 parts"]);
    let numbers = |numbers: &[i64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    assert_names(&gathered(numbers(&[3]), vec![1]), &["`culprit`", "index 3 is outside of 0..3"]);
    assert_names(&gathered(numbers(&[]), vec![0]), &["`culprit`", "indices"]);
    assert_names(&gathered(numbers(&[0, 1]), vec![1, 2]), &["`culprit`", "indices"]);
}

/// Each squaring doubles the function; its tree must not be walked for ever.
#[test]
fn functions_cannot_grow_without_bound() {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let relu = nodes.iter().position(|n| n.op_type.as_deref() == Some("Relu")).unwrap();
    let mut name = nodes[relu].input[0].clone();
    for i in 0..200 {
        let squared = NodeProto {
            name: Some(format!("square{i}")),
            op_type: Some("Mul".into()),
            input: vec![name.clone(), name],
            output: vec![format!("squared{i}")],
            ..NodeProto::default()
        };
        name = squared.output[0].clone();
        nodes.insert(relu + i, squared);
    }
    nodes[relu + 200].input[0] = name;
    let network = import(&model.write_buf().unwrap(), &none()).unwrap();
    let largest = network
        .graph
        .nodes()
        .iter()
        .filter_map(|node| node.data.function())
        .map(|f| f.size())
        .max();
    assert!((8..=64).contains(&largest.unwrap()), "{largest:?}");
}

#[test]
fn probabilities_and_pictures_are_not_logits() {
    let output = |op: &str| {
        refusal("residual", |m| {
            let graph = m.graph.as_mut().unwrap();
            let last = graph.node.last().unwrap().output[0].clone();
            graph.node.push(NodeProto {
                name: Some("tail".into()),
                op_type: Some(op.into()),
                input: vec![last],
                output: vec!["out".into()],
                ..NodeProto::default()
            });
            graph.output[0].name = Some("out".into());
        })
    };
    for (op, reason) in [("Sigmoid", "5 probabilities"), ("HardSigmoid", "between 0 and 1")] {
        assert_names(&output(op), &["graph output `out`", "`tail`", reason]);
    }
    // The same after a pool, as a clamp.
    let pooled = refusal("mobile", |m| {
        let graph = m.graph.as_mut().unwrap();
        let pool = graph.node.iter().find(|n| n.op_type.as_deref() == Some("GlobalAveragePool"));
        let mean = pool.unwrap().output[0].clone();
        let clip = NodeProto {
            name: Some("clip".into()),
            op_type: Some("Clip".into()),
            input: vec![mean],
            output: vec!["clipped".into()],
            attribute: Vec::new(),
            ..NodeProto::default()
        };
        graph.node.push(NodeProto { op_type: Some("HardSigmoid".into()), ..clip });
        graph.output[0].name = Some("clipped".into());
    });
    assert_names(&pooled, &["graph output", "`clip`", "between 0 and 1"]);
    let positions = refusal("mobile", |m| {
        let graph = m.graph.as_mut().unwrap();
        let relu = graph.node.iter().find(|n| n.op_type.as_deref() == Some("Clip"));
        graph.output[0].name = Some(relu.unwrap().output[0].clone());
    });
    assert_names(&positions, &["graph output", "[1, 6, 4, 3]", "[n, classes]"]);
    let middle = refusal("flatten", |m| find(m, "Gemm").op_type = Some("LogSoftmax".into()));
    assert_names(&middle, &["Softmax"]);
    let twice = refusal("flatten", |m| {
        let graph = m.graph.as_mut().unwrap();
        let last = graph.node.last().unwrap().output[0].clone();
        graph.node.push(NodeProto {
            op_type: Some("Log".into()),
            input: vec![last],
            output: vec!["out".into()],
            ..NodeProto::default()
        });
        graph.output[0].name = Some("out".into());
    });
    // The fixture ends in a LogSoftmax.
    assert_names(&twice, &["(Log)", "Softmax"]);
}

#[test]
fn interfaces_that_do_not_fit() {
    let open = refusal("residual", |m| {
        let info = &mut m.graph.as_mut().unwrap().input[0];
        let tensor = info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        tensor.shape.as_mut().unwrap().dim[2] =
            Dimension { dim_value: None, dim_param: Some("h".into()) };
    });
    assert_names(&open, &["graph input `input`", "[n, 3, ?, 8]", "--input-shape"]);
    let integers = refusal("residual", |m| {
        let info = &mut m.graph.as_mut().unwrap().input[0];
        let tensor = info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
        tensor.elem_type = Some(DataType::INT64);
    });
    assert_names(&integers, &["graph input `input`", "its type is INT64, expected FLOAT"]);
    let gone = refusal("residual", |m| {
        m.graph.as_mut().unwrap().node.retain(|n| n.op_type.as_deref() != Some("AveragePool"));
    });
    assert_names(&gone, &["averagepool", "nothing makes"]);
}

#[test]
fn tensors_are_named() {
    let external = refusal("residual", |m| {
        initializer(m, "fc.weight").data_location = Some(DataLocation::EXTERNAL);
    });
    assert_names(&external, &["`fc.weight`", "another file"]);
    let short = refusal("residual", |m| {
        let raw = initializer(m, "fc.weight").raw_data.as_ref().unwrap();
        raw.borrow_mut().pop();
    });
    assert_names(&short, &["`fc.weight`", "[5, 8]", "40"]);
    let complex = refusal("residual", |m| {
        initializer(m, "fc.weight").data_type = Some(DataType::COMPLEX64);
    });
    assert_names(&complex, &["`fc.weight`", "its type is COMPLEX64"]);
    for bad in [f32::NAN, f32::INFINITY] {
        let message = refusal("residual", |m| {
            let raw = initializer(m, "conv2.weight").raw_data.as_ref().unwrap();
            raw.borrow_mut()[20..24].copy_from_slice(&bad.to_le_bytes());
        });
        assert_names(&message, &["`conv2.weight`", "index 5"]);
    }
    let variance = refusal("residual", |m| {
        let tensor = initializer(m, "bn1.running_var");
        tensor.raw_data = Some(RefCell::new((-1f32).to_le_bytes().repeat(4)));
    });
    assert_names(&variance, &["(BatchNormalization)", "variance of channel 0 is -1"]);
}

#[test]
fn posteriors_must_fit_the_network() {
    let fixture = Fixture::load("residual");
    let with = |name: &str, shape: Vec<usize>| {
        let mut sigmas = fixture.sigmas.clone();
        let sigma = SigmaTensor::new(name, shape.clone(), vec![0.1; shape.iter().product()]);
        sigmas.insert(name.into(), sigma.unwrap());
        import(&fixture.onnx, &SigmaSource::Tensors(sigmas)).unwrap_err()
    };
    let error = with("fc.weight", vec![8, 5]);
    assert_names(&error.to_string(), &["`fc.weight.sigma`", "[8, 5]", "[5, 8]"]);
    let error = with("fc.wait", vec![8, 5]);
    assert!(matches!(&error, ImportError::SigmaUnknown { .. }), "{error}");
    // The nearest name first, and how to keep the names.
    assert_names(&error.to_string(), &["`fc.wait`", ": `fc.weight`, `", "TrainingMode.PRESERVE"]);
    let error = with("bn1.weight", vec![4]);
    assert!(matches!(&error, ImportError::SigmaNotWeight(name) if name == "bn1.weight"), "{error}");
    for delta in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let error = import(&fixture.onnx, &SigmaSource::Moped { delta }).unwrap_err();
        assert!(matches!(error, ImportError::Moped(_)), "{error}");
    }
}

#[test]
fn a_bayesian_weight_belongs_to_one_layer() {
    let fixture = Fixture::load("fixed_batch");
    let mut model = ModelProto::parse_buf(&fixture.onnx).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    let conv = nodes.iter().position(|n| n.op_type.as_deref() == Some("Conv")).unwrap();
    let again = NodeProto {
        name: Some("again".into()),
        op_type: Some("Conv".into()),
        input: vec![nodes[conv].input[0].clone(), "conv.weight".into()],
        output: vec!["twice".into()],
        ..NodeProto::default()
    };
    nodes[conv].input[0] = again.output[0].clone();
    nodes.insert(conv, again);
    let bytes = model.write_buf().unwrap();
    assert!(import(&bytes, &none()).is_ok());
    let error = import(&bytes, &SigmaSource::Moped { delta: 0.1 }).unwrap_err();
    assert!(matches!(&error, ImportError::SigmaShared { name, .. } if name == "conv.weight"));
}

#[test]
fn constants_cannot_unfold_without_bound() {
    let message = refusal("residual", |m| {
        let nodes = &mut m.graph.as_mut().unwrap().node;
        let gather = nodes.iter().position(|n| n.op_type.as_deref() == Some("Unsqueeze")).unwrap();
        let mut name = nodes[gather].input[1].clone();
        for i in 0..60 {
            let doubled = NodeProto {
                name: Some(format!("double{i}")),
                op_type: Some("Concat".into()),
                input: vec![name.clone(), name],
                output: vec![format!("doubled{i}")],
                attribute: vec![int("axis", 0)],
                ..NodeProto::default()
            };
            name = doubled.output[0].clone();
            nodes.insert(gather + i, doubled);
        }
        nodes[gather + 60].input[1] = name;
    });
    assert_names(&message, &["double", "unfold"]);
}

/// An attribute that means nothing must not become a weight that then takes the blame.
#[test]
fn numbers_that_are_not_finite_are_refused_where_they_are() {
    let attribute = |op: &'static str, name: &'static str, value: f32| {
        refusal("activations", |m| {
            let node = find(m, "Sigmoid");
            node.op_type = Some(op.into());
            node.attribute = vec![float(name, value)];
        })
    };
    for value in [f32::NAN, f32::INFINITY] {
        for (op, name) in [
            ("LeakyRelu", "alpha"),
            ("Elu", "alpha"),
            ("Selu", "gamma"),
            ("HardSigmoid", "alpha"),
            ("HardSigmoid", "beta"),
        ] {
            let message = attribute(op, name, value);
            assert_names(&message, &[op, &format!("attribute `{name}` is {value}")]);
        }
        for name in ["alpha", "beta"] {
            let message = refusal("flatten", |m| {
                find(m, "Gemm").attribute.push(float(name, value));
            });
            assert_names(&message, &["(Gemm)", &format!("attribute `{name}` is {value}")]);
        }
        let epsilon = refusal("residual", |m| {
            find(m, "BatchNormalization").attribute = vec![float("epsilon", value)];
        });
        assert_names(&epsilon, &["(BatchNormalization)", "attribute `epsilon`"]);
        let variance = refusal("residual", |m| {
            let tensor = initializer(m, "bn1.running_var");
            tensor.raw_data = Some(RefCell::new(value.to_le_bytes().repeat(4)));
        });
        assert_names(&variance, &["`bn1.running_var`", &value.to_string()]);
    }
    assert_names(&attribute("Clip", "min", f32::NAN), &["(Clip)", "attribute `min` is NaN"]);
    let bound = refusal("mobile", |m| {
        let clip = find(m, "Clip").input[1].clone();
        let maker = m.graph.as_mut().unwrap().node.iter_mut().find(|n| n.output[0] == clip);
        maker.unwrap().attribute = vec![float("value_float", f32::NAN)];
    });
    assert_names(&bound, &["(Constant)", "attribute `value_float` is NaN"]);
}

#[test]
fn a_variance_of_zero_without_epsilon_is_refused() {
    let message = refusal("residual", |m| {
        find(m, "BatchNormalization").attribute = vec![float("epsilon", 0.0)];
        let raw = initializer(m, "bn1.running_var").raw_data.as_ref().unwrap();
        raw.borrow_mut()[8..12].fill(0);
    });
    assert_names(&message, &["(BatchNormalization)", "variance of channel 2 is 0", "epsilon"]);
}

/// Factors that are finite may still be too large for a weight.
#[test]
fn a_node_that_makes_weights_overflow_is_blamed() {
    let message = refusal("residual", |m| {
        let raw = initializer(m, "bn1.weight").raw_data.as_ref().unwrap();
        raw.borrow_mut()[..4].copy_from_slice(&3e38f32.to_le_bytes());
        find(m, "BatchNormalization").attribute = vec![float("epsilon", 1e-30)];
        let raw = initializer(m, "bn1.running_var").raw_data.as_ref().unwrap();
        raw.borrow_mut()[..4].fill(0);
    });
    assert_names(&message, &["(BatchNormalization)", "too large", "`conv1`"]);
    let fixture = Fixture::load("residual");
    let error = import(&fixture.onnx, &SigmaSource::Moped { delta: 3e38 }).unwrap_err();
    assert!(matches!(error, ImportError::SigmaOverflow(_)), "{error}");
}

#[test]
fn unsupported_operators_take_the_blame_before_their_neighbours() {
    let inserted = |op: &str| {
        // Where a Reshape would not understand the shape, and be blamed first.
        refusal("residual", |m| {
            let nodes = &mut m.graph.as_mut().unwrap().node;
            let last = nodes.last_mut().unwrap();
            let maker = NodeProto {
                name: Some("odd".into()),
                op_type: Some(op.into()),
                input: vec![last.input[0].clone()],
                output: vec!["odd_out".into()],
                ..NodeProto::default()
            };
            last.input[0] = "odd_out".into();
            nodes[0].attribute.push(int("group", 7));
            let at = nodes.len() - 1;
            nodes.insert(at, maker);
        })
    };
    assert_names(&inserted("LSTM"), &["`odd` (LSTM)", "recurrent"]);
    assert_names(&inserted("LayerNormalization"), &["`odd` (LayerNormalization)", "statistics"]);
    assert_names(&inserted("InstanceNormalization"), &["`odd`", "GroupNorm"]);
    assert_names(&inserted("QuantizeLinear"), &["`odd`", "quantized already"]);
    assert_names(&inserted("Einsum"), &["`odd` (Einsum)", "the operator is not supported"]);
    let custom = refusal("residual", |m| {
        find(m, "Gemm").domain = Some("com.microsoft".into());
    });
    assert_names(&custom, &["(Gemm)", "domain `com.microsoft`"]);
}

#[test]
fn several_outputs_are_named() {
    let message = refusal("residual", |m| {
        let graph = m.graph.as_mut().unwrap();
        let mut second = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
        let mut second = second.graph.as_mut().unwrap().output.remove(0);
        second.name = Some("boxes".into());
        graph.output.push(second);
    });
    assert_names(&message, &["2 outputs", "`gemm", "`boxes`", "extract_model"]);
}

#[test]
fn names_of_a_file_cannot_flood_a_terminal() {
    let message = refusal("residual", |m| {
        let gemm = find(m, "Gemm");
        gemm.name = Some("x".repeat(100_000) + "\x1b[2J");
        gemm.attribute.push(int("transA", 1));
    });
    assert!(message.len() < 300, "{}", message.len());
    assert!(!message.contains('\x1b') && message.contains("\\u{1b}[2J"), "{message}");
    let message = refusal("residual", |m| find(m, "Relu").input[0] = "y".repeat(100_000));
    assert!(message.len() < 300, "{}", message.len());
    let message = refusal("residual", |m| find(m, "Relu").op_type = Some("Z".repeat(100_000)));
    assert!(message.len() < 300, "{}", message.len());
}
