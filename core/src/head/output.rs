//! A named part of a network's outputs.

use super::classes::Classes;
use super::{Head, Uncertainty};
use crate::conformal::{ConformalPredictor, PredictionRegion};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::{vec, vec::Vec};

/// A named part of a network's outputs, and what it means.
///
/// # Examples
/// ```
/// use bayes8_core::format;
///
/// # std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
/// let model = format::read(&std::fs::read("models/mnist-cnn.safetensors")?)?;
/// let [output] = model.outputs() else { unreachable!("a single output") };
/// assert_eq!((output.name.as_str(), output.head.name()), ("output", "classes"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// A name that no other output of the model has.
    pub name: String,
    /// Indices of the nodes whose values, one after the other, are the numbers of the output.
    pub nodes: Vec<usize>,
    /// What the numbers mean.
    pub head: Head,
    /// What turns the figures into prediction sets or intervals, if the model was calibrated for that.
    pub conformal: Option<ConformalPredictor>,
}

impl Output {
    /// The name of the output of models that do not name it.
    pub const NAME: &str = "output";

    /// Returns the only output of a model whose node `node` has the logits of `count` classes.
    /// `names` is empty or has a name for each class.
    pub fn of_classes(node: usize, count: usize, names: Vec<String>) -> Self {
        let head = Head::Classes(Arc::new(Classes { count, names }));
        Self { name: Self::NAME.into(), nodes: vec![node], head, conformal: None }
    }

    /// Returns the prediction set or intervals for these figures of the output; `None` if the output has
    /// no conformal predictor.
    pub fn region(&self, figures: &Uncertainty) -> Option<PredictionRegion> {
        self.conformal.as_ref()?.region(figures)
    }
}
