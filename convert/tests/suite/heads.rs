//! What outputs mean: found in the graph, or asked for.

use bayes8_convert::reference::{FloatWeights, run};
use bayes8_convert::{
    Detail, HeadDetails, HeadError, HeadFault, HeadKind, ImportError, ImportOptions, Network,
    OutputChoice, OutputDetails, TargetDetails, import_with,
};
use bayes8_core::graph::{Op, Value};
use bayes8_core::head::{Head, Output};
use ndarray::{Array2, Axis, concatenate};
use rten_onnx::onnx::{DataType, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::common::{Fixture, int, none};

pub(crate) fn node(op: &str, output: &str, inputs: &[&str]) -> NodeProto {
    NodeProto {
        name: Some(output.into()),
        op_type: Some(op.into()),
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

/// The network of the fixture with `nodes` after its logits, which are called `logits`, and other
/// outputs.
pub(crate) fn onnx(nodes: Vec<NodeProto>, outputs: &[&str]) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let last = graph.node.last_mut().unwrap();
    last.output[0] = "logits".into();
    let mut second = last.clone();
    (second.name, second.output[0]) = (Some("second".into()), "other".into());
    graph.node.push(second);
    graph.node.extend(nodes);
    let info =
        |name: &&str| ValueInfoProto { name: Some((*name).into()), ..graph.output[0].clone() };
    graph.output = outputs.iter().map(info).collect();
    model.write_buf().unwrap()
}

pub(crate) fn read(onnx: &[u8], options: &ImportOptions) -> Result<Network, ImportError> {
    import_with(onnx, &none(), options)
}

pub(crate) fn choose(choices: &[&str]) -> ImportOptions {
    let choices: Vec<OutputChoice> = choices.iter().map(|text| text.parse().unwrap()).collect();
    ImportOptions::new().outputs(choices)
}

/// The numbers of the mean weights.
pub(crate) fn numbers(network: &Network) -> Array2<f32> {
    let pictures = Fixture::load("residual").pictures;
    run(network, &FloatWeights::mean(network, 0), pictures.view(), |_, _, _| {}).unwrap()
}

/// Asserts that numbers agree up to rounding.
pub(crate) fn assert_near(found: &Array2<f32>, expected: &Array2<f32>) {
    assert_eq!(found.dim(), expected.dim());
    let largest = (found - expected).iter().fold(0.0f32, |largest, d| largest.max(d.abs()));
    assert!(largest < 1e-4, "{largest}");
}

pub(crate) fn logits() -> Array2<f32> {
    Fixture::load("residual").output
}

#[test]
fn the_end_of_a_network_says_what_its_outputs_are() {
    let nothing = ImportOptions::new();
    let of = |nodes, outputs: &[&str], options: &ImportOptions| {
        let network = read(&onnx(nodes, outputs), options).unwrap();
        (network.outputs[0].head, network)
    };
    let (head, network) = of(Vec::new(), &["logits"], &nothing);
    assert_eq!((head, network.outputs.len()), (None, 1));
    let (head, network) = of(vec![node("Sigmoid", "p", &["logits"])], &["p"], &nothing);
    assert_eq!(head, Some(HeadKind::Labels));
    assert_near(&numbers(&network), &logits());
    for (op, expected) in
        [("Softplus", HeadKind::GaussianSoftplus), ("Exp", HeadKind::GaussianLogVariance)]
    {
        let nodes = vec![node(op, "variance", &["other"])];
        let (head, network) = of(nodes, &["logits", "variance"], &choose(&["logits+variance"]));
        assert_eq!(head, Some(expected));
        let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
        assert_near(&numbers(&network), &both);
    }
    // An option decides what the end leaves open, but does not contradict it.
    let given = ImportOptions::new().head(HeadKind::GaussianMean);
    assert_eq!(of(Vec::new(), &["logits"], &given).0, Some(HeadKind::GaussianMean));
    let bounded = of(vec![node("Sigmoid", "p", &["logits"])], &["p"], &given);
    assert_eq!(bounded.0, Some(HeadKind::GaussianMean));
    let classes = ImportOptions::new().head(HeadKind::Classes);
    let error = read(&onnx(vec![node("Sigmoid", "p", &["logits"])], &["p"]), &classes);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("`p`") && error.contains("labels"), "{error}");
}

#[test]
fn means_and_variances_may_be_joined_in_the_network() {
    let mut concat = node("Concat", "both", &["logits", "variance"]);
    concat.attribute.push(int("axis", 1));
    let nodes = vec![node("Softplus", "variance", &["other"]), concat];
    let network = read(&onnx(nodes, &["both"]), &ImportOptions::new()).unwrap();
    assert_eq!(network.outputs[0].head, Some(HeadKind::GaussianSoftplus));
    let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
    assert_near(&numbers(&network), &both);
    // The variances come last.
    let nodes = || vec![node("Exp", "variance", &["other"]), node("Sigmoid", "p", &["logits"])];
    for choice in ["variance+logits", "p+variance", "logits+p"] {
        let file = onnx(nodes(), &["logits", "variance", "p"]);
        let error = read(&file, &choose(&[choice])).unwrap_err().to_string();
        assert!(error.contains("different functions"), "{choice}: {error}");
    }
}

#[test]
fn several_outputs_have_their_names_and_order() {
    let file = onnx(Vec::new(), &["logits", "other"]);
    let network = read(&file, &choose(&["other=labels", "logits=classes"])).unwrap();
    let names: Vec<_> = network.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["other", "logits"]);
    let heads = network.heads(&HeadDetails::default()).unwrap();
    assert!(matches!(&heads[0].head, Head::Labels(labels) if labels.count == 5));
    assert!(matches!(&heads[1].head, Head::Classes(classes) if classes.count == 5));
    // A name may have a plus sign.
    let plus = onnx(vec![node("Neg", "logits+other", &["other"])], &["logits", "logits+other"]);
    assert_near(&numbers(&read(&plus, &choose(&["logits+other"])).unwrap()), &-logits());
    // A head for outputs without one is not ignored.
    let head = choose(&["other=labels", "logits=classes"]).head(HeadKind::Labels);
    assert!(matches!(read(&file, &head), Err(ImportError::HeadUnused(HeadKind::Labels))));
    // A single output has the name that files of all versions know.
    let single = read(&file, &choose(&["other"])).unwrap();
    assert_eq!(single.outputs[0].name, Output::NAME);
    assert_eq!(single.graph.nodes().len() + 1, network.graph.nodes().len());
    for (choices, expected) in [
        (&["boxes"][..], "no output `boxes`, only `logits`, `other`"),
        (&["logits", "logits"], "`logits` was chosen twice"),
        (&["logits+logits"], "`logits` was chosen twice"),
        (&["logits=gaussian-log-variance"], "cannot be means and variances"),
    ] {
        let error = match read(&file, &choose(choices)) {
            Err(error) => error.to_string(),
            Ok(network) => network.heads(&HeadDetails::default()).unwrap_err().to_string(),
        };
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_concatenation_and_a_part_of_a_layer_need_no_layer_of_8_bits() {
    let mut concat = node("Concat", "both", &["logits", "other"]);
    concat.attribute.push(int("axis", 1));
    let network = read(&onnx(vec![concat], &["both"]), &ImportOptions::new()).unwrap();
    assert_eq!(network.outputs[0].nodes.len(), 2);
    assert!(network.graph.nodes().iter().all(|node| !matches!(node.op, Op::Concat)));
    let both = concatenate(Axis(1), &[logits().view(), logits().view()]).unwrap();
    assert_near(&numbers(&network), &both);

    let mut slice = node("Gather", "part", &["logits", "rows"]);
    slice.attribute.push(int("axis", 1));
    let mut file = ModelProto::parse_buf(&onnx(vec![slice], &["part"])).unwrap();
    let rows = TensorProto {
        name: Some("rows".into()),
        dims: vec![2],
        data_type: Some(DataType::INT64),
        int64_data: vec![3, 1],
        ..TensorProto::default()
    };
    file.graph.as_mut().unwrap().initializer.push(rows);
    let network = read(&file.write_buf().unwrap(), &ImportOptions::new()).unwrap();
    let nodes = network.graph.nodes();
    let &[last] = &network.outputs[0].nodes[..] else { panic!("one node") };
    assert!(matches!(nodes[last].op, Op::Linear(_)) && last + 1 == nodes.len());
    assert_near(&numbers(&network), &logits().select(Axis(1), &[3, 1]));
    let readers = nodes.iter().flat_map(|node| &node.inputs);
    assert!(readers.filter(|value| matches!(value, Value::Node(_))).count() > 0);
}

#[test]
fn names_and_numbers_of_heads_must_fit() {
    let network = |head: Option<HeadKind>| {
        read(&onnx(Vec::new(), &["logits"]), &ImportOptions::new().head(head)).unwrap()
    };
    let names = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
    let error = |head, details: OutputDetails| network(head).heads(&details.into()).unwrap_err();
    let of = |detail: Detail, fault| HeadError { output: None, detail: Some(detail), fault };
    let classes = |names| OutputDetails { class_names: names, ..OutputDetails::default() };
    let (what, expected, found) = ("classes", 5, 4);
    let wrong = of(Detail::ClassNames, HeadFault::Names { what, expected, found });
    assert_eq!(error(None, classes(names(4))), wrong);
    let mut twice = names(5);
    twice[3] = "1".into();
    let twice = error(None, classes(twice)).to_string();
    assert_eq!(twice, "class 1 and class 3 have the same name, `1`");
    let unused = error(Some(HeadKind::Labels), classes(names(4)));
    assert!(matches!(unused.fault, HeadFault::Unused { .. }), "{unused}");
    let odd = error(Some(HeadKind::GaussianSoftplus), OutputDetails::default());
    assert_eq!(odd, HeadError { output: None, detail: None, fault: HeadFault::Odd(5) });
    let targets = TargetDetails { scale: vec![1.0, 0.0], ..TargetDetails::default() };
    let details = OutputDetails { targets, ..OutputDetails::default() };
    let zero = error(Some(HeadKind::GaussianMean), details.clone());
    assert_eq!(zero.detail, Some(Detail::TargetScale));
    assert_eq!(zero.to_string(), "the target scale is 0, expected a normal number above 0");
    let unclear = error(None, details).to_string();
    assert!(unclear.contains("nothing says what the 5 outputs are: name the head"), "{unclear}");
}

#[test]
fn names_say_what_logits_are() {
    let network = read(&onnx(Vec::new(), &["logits"]), &ImportOptions::new()).unwrap();
    let names = || (0..5).map(|i| i.to_string()).collect::<Vec<_>>();
    let head = |details: OutputDetails| network.heads(&details.into()).unwrap()[0].head.clone();
    let labels = head(OutputDetails { label_names: names(), ..OutputDetails::default() });
    assert_eq!(labels.labels().unwrap().names, names());
    let targets = TargetDetails { names: names(), ..TargetDetails::default() };
    let targets = head(OutputDetails { targets, ..OutputDetails::default() });
    assert_eq!(targets.gaussian().unwrap().targets[4].name, "4");
    let both =
        OutputDetails { class_names: names(), label_names: names(), ..OutputDetails::default() };
    let error = network.heads(&both.into()).unwrap_err();
    assert_eq!(error.to_string(), "label names are given, but no output of the network is labels");
}

#[test]
fn outputs_of_one_kind_have_their_own_names() {
    let slice = |name: &str| {
        let mut slice = node("Gather", name, &["logits", "rows"]);
        slice.attribute.push(int("axis", 1));
        slice
    };
    let mut file = ModelProto::parse_buf(&onnx(vec![slice("part")], &["part", "other"])).unwrap();
    let rows = TensorProto {
        name: Some("rows".into()),
        dims: vec![3],
        data_type: Some(DataType::INT64),
        int64_data: vec![3, 1, 0],
        ..TensorProto::default()
    };
    file.graph.as_mut().unwrap().initializer.push(rows);
    let network = read(&file.write_buf().unwrap(), &choose(&["part", "other=classes"])).unwrap();
    let classes = |names: &[&str]| OutputDetails {
        class_names: names.iter().map(|&name| name.into()).collect(),
        ..OutputDetails::default()
    };
    let common = network.heads(&classes(&["a", "b", "c"]).into()).unwrap_err();
    assert_eq!(
        common.to_string(),
        "class names are given once, but there are several outputs that are classes: `part`, `other`; \
         `outputs` of the metadata says whose they are"
    );
    let heads = |of: &[(&str, &[&str])]| {
        let of = of.iter().map(|&(name, names)| (name.into(), classes(names)));
        network.heads(&HeadDetails { outputs: of.collect(), ..HeadDetails::default() })
    };
    let (three, five) = (["a", "b", "c"], ["a", "b", "d", "e", "f"]);
    let outputs = heads(&[("part", &three), ("other", &five)]).unwrap();
    assert_eq!(outputs[0].head.classes().unwrap().names, three);
    assert_eq!(outputs[1].head.classes().unwrap().names, five);
    let wrong = heads(&[("other", &three)]).unwrap_err().to_string();
    assert_eq!(wrong, "output `other`: the network has 5 classes, not 3");
    let unknown = heads(&[("parts", &three)]).unwrap_err().to_string();
    assert_eq!(unknown, "`outputs` has `parts`, but the model has `part`, `other`");
}
