//! Targets, labels or maps that a network and its INT8 model predict, side by side.

use bayes8_convert::pictures::Open;
use bayes8_convert::progress::Observer;
use bayes8_convert::quantization::Quantization;
use bayes8_native::{Model, ModelOptions};
use serde::Serialize;
use std::path::Path;

use super::examples::Examples;
use super::figures::{HeadAgreement, HeadFigures};
use super::measure::measure;
use super::text;
use crate::candidate::{Candidate, Engine};
use crate::error::EvaluateError;
use crate::labelled::LabelledError;
use crate::selected::Selected;
use crate::style::Style;

/// Examples for the first output of a network, whose head is not classes.
#[derive(Debug)]
pub struct HeadExamples(Examples);

/// Figures of the FP32 network and of the INT8 model on the same examples.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HeadEndToEnd {
    /// Number of examples.
    pub examples: usize,
    /// Monte-Carlo samples per example and model.
    pub samples: u32,
    /// Figures of the FP32 network.
    pub fp32: HeadFigures,
    /// Figures of the INT8 model.
    pub int8: HeadFigures,
    /// How far both agree.
    #[serde(flatten)]
    pub agreement: HeadAgreement,
}

impl HeadExamples {
    /// Reads an npz archive with `x` and `y` for the first output of the network of `quantization`, which is
    /// not a single class. `ignored` is the label of positions of a map that have no class.
    ///
    /// # Errors
    /// [`LabelledError`], which names the file and the array.
    pub fn load(
        path: &Path,
        open: Open,
        quantization: &Quantization,
        ignored: Option<i64>,
    ) -> Result<Self, LabelledError> {
        let shape = quantization.network.graph.input();
        let output = Selected::first(&quantization.outputs);
        Examples::load(path, open, shape, &output, ignored).map(Self)
    }
}

impl HeadEndToEnd {
    /// Predicts examples with the network of `quantization` and with its INT8 model, with `samples`
    /// samples each.
    ///
    /// # Errors
    /// [`EvaluateError`] when the examples do not fit.
    pub fn measure(
        quantization: &Quantization,
        model: &Model,
        HeadExamples(examples): &HeadExamples,
        samples: u32,
        seed: u64,
        observer: Observer<'_>,
    ) -> Result<Self, EvaluateError> {
        let output = &Selected::first(&quantization.outputs);
        let mut run = |engine| {
            let candidate = Candidate { engine, output };
            measure(&candidate, examples, None, samples, seed, observer)
        };
        let fp32 = run(Engine::Fp32(&quantization.network, model.quantized(), None))?.figures;
        let int8 = run(Engine::Int8(model, ModelOptions::new()))?.figures;
        let agreement = int8.agreement(&fp32);
        Ok(Self { examples: examples.inputs.count(), samples, fp32, int8, agreement })
    }

    /// Returns tables of the figures, and the rank correlations.
    pub fn text(&self, style: Style) -> String {
        let mut text = text::tables(&[("INT8", &self.int8), ("FP32", &self.fp32)], style);
        text.push_str(&text::agreement(&self.agreement));
        text
    }
}
