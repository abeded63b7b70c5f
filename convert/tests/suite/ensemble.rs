//! Networks of one architecture as the members of one network.

use std::collections::BTreeMap;

use bayes8_convert::HeadDetails;
use bayes8_convert::calibrate::Observations;
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_convert::fidelity::FidelityReport;
use bayes8_convert::quantize::ModelDetails;
use bayes8_convert::reference::{CommonNoise, FloatWeights, predict_samples, run};
use bayes8_convert::{EnsembleError, Network, PosteriorSource, SigmaSource, import};
use bayes8_core::format;
use bayes8_core::model::{Preprocessing, QuantizedModel};
use bayes8_native::{Model, ModelOptions, Pictures, PredictOptions};
use ndarray::Array2;
use rten_onnx::onnx::ModelProto;
use safetensors::{Dtype, tensor::TensorView};

use crate::common::{Fixture, assert_names, initializer, none, tensor};
use crate::heads::{assert_near, node};
use crate::normalizations::{self, CHANNELS, epsilon, imported, pictures, weight, with};

/// Shapes and numbers by name.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Initializers whose numbers members have separately; all others are shared.
const OWN: [&str; 4] = ["conv2.weight", "bn2.weight", "fc.weight", "fc.bias"];

/// The numbers of an initializer in member `member`: those of the fixture, changed a little.
fn numbers(model: &mut ModelProto, name: &str, member: usize) -> (Vec<usize>, Vec<f32>) {
    let tensor = initializer(model, name);
    let shape = tensor.dims.iter().map(|&d| d as usize).collect();
    let raw = tensor.raw_data.as_ref().map(|raw| raw.borrow().clone()).unwrap_or_default();
    let numbers = raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
    let changed = |(i, x): (usize, f32)| x * (1.0 + 0.2 * ((i + 3 * member) as f32).sin());
    (shape, numbers.enumerate().map(changed).collect())
}

/// The network `residual` with the weights of a member.
fn member(member: usize) -> Vec<u8> {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    for name in names(&mut model) {
        let (_, numbers) = numbers(&mut model, &name, member);
        let bytes = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        initializer(&mut model, &name).raw_data = Some(std::cell::RefCell::new(bytes));
    }
    model.write_buf().unwrap()
}

/// Those of [`OWN`] that the network has; BatchNorm's parameters have other names in some fixtures.
fn names(model: &mut ModelProto) -> Vec<String> {
    let tensors = &model.graph.as_ref().unwrap().initializer;
    let names = tensors.iter().filter_map(|tensor| tensor.name.clone());
    names.filter(|name| OWN.contains(&name.as_str())).collect()
}

fn ensemble(count: usize, sigmas: &SigmaSource) -> Network {
    let members = (0..count).map(|k| import(&member(k), sigmas).unwrap());
    Network::ensemble(members.collect()).unwrap()
}

fn quantized(network: &Network, fixture: &Fixture) -> QuantizedModel {
    let pictures = fixture.pictures.view();
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    let observed = Observations::new(network, &outputs, pictures.view(), 8, 0, || ()).unwrap();
    let channels = network.graph.input().channels;
    let preprocessing = Preprocessing::of_bytes(vec![0.0; channels], vec![1.0; channels]);
    let details = ModelDetails { name: "test".into(), preprocessing, outputs, input_planes: None };
    let conversion =
        convert(network, pictures.view(), &observed, details, &ConversionOptions::new()).unwrap();
    let report = FidelityReport::new(network, &conversion, &observed, pictures).unwrap();
    assert!(report.values.iter().all(|value| value.sqnr_db.is_none_or(|db| db > 20.0)));
    conversion.model
}

#[test]
fn layers_that_are_equal_in_all_members_are_shared() {
    let network = ensemble(3, &none());
    assert_eq!(network.members(), 3);
    let counts: Vec<usize> = network.layers().map(|layer| layer.count()).collect();
    assert_eq!(counts[0], 1, "the first convolution is the same in all");
    assert_eq!(counts.iter().filter(|&&count| count == 3).count(), 2);
    assert_eq!(network.period(), Some(3));

    let fixture = Fixture::load("residual");
    let model = quantized(&network, &fixture);
    assert_eq!(model.members(), 3);
    let bytes = format::write(&model).unwrap();
    assert_eq!(format::read(&bytes).unwrap(), model);
    // Equal members are one network.
    let same = [import(&member(1), &none()).unwrap(), import(&member(1), &none()).unwrap()];
    assert_eq!(Network::ensemble(same.into()).unwrap().members(), 1);
}

