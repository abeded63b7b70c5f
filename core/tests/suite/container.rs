//! Takes safetensors files apart, so that tests can damage one thing and reassemble the file
//! without the library that the reader uses.

use bayes8_core::format::{DIGEST_KEY, METADATA_KEY};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The contents of a file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The key of the description in the metadata.
    pub(crate) key: String,
    /// The JSON description.
    pub(crate) description: String,
    /// The other metadata.
    pub(crate) others: BTreeMap<String, String>,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<u8>,
}

impl Tensor {
    pub(crate) fn new(dtype: &str, shape: &[usize], data: Vec<u8>) -> Self {
        Self { dtype: dtype.into(), shape: shape.to_vec(), data }
    }
}

impl File {
    /// Parses a well-formed file.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let header: Map<String, Value> = serde_json::from_slice(header).unwrap();
        let mut tensors = BTreeMap::new();
        for (name, info) in header.iter().filter(|(name, _)| *name != "__metadata__") {
            let number = |value: &Value| value.as_u64().unwrap() as usize;
            let shape: Vec<usize> = info["shape"].as_array().unwrap().iter().map(number).collect();
            let [start, end] = [0, 1].map(|i| number(&info["data_offsets"][i]));
            let dtype = info["dtype"].as_str().unwrap();
            tensors.insert(name.clone(), Tensor::new(dtype, &shape, data[start..end].to_vec()));
        }
        let metadata = header["__metadata__"].as_object().unwrap().iter();
        let mut others: BTreeMap<String, String> =
            metadata.map(|(key, text)| (key.clone(), text.as_str().unwrap().to_string())).collect();
        let description = others.remove(METADATA_KEY).unwrap();
        Self { key: METADATA_KEY.into(), description, others, tensors }
    }

    /// Parses a well-formed file and removes its digest, which would reveal nearly all damage.
    pub(crate) fn without_digest(bytes: &[u8]) -> Self {
        let mut file = Self::parse(bytes);
        file.others.remove(DIGEST_KEY);
        file
    }

    /// Assembles the file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut header = Map::new();
        let mut metadata = json!(self.others);
        metadata[&self.key] = json!(self.description);
        header.insert("__metadata__".into(), metadata);
        let mut data = Vec::new();
        for (name, tensor) in &self.tensors {
            let offsets = [data.len(), data.len() + tensor.data.len()];
            let Tensor { dtype, shape, .. } = tensor;
            let info = json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets });
            header.insert(name.clone(), info);
            data.extend(&tensor.data);
        }
        let header = serde_json::to_string(&header).unwrap();
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()
    }
}
