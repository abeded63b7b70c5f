//! The files of `tests/vectors`, as `docs/CONFORMANCE.md` describes them.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Version of the files.
pub const VERSION: u32 = 1;

/// Results of up to this many bytes are written out, longer ones as their digest.
const LONGEST: usize = 256;

/// One file: models, pictures and what a prediction of them gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorFile {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the group, that of the file too.
    pub group: String,
    /// What the group is for.
    pub about: String,
    /// Parts of the key stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_streams: Vec<KeyStream>,
    /// Models by name.
    pub models: BTreeMap<String, ModelFile>,
    /// Pictures by name.
    pub pictures: BTreeMap<String, Pictures>,
    /// What is compared.
    pub vectors: Vec<Vector>,
}

/// The bytes of a model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ModelFile {
    /// The file itself.
    Inline {
        /// Its bytes.
        base64: String,
    },
    /// A file of the repository.
    File {
        /// Path from the root of the repository.
        path: String,
        /// SHA-256 of its bytes.
        sha256: String,
    },
}

/// A batch of pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Pictures {
    /// Any bytes.
    Bytes {
        /// Number of pictures.
        count: usize,
        /// Their bytes in NHWC order.
        base64: String,
    },
    /// `one_hot + 1` pictures of `one_hot` bytes: all are 0, but byte `i` of picture `i` is 1.
    OneHot {
        /// Bytes of a picture.
        one_hot: usize,
    },
}

/// One prediction and all that must come out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Its name in the file.
    pub name: String,
    /// Name of the model.
    pub model: String,
    /// Name of the pictures.
    pub pictures: String,
    /// Seed of the weights, in decimal: JSON numbers of many readers have 53 bits.
    #[serde(with = "decimal")]
    pub seed: u64,
    /// First sample, and the one after the last.
    pub samples: [u32; 2],
    /// f32 `[pictures][samples][classes]`.
    pub logits: Expected,
    /// i64 `[pictures]` of `[samples, entropy, probabilities..., squares...]`.
    pub sums: Expected,
    /// f64 `[pictures]` of `[probabilities..., std..., predictive entropy, expected entropy, mutual
    /// information]`.
    pub uncertainty: Expected,
    /// What the nodes gave for the first sample.
    pub trace: Vec<ExpectedNode>,
}

/// What a node must give for all pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedNode {
    /// Name of the node.
    pub node: String,
    /// u8 codes in NHWC order; f32 of the last node.
    pub output: Expected,
}

/// A group of the key stream and the noise that it gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyStream {
    /// Seed, in decimal.
    #[serde(with = "decimal")]
    pub seed: u64,
    /// Number of the layer.
    pub layer: u32,
    /// Index of the sample.
    pub sample: u32,
    /// Whether it is the stream of the biases.
    pub bias: bool,
    /// Index of the group.
    pub group: u64,
    /// Its 1,024 bytes.
    pub bytes: Hex,
    /// i8 `[512]`: the noise of the weights that it serves.
    pub noise: Hex,
}

/// Bytes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hex(pub String);

/// Bytes that must come out: `hex:` and the bytes, or `sha256:` and their digest. Numbers are in
/// little-endian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected(pub String);

impl Expected {
    /// What says that `bytes` are right.
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.len() <= LONGEST { Self::written(bytes) } else { Self::digest(bytes) }
    }

    fn written(bytes: &[u8]) -> Self {
        Self(format!("hex:{}", Hex::new(bytes).0))
    }

    fn digest(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", sha256(bytes)))
    }

    /// Whether `bytes` are right.
    pub fn is(&self, bytes: &[u8]) -> bool {
        *self == Self::written(bytes) || *self == Self::digest(bytes)
    }
}

impl Hex {
    /// `bytes` in hexadecimal.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Hex::new(&Sha256::digest(bytes)).0
}

/// Bytes in base64.
pub fn to_base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// The bytes of a base64 text.
///
/// # Errors
/// What is wrong with it.
pub fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text).map_err(|error| format!("not base64: {error}"))
}

impl VectorFile {
    /// The text of the file.
    ///
    /// # Panics
    /// Never: every part has a JSON form.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("plain data");
        json.push('\n');
        json
    }

    /// The file of a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let file: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!("version {} of the vectors, not {VERSION}", file.version));
        }
        Ok(file)
    }
}

mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no number of 64 bits")))
    }
}