/// Signal to noise of the logits of samples, INT8 against FP32 with the same noise.
fn signal_to_noise(network: &Network, fixture: &Fixture) -> f32 {
    let model = quantized(network, fixture);
    let (seed, samples) = (3, 7u32);
    let noise = CommonNoise::new(network);
    noise.check(&model).unwrap();
    let draws = (0..samples).map(|sample| noise.draw(seed, sample));
    let mut fp32: Vec<Array2<f32>> = Vec::new();
    let keep = |logits: ndarray::ArrayView2<'_, f32>| fp32.push(logits.to_owned());
    let outputs = network.heads(&HeadDetails::default()).unwrap();
    predict_samples(network, &outputs, fixture.pictures.view(), draws, keep).unwrap();
    let model = Model::new(model, ModelOptions::new()).unwrap();
    let options = PredictOptions::new().seed(seed).samples(0..samples).keep_logits(true);
    let int8 = model.predict(Pictures::Normalized(fixture.pictures.view()), &options).unwrap();
    let (mut signal, mut noise) = (0.0, 0.0);
    for (picture, prediction) in int8.iter().enumerate() {
        for (sample, logits) in prediction.logits().unwrap().rows().into_iter().enumerate() {
            for (class, &found) in logits.iter().enumerate() {
                let expected = fp32[sample][[picture, class]];
                signal += expected * expected;
                noise += (expected - found).powi(2);
            }
        }
    }
    signal / noise
}

#[test]
fn sample_s_is_that_of_member_s_modulo_their_number() {
    let fixture = Fixture::load("residual");
    // Members differ by 20 %, so another member would give a ratio of about 25.
    let ratio = signal_to_noise(&ensemble(3, &none()), &fixture);
    assert!(ratio > 1000.0, "{ratio}");
    let bayesian = ensemble(3, &SigmaSource::Tensors(fixture.sigmas.clone()));
    assert_eq!(bayesian.period(), None);
    let ratio = signal_to_noise(&bayesian, &fixture);
    assert!(ratio > 300.0, "{ratio}");
}

#[test]
fn members_of_other_architectures_are_refused() {
    let of = |name: &str| import(&Fixture::load(name).onnx, &none()).unwrap();
    let error = Network::ensemble(vec![of("residual"), of("mobile")]).unwrap_err();
    assert_eq!(error, EnsembleError::Interface { member: 1, part: "input" });
    // The same network with another pool.
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let pool = crate::common::find(&mut model, "AveragePool");
    pool.op_type = Some("MaxPool".into());
    let other = import(&model.write_buf().unwrap(), &none()).unwrap();
    let error = Network::ensemble(vec![of("residual"), of("residual"), other]).unwrap_err();
    assert_names(&error.to_string(), &["member 2", "member 0", "architecture"]);
    let one = Network::ensemble(vec![of("residual")]).unwrap_err();
    assert_eq!(one, EnsembleError::Count(1));
    let nested = Network::ensemble(vec![of("residual"), ensemble(2, &none())]).unwrap_err();
    assert_eq!(nested, EnsembleError::Nested(1));
}

/// Writes a posterior file with these tensors.
fn posterior(tensors: &Tensors) -> Vec<u8> {
    let bytes: BTreeMap<_, Vec<u8>> = tensors
        .iter()
        .map(|(name, (_, numbers))| (name, numbers.iter().flat_map(|x| x.to_le_bytes()).collect()))
        .collect();
    let views = tensors.iter().map(|(name, (shape, _))| {
        (name, TensorView::new(Dtype::F32, shape.clone(), &bytes[name]).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

/// The tensors of `count` members.
fn member_tensors(count: usize) -> Tensors {
    let mut model = ModelProto::parse_buf(&Fixture::load("residual").onnx).unwrap();
    let mut tensors = BTreeMap::new();
    for name in names(&mut model) {
        for k in 0..count {
            tensors.insert(format!("{name}.member.{k}"), numbers(&mut model, &name, k));
        }
    }
    tensors
}

/// Loads `residual` with a posterior file.
fn load(tensors: &Tensors) -> Result<Network, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("network.onnx"), Fixture::load("residual").onnx).unwrap();
    std::fs::write(path("posterior.safetensors"), posterior(tensors)).unwrap();
    let source = PosteriorSource::File(path("posterior.safetensors"));
    Network::load(&path("network.onnx"), &source).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| cause.to_string());
        format!("{error}: {}", cause.unwrap_or_default())
    })
}

