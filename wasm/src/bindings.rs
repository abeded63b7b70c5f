//! The interface to JavaScript. [`crate::prediction`] does the checks and the work.

use crate::engine::kernels;
use crate::info::NetworkInfo;
use crate::{Error, figures, prediction};
use bayes8_core::backend::Backend;
use bayes8_core::digest;
use bayes8_core::head::Sums;
use bayes8_core::limits::Limits;
use bayes8_core::session::Input;
use js_sys::{Object, Reflect, Uint8Array};
use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// A model, ready to predict.
#[wasm_bindgen]
pub struct LoadedModel(prediction::LoadedModel);

#[wasm_bindgen]
impl LoadedModel {
    /// Loads a model file. Throws `invalid-model` if it is damaged, or if a picture and sample take more
    /// memory or steps than these limits, by default [`Limits::default`]. `size` is empty, or has the planes, rows
    /// and columns of inputs that differ from the file's; throws `invalid-option` if the network does not fit them.
    #[wasm_bindgen(constructor)]
    pub fn new(
        file: &[u8],
        size: &[u32],
        #[wasm_bindgen(js_name = maxMemoryBytes)] max_memory_bytes: Option<f64>,
        #[wasm_bindgen(js_name = maxSteps)] max_steps: Option<f64>,
    ) -> Result<LoadedModel, Error> {
        let Limits { memory_bytes, steps, .. } = Limits::default();
        let limits = Limits::new()
            .memory_bytes(max_memory_bytes.map_or(memory_bytes, |bytes| bytes as u64))
            .steps(max_steps.map_or(steps, |steps| steps as u64));
        let size = <[u32; 3]>::try_from(size).ok();
        let size = size.map(|size| size.map(|extent| extent as usize));
        prediction::LoadedModel::new(file, size, limits).map(Self)
    }

    /// The description of the model.
    pub fn info(&self) -> Result<Ts<NetworkInfo>, Error> {
        Ok(self.0.info().into_ts()?)
    }

    /// Converts an RGBA picture of any size to bytes `[height][width][channels]` of the model's shape,
    /// as `bayes8 predict` does. Throws `invalid-input`.
    pub fn fit(&self, rgba: Vec<u8>, width: u32, height: u32) -> Result<Vec<u8>, Error> {
        self.0.fit(rgba, width, height)
    }

    /// Begins a prediction of one or more pictures, bytes `[pictures][height][width][channels]`, and
    /// runs the layers that do not depend on the weight sample. Throws `invalid-input`.
    #[wasm_bindgen(js_name = beginBytes)]
    pub fn begin_bytes(&self, pictures: &[u8]) -> Result<Batch, Error> {
        self.0.begin(Input::Bytes(pictures)).map(Batch)
    }

    /// Begins a prediction of numbers, `[pictures][height][width][channels]`: raw ones, if the model takes
    /// numbers, or else pictures that are already normalized. Throws `invalid-input`.
    #[wasm_bindgen(js_name = beginFloats)]
    pub fn begin_floats(&self, pictures: &[f32]) -> Result<Batch, Error> {
        self.0.begin_floats(pictures).map(Batch)
    }

    /// Draws samples `first..first + count` of the weights and discards them, to measure the cost of
    /// drawing. Returns the number of weights drawn. Throws `invalid-samples`.
    #[wasm_bindgen(js_name = drawWeights)]
    pub fn draw_weights(&self, seed: u64, first: u32, count: u32) -> Result<f64, Error> {
        self.0.draw_weights(seed, first, count).map(|weights| weights as f64)
    }
}

/// One prediction under way. It stays valid when its model is freed.
#[wasm_bindgen]
pub struct Batch(prediction::Batch);

#[wasm_bindgen]
impl Batch {
    /// Number of pictures.
    #[wasm_bindgen(getter)]
    pub fn pictures(&self) -> usize {
        self.0.pictures()
    }

    /// Adds samples `first..first + count` of `seed`, or of the model's chosen draws if it is undefined. Throws `invalid-samples`.
    pub fn run(
        &mut self,
        seed: Option<u64>,
        first: u32,
        count: u32,
        #[wasm_bindgen(js_name = keepLogits)] keep_logits: bool,
    ) -> Result<(), Error> {
        self.0.run(seed, first, count, keep_logits)
    }

    /// The output of every node for all pictures and one sample of `seed`, or of the chosen draws, in the order of the nodes.
    /// Throws `invalid-samples`.
    pub fn trace(&mut self, seed: Option<u64>, sample: u32) -> Result<Ts<Trace>, Error> {
        let nodes = self.0.trace(seed, sample)?.into_iter();
        let node = |(node, codes): (String, Vec<u8>)| NodeTrace { node, codes: codes[..].into() };
        Ok(Trace(nodes.map(node).collect()).into_ts()?)
    }

    /// Sums over samples, those of each output after the other: integers, so that the sums of several
    /// batches can be added. Throws `invalid-input`.
    pub fn sums(&self, picture: usize) -> Result<Vec<i64>, Error> {
        let words = self.0.sums(picture)?.iter().map(Sums::to_words);
        Ok(words.reduce(|words, more| [words, more].concat()).unwrap_or_default())
    }

    /// The numbers of all outputs, `[samples][numbers]`, of the runs that kept them, in their order. Throws
    /// `invalid-input`.
    pub fn logits(&self, picture: usize) -> Result<Vec<f32>, Error> {
        self.0.logits(picture).map(<[f32]>::to_vec)
    }
}

/// The outputs of the nodes, in the order of the nodes.
#[derive(Serialize, Tsify)]
pub struct Trace(Vec<NodeTrace>);

/// The output of one node.
#[derive(Serialize, Tsify)]
pub struct NodeTrace {
    /// Name of the node.
    node: String,
    /// Codes `[pictures][height][width][channels]`; for an output, its numbers as little-endian f32.
    #[serde(with = "serde_wasm_bindgen::preserve")]
    #[tsify(type = "Uint8Array")]
    codes: Uint8Array,
}

/// The figures of an output from its sums over samples, of one batch or added from several: an object with the
/// properties that the package documents for its head. `head` and `positions` are `parameters` and `positions` of the
/// output, and `conformal` the `parameters` of its conformal predictor or empty, so that this needs no model. Throws
/// `invalid-input` for integers that cannot be such sums.
#[wasm_bindgen]
pub fn figures(
    head: &[f64],
    positions: &[usize],
    conformal: &[f64],
    sums: &[i64],
) -> Result<Object, Error> {
    let (figures, region) = prediction::figures(head, positions, conformal, sums)?;
    figures::object(&figures, region.as_ref())
}

/// SHA-256 of the outputs' numbers as little-endian f32, in hexadecimal. Two engines agree if it is equal.
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
    /// A JavaScript `Error` with a `code`.
    fn from(error: Error) -> Self {
        let thrown = js_sys::Error::new(&error.to_string());
        // Setting a property of a new object cannot fail.
        let _ = Reflect::set(&thrown, &"code".into(), &error.code().into());
        thrown.into()
    }
}
