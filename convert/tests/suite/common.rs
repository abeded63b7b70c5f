//! Reading the fixtures of `tests/data`, and changing them.
use std::{collections::BTreeMap, path::Path};

use bayes8_convert::{Network, SigmaSource, SigmaTensor, import};
use ndarray::{Array2, ArrayD, Ix2};
use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, ModelProto, NodeProto, TensorProto,
    ValueInfoProto,
};
use safetensors::SafeTensors;

/// A network with its recorded results.
pub(crate) struct Fixture {
    /// The bytes of the ONNX file.
    pub(crate) onnx: Vec<u8>,
    /// Standard deviations by initializer.
    pub(crate) sigmas: BTreeMap<String, SigmaTensor>,
    /// `[N, .., C]`.
    pub(crate) pictures: ArrayD<f32>,
    /// `[N, classes]`.
    pub(crate) output: Array2<f32>,
}

impl Fixture {
    /// Reads `tests/data/NAME.onnx` and its `.safetensors`.
    pub(crate) fn load(name: &str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
        let onnx = std::fs::read(file.with_extension("onnx")).unwrap();
        let bytes = std::fs::read(file.with_extension("safetensors")).unwrap();
        let (mut pictures, mut output, mut sigmas) = (None, None, BTreeMap::new());
        let mut last = None;
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            let values = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            let shape = view.shape().to_vec();
            match name {
                "input_channels_last" => {
                    last = Some(ArrayD::from_shape_vec(shape, values).unwrap());
                }
                "input" => pictures = Some(ArrayD::from_shape_vec(shape, values).unwrap()),
                "output" => output = Some(ArrayD::from_shape_vec(shape, values).unwrap()),
                _ => {
                    let sigma = SigmaTensor::new(name, shape, values).unwrap();
                    sigmas.insert(name.strip_suffix(".sigma").unwrap().to_owned(), sigma);
                }
            }
        }
        let channels_last = |pictures: ArrayD<f32>| {
            let axes: Vec<usize> = (2..pictures.ndim()).collect();
            pictures.permuted_axes([&[0], &axes[..], &[1]].concat())
        };
        Self {
            onnx,
            sigmas,
            pictures: pictures.map(channels_last).or(last).unwrap(),
            output: output.unwrap().into_dimensionality::<Ix2>().unwrap(),
        }
    }

    /// The network with its posterior.
    pub(crate) fn import(&self) -> Network {
        import(&self.onnx, &SigmaSource::Tensors(self.sigmas.clone())).unwrap()
    }
}

/// No standard deviations.
pub(crate) fn none() -> SigmaSource {
    SigmaSource::Tensors(Default::default())
}

/// The initializer `name` of a model.
pub(crate) fn initializer<'m>(model: &'m mut ModelProto, name: &str) -> &'m mut TensorProto {
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    tensors.iter_mut().find(|t| t.name.as_deref() == Some(name)).unwrap()
}

/// The first node of this operator.
pub(crate) fn find<'m>(model: &'m mut ModelProto, op: &str) -> &'m mut NodeProto {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes.iter_mut().find(|n| n.op_type.as_deref() == Some(op)).unwrap()
}

/// Imports a fixture after `change` and returns the error's message.
pub(crate) fn refusal(fixture: &str, change: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = ModelProto::parse_buf(&Fixture::load(fixture).onnx).unwrap();
    change(&mut model);
    import(&model.write_buf().unwrap(), &none()).unwrap_err().to_string()
}

/// Checks that a message contains all `parts`.
#[track_caller]
pub(crate) fn assert_names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

/// An attribute of one integer.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        r#type: Some(AttributeType::INT),
        ..AttributeProto::default()
    }
}

/// An attribute of one float.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        f: Some(value),
        r#type: Some(AttributeType::FLOAT),
        ..AttributeProto::default()
    }
}

/// An attribute of several integers.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        ints: values.to_vec(),
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    }
}

/// An attribute of one string.
pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        s: Some(value.into()),
        r#type: Some(AttributeType::STRING),
        ..AttributeProto::default()
    }
}

/// A tensor of floats.
pub(crate) fn tensor(name: &str, shape: &[i64], numbers: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: shape.to_vec(),
        data_type: Some(DataType::FLOAT),
        float_data: numbers.to_vec(),
        ..TensorProto::default()
    }
}

/// Turns an input or output of the network into `[n, extent]`.
pub(crate) fn vector(info: &mut ValueInfoProto, name: &str, extent: i64) {
    info.name = Some(name.into());
    let tensor = info.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
    let fixed = Dimension { dim_value: Some(extent), ..Dimension::default() };
    tensor.shape.as_mut().unwrap().dim = vec![Dimension::default(), fixed];
}