#[test]
fn a_posterior_file_may_hold_the_weights_of_members() {
    let mut tensors = member_tensors(3);
    assert_eq!(load(&tensors).unwrap(), ensemble(3, &none()));
    // Standard deviations of all, and of one member.
    let fixture = Fixture::load("residual");
    let sigma = &fixture.sigmas["conv2.weight"];
    tensors.insert("conv2.weight.sigma".into(), (sigma.shape().to_vec(), sigma.values().to_vec()));
    let bayesian = load(&tensors).unwrap();
    let spreads = |network: &Network| -> Vec<bool> {
        let layers = network.layers().find(|layer| layer.iter().any(|m| m.weight.sigma.is_some()));
        layers.unwrap().iter().map(|member| member.weight.sigma.is_some()).collect()
    };
    assert_eq!(spreads(&bayesian), [true; 3]);
    let sigma = tensors.remove("conv2.weight.sigma").unwrap();
    tensors.insert("conv2.weight.member.1.sigma".into(), sigma);
    assert_eq!(spreads(&load(&tensors).unwrap()), [false, true, false]);
}

#[test]
fn posterior_files_with_strange_members_are_refused() {
    let all = member_tensors(3);
    let refusal = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = all.clone();
        change(&mut tensors);
        load(&tensors).unwrap_err()
    };
    let error = refusal(&|tensors| drop(tensors.remove("fc.bias.member.1")));
    assert_names(&error, &["posterior.safetensors", "`fc.bias.member.1` is missing"]);
    let error = refusal(&|tensors| drop(tensors.remove("fc.bias.member.0")));
    assert_names(&error, &["`fc.bias.member.0` is missing"]);
    let error = refusal(&|tensors| {
        tensors.insert("fc.bias.member.64".into(), all["fc.bias.member.0"].clone());
    });
    assert_names(&error, &["`fc.bias.member.64`", "0 to 63"]);
    let error = refusal(&|tensors| {
        (0..3).for_each(|k| {
            tensors.insert(format!("fc.wheight.member.{k}"), (vec![1], vec![0.0]));
        });
    });
    assert_names(&error, &["posterior.safetensors", "fc.wheight.member", "no initializer"]);
    let error = refusal(&|tensors| {
        (0..3).for_each(|k| {
            tensors.insert(format!("fc.bias.member.{k}"), (vec![1], vec![0.0]));
        });
    });
    assert_names(&error, &["fc.bias.member", "its shape is [1]", "[5]"]);
    let error = refusal(&|tensors| {
        tensors.insert("fc.bias.member.x".into(), all["fc.bias.member.0"].clone());
    });
    assert_names(&error, &["`fc.bias.member.x`", ".member.K"]);
}

/// If their weights differ, a layer after the normalization has them.
#[test]
fn normalizations_of_members_may_have_their_own_weights() {
    let member = |name: &str| {
        let inputs = ["x", name, "norm.bias"];
        let norm = with(node("InstanceNormalization", "n", &inputs), vec![epsilon()]);
        let other = tensor("other", &[CHANNELS as i64], &normalizations::numbers(CHANNELS, 9));
        let same = tensor("same", &[CHANNELS as i64], &weight());
        imported(17, vec![norm, node("Relu", "y", &["n"])], vec![other, same])
    };
    let operations = |network: &Network| {
        network.graph.nodes().iter().map(|node| node.op.name()).collect::<Vec<_>>()
    };
    let joined = Network::ensemble(vec![member("same"), member("same")]).unwrap();
    assert_eq!(operations(&joined), ["normalize", "conv2d"]);
    let joined = Network::ensemble(vec![member("same"), member("other")]).unwrap();
    assert_eq!(operations(&joined), ["normalize", "conv2d", "conv2d"]);
    for (index, name) in ["same", "other"].into_iter().enumerate() {
        let answers = |network: &Network, member| {
            run(network, &FloatWeights::mean(network, member), pictures().view(), |_, _, _| {})
                .unwrap()
        };
        assert_near(&answers(&joined, index), &answers(&member(name), 0));
    }
}
