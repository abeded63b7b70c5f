//! What JavaScript sees: each method checks and computes in [`crate::prediction`].

use crate::engine::kernels;
use crate::info::NetworkInfo;
use crate::{Error, prediction};
use bayes8_core::backend::Backend;
use bayes8_core::digest;
use bayes8_core::head::classes::SampleSums;
use bayes8_core::head::{Accumulator, Sums};
use bayes8_core::limits::Limits;
use bayes8_core::session::Input;
use js_sys::{Float64Array, Reflect, Uint8Array};
use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// A model, ready to predict.
#[wasm_bindgen]
pub struct LoadedModel(prediction::LoadedModel);

#[wasm_bindgen]
impl LoadedModel {
    /// The network of a model file that takes no more memory and steps for a picture and sample than
    /// these, by default [`Limits::default`]. Throws `invalid-model`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        file: &[u8],
        #[wasm_bindgen(js_name = maxMemoryBytes)] max_memory_bytes: Option<f64>,
        #[wasm_bindgen(js_name = maxSteps)] max_steps: Option<f64>,
    ) -> Result<LoadedModel, Error> {
        let Limits { memory_bytes, steps, .. } = Limits::default();
        let limits = Limits::new()
            .memory_bytes(max_memory_bytes.map_or(memory_bytes, |bytes| bytes as u64))
            .steps(max_steps.map_or(steps, |steps| steps as u64));
        prediction::LoadedModel::new(file, limits).map(Self)
    }

    /// What the file says.
    pub fn info(&self) -> Result<Ts<NetworkInfo>, Error> {
        Ok(self.0.info().into_ts()?)
    }

    /// A picture of any size, RGBA, as bytes `[height][width][channels]` of the model's shape: what
    /// `bayes8 predict` makes of a picture file. Throws `invalid-input`.
    pub fn fit(&self, rgba: Vec<u8>, width: u32, height: u32) -> Result<Vec<u8>, Error> {
        self.0.fit(rgba, width, height)
    }

    /// Begins a prediction of whole pictures, bytes `[pictures][height][width][channels]`, and runs
    /// what no weight sample changes. Throws `invalid-input`.
    #[wasm_bindgen(js_name = beginBytes)]
    pub fn begin_bytes(&self, pictures: &[u8]) -> Result<Batch, Error> {
        self.0.begin(Input::Bytes(pictures)).map(Batch)
    }

    /// The same of pictures that are normalized already. Throws `invalid-input`.
    #[wasm_bindgen(js_name = beginNormalized)]
    pub fn begin_normalized(&self, pictures: &[f32]) -> Result<Batch, Error> {
        self.0.begin(Input::Normalized(pictures)).map(Batch)
    }

    /// Draws samples `first` to `first + count` (exclusive) of the weights and forgets them: for
    /// measuring what drawing costs. Returns how many weights were drawn. Throws `invalid-samples`.
    #[wasm_bindgen(js_name = drawWeights)]
    pub fn draw_weights(&self, seed: u64, first: u32, count: u32) -> Result<f64, Error> {
        self.0.draw_weights(seed, first, count).map(|weights| weights as f64)
    }
}

/// One prediction under way. It lives on when its network is freed.
#[wasm_bindgen]
pub struct Batch(prediction::Batch);

#[wasm_bindgen]
impl Batch {
    /// Number of pictures.
    #[wasm_bindgen(getter)]
    pub fn pictures(&self) -> usize {
        self.0.pictures()
    }

    /// Adds samples `first` to `first + count` (exclusive) of `seed`. Throws `invalid-samples`.
    pub fn run(
        &mut self,
        seed: u64,
        first: u32,
        count: u32,
        #[wasm_bindgen(js_name = keepLogits)] keep_logits: bool,
    ) -> Result<(), Error> {
        self.0.run(seed, first, count, keep_logits)
    }

    /// What every node gives for all pictures and sample `sample` of `seed`, in the order of the
    /// nodes. Throws `invalid-samples`.
    pub fn trace(&mut self, seed: u64, sample: u32) -> Result<Ts<Trace>, Error> {
        let nodes = self.0.trace(seed, sample)?.into_iter();
        let node = |(node, codes): (String, Vec<u8>)| NodeTrace { node, codes: codes[..].into() };
        Ok(Trace(nodes.map(node).collect()).into_ts()?)
    }

    /// Integers that add: `[samples, entropy, ...probabilities, ...squares]`. Throws `invalid-input`.
    pub fn sums(&self, picture: usize) -> Result<Vec<i64>, Error> {
        self.0.sums(picture).map(Sums::to_words)
    }

    /// Logits `[samples][classes]` of the runs that kept them, in their order. Throws
    /// `invalid-input`.
    pub fn logits(&self, picture: usize) -> Result<Vec<f32>, Error> {
        self.0.logits(picture).map(<[f32]>::to_vec)
    }
}

/// What the nodes gave, in their order.
#[derive(Serialize, Tsify)]
pub struct Trace(Vec<NodeTrace>);

/// What one node gave.
#[derive(Serialize, Tsify)]
pub struct NodeTrace {
    /// Its name.
    node: String,
    /// Its codes `[pictures][height][width][channels]`; of the last node logits
    /// `[pictures][classes]` as little-endian f32.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    #[tsify(type = "Uint8Array")]
    codes: Uint8Array,
}

/// A prediction for one picture. Entropies and mutual information are in nats.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct Uncertainty {
    /// Number of Monte-Carlo samples behind the figures.
    samples: u64,
    /// Mean probability of each class.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    #[tsify(type = "Float64Array")]
    probabilities: Float64Array,
    /// Standard deviation of each class's probability over the samples.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    #[tsify(type = "Float64Array")]
    std: Float64Array,
    /// Total uncertainty: entropy of the mean probabilities.
    predictive_entropy: f64,
    /// Aleatoric uncertainty: mean of the samples' entropies.
    expected_entropy: f64,
    /// Epistemic uncertainty: the difference, not below zero.
    mutual_information: f64,
}

/// The prediction of sums over samples (`Batch.sums`), of one batch or added from several.
/// Throws `invalid-input` for integers that no samples sum to.
#[wasm_bindgen]
pub fn uncertainty(sums: &[i64]) -> Result<Ts<Uncertainty>, Error> {
    let uncertainty = SampleSums::from_words(sums)?.finish();
    let uncertainty = Uncertainty {
        samples: uncertainty.samples,
        probabilities: Float64Array::from(&uncertainty.probabilities[..]),
        std: Float64Array::from(&uncertainty.std[..]),
        predictive_entropy: uncertainty.predictive_entropy,
        expected_entropy: uncertainty.expected_entropy,
        mutual_information: uncertainty.mutual_information,
    };
    Ok(uncertainty.into_ts()?)
}

/// SHA-256 of logits as little-endian f32, in hexadecimal: two engines agree when it is equal.
#[wasm_bindgen(js_name = logitsDigest)]
pub fn logits_digest(logits: &[f32]) -> String {
    digest::logits_digest(logits)
}

/// Name of the kernels of this module.
#[wasm_bindgen]
pub fn kernel() -> String {
    kernels().kernel().into()
}

impl From<Error> for JsValue {
    /// An `Error` of JavaScript with a `code`.
    fn from(error: Error) -> Self {
        let thrown = js_sys::Error::new(&error.to_string());
        // A new object takes any property.
        let _ = Reflect::set(&thrown, &"code".into(), &error.code().into());
        thrown.into()
    }
}
