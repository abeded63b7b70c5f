//! The files of `tests/vectors`, as `docs/CONFORMANCE.md` describes them.

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Version of the files.
pub const VERSION: u32 = 1;

/// Results up to this length in bytes are written out; longer ones are replaced by their digest.
const LONGEST: usize = 256;

/// One file: models, pictures, and the results of predictions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorFile {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the group and of the file.
    pub group: String,
    /// Purpose of the group.
    pub about: String,
    /// Parts of the key stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_streams: Vec<KeyStream>,
    /// Models by name.
    pub models: BTreeMap<String, ModelFile>,
    /// Pictures by name.
    pub pictures: BTreeMap<String, Pictures>,
    /// The vectors.
    pub vectors: Vec<Vector>,
}

/// The bytes of a model file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ModelFile {
    /// The file itself.
    Inline {
        /// The bytes of the file.
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
    /// Arbitrary bytes.
    Bytes {
        /// Number of pictures.
        count: usize,
        /// The bytes of the pictures, in NHWC order.
        base64: String,
    },
    /// `one_hot + 1` pictures of `one_hot` bytes: all are 0, except that byte `i` of picture `i` is 1.
    OneHot {
        /// Bytes of a picture.
        one_hot: usize,
    },
}

/// One prediction and all its expected results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// Name of the vector, unique in the file.
    pub name: String,
    /// Name of the model.
    pub model: String,
    /// Name of the pictures.
    pub pictures: String,
    /// Seed of the weights, a decimal in a string: many readers of JSON only have 53 bits for a number. Absent if
    /// the samples take the model's chosen draws.
    #[serde(default, with = "optional_decimal", skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// First sample, and the one after the last.
    pub samples: [u32; 2],
    /// f32 `[pictures][samples][classes]`.
    pub logits: Expected,
    /// i64 `[pictures]` of `[samples, entropy, entropy_squares, probabilities..., squares...]`.
    pub sums: Expected,
    /// f64 `[pictures]` of `[probabilities..., std..., predictive entropy, expected entropy, mutual
    /// information]` and the standard errors of all but `std`.
    pub uncertainty: Expected,
    /// The outputs of nodes for the first sample.
    pub trace: Vec<ExpectedNode>,
}

/// The expected output of a node for all pictures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedNode {
    /// Name of the node.
    pub node: String,
    /// u8 codes in NHWC order; for the last node, f32.
    pub output: Expected,
}

/// A group of the key stream, and the noise from it.
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
    /// The 1,024 bytes of the group.
    pub bytes: Hex,
    /// i8 `[512]`: the noise of the weights of this group.
    pub noise: Hex,
}

/// Bytes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hex(pub String);

/// Expected bytes: `hex:` and the bytes, or `sha256:` and their digest. Numbers are little-endian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected(pub String);

impl Expected {
    /// The expectation that `bytes` fulfil.
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.len() <= LONGEST { Self::written(bytes) } else { Self::digest(bytes) }
    }

    fn written(bytes: &[u8]) -> Self {
        Self(format!("hex:{}", Hex::new(bytes).0))
    }

    fn digest(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", sha256(bytes)))
    }

    /// Whether `bytes` are the expected ones.
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
/// Text that is not base64.
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

    /// Parses the text of a file.
    ///
    /// # Errors
    /// Text that is not a vector file.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let file: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if file.version != VERSION {
            return Err(format!("version {} of the vectors, not {VERSION}", file.version));
        }
        Ok(file)
    }
}

mod optional_decimal {
    use super::decimal;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => decimal::serialize(number, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        decimal::deserialize(from).map(Some)
    }
}

mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not a 64-bit number")))
    }
}
