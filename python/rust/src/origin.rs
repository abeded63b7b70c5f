//! The model that made a prediction: its digest, and what its outputs mean.

use bayes8::core::conformal::ConformalPredictor;
use bayes8::core::head::classes::Classes;
use bayes8::core::head::gaussian::{Gaussian, Target};
use bayes8::core::head::labels::Labels;
use bayes8::{Head, Output};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use serde::{Deserialize, Serialize};

/// The model that made a prediction.
pub(crate) struct Origin {
    pub(crate) digest: String,
    pub(crate) outputs: Vec<Described>,
    objects: PyOnceLock<Py<PyTuple>>,
}

/// An output by its name, and what it means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) head: Head,
    pub(crate) conformal: Option<ConformalPredictor>,
}

/// [`Head`] in JSON, as predictions pickle it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "head", rename_all = "snake_case")]
enum Meaning {
    Classes { count: usize, names: Vec<String> },
    Labels { count: usize, names: Vec<String> },
    Gaussian(Gaussian),
}

/// A [`Described`] without its name in JSON.
#[derive(Serialize, Deserialize)]
struct SavedOutput {
    #[serde(flatten)]
    meaning: Meaning,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalPredictor>,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.outputs == other.outputs
    }
}

impl Described {
    pub(crate) fn new(output: &Output) -> Self {
        let Output { name, head, conformal, .. } = output.clone();
        Self { name, head, conformal }
    }

    /// Returns the object of `bayes8._outputs` that describes the output.
    fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (module, head) = (py.import("bayes8._outputs")?, &self.head);
        let names = (0..head.count()).map(|index| head.name_of(index));
        let names = PyTuple::new(py, names.collect::<Vec<_>>())?;
        let conformal = self.conformal.as_ref().map(|of| {
            let method = of.method.name();
            let arguments = (method, of.alpha, of.calibration_examples, of.samples, of.seed);
            module.call_method1("Conformal", arguments)
        });
        let conformal = conformal.transpose()?;
        match head {
            Head::Classes(_) => module.call_method1("ClassOutput", (&self.name, names, conformal)),
            Head::Labels(labels) => {
                let arguments = (&self.name, names, labels.outcomes(), conformal);
                module.call_method1("LabelOutput", arguments)
            }
            Head::Gaussian(gaussian) => {
                let target = |(name, target): (Bound<'py, PyAny>, &Target)| {
                    let Target { unit, scale, offset, noise, .. } = target;
                    module.call_method1("Target", (name, unit, scale, offset, noise))
                };
                let targets = names.iter().zip(&gaussian.targets).map(target);
                let targets = PyTuple::new(py, targets.collect::<PyResult<Vec<_>>>()?)?;
                let variance = gaussian.variance.name();
                module.call_method1("TargetOutput", (&self.name, targets, variance, conformal))
            }
        }
    }

    fn saved(&self) -> (&str, SavedOutput) {
        let meaning = match &self.head {
            Head::Classes(classes) => {
                Meaning::Classes { count: classes.count, names: classes.names.clone() }
            }
            Head::Labels(labels) => {
                Meaning::Labels { count: labels.count, names: labels.names.clone() }
            }
            Head::Gaussian(gaussian) => Meaning::Gaussian(Gaussian::clone(gaussian)),
        };
        (&self.name, SavedOutput { meaning, conformal: self.conformal.clone() })
    }

    /// Returns the output that [`Self::saved`] gave; `None` if no output is like that.
    fn restored(name: String, SavedOutput { meaning, conformal }: SavedOutput) -> Option<Self> {
        let (head, names, expected) = match meaning {
            Meaning::Classes { count, names } => {
                let named = names.len();
                (Head::Classes(Classes { count, names }.into()), named, count)
            }
            Meaning::Labels { count, names } => {
                let (named, pair) = (names.len(), count == 1 && names.len() == 2);
                let expected = if pair { 2 } else { count };
                (Head::Labels(Labels { count, names }.into()), named, expected)
            }
            Meaning::Gaussian(head) => (Head::Gaussian(head.into()), 0, 0),
        };
        // A number that a file could hold, so that sizes do not overflow.
        let exists = (1..=u32::MAX as usize).contains(&head.count());
        let fits = conformal.as_ref().is_none_or(|conformal| conformal.check(&head).is_ok());
        (exists && named_all(names, expected) && fits).then_some(Self { name, head, conformal })
    }
}

/// Returns whether there are `expected` names, or none.
fn named_all(names: usize, expected: usize) -> bool {
    names == 0 || names == expected
}

impl Origin {
    pub(crate) fn new(digest: String, outputs: Vec<Described>) -> Self {
        Self { digest, outputs, objects: PyOnceLock::new() }
    }

    /// Returns the outputs as JSON.
    pub(crate) fn to_json(&self) -> PyResult<String> {
        let saved: Vec<_> = self.outputs.iter().map(Described::saved).collect();
        crate::json::to_json(&saved)
    }

    /// Returns the origin that was saved; `None` if no model has such outputs.
    pub(crate) fn restore(digest: String, outputs: &str) -> Option<Self> {
        let outputs: Vec<(String, SavedOutput)> = serde_json::from_str(outputs).ok()?;
        let outputs = outputs.into_iter().map(|(name, saved)| Described::restored(name, saved));
        let outputs = outputs.collect::<Option<Vec<_>>>()?;
        (!outputs.is_empty()).then(|| Self::new(digest, outputs))
    }

    /// Returns the objects that describe the outputs.
    pub(crate) fn objects<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyTuple>> {
        let objects = self.objects.get_or_try_init(py, || {
            let objects = self.outputs.iter().map(|output| output.object(py));
            let objects = PyTuple::new(py, objects.collect::<PyResult<Vec<_>>>()?)?;
            PyResult::Ok(objects.unbind())
        })?;
        Ok(objects.bind(py))
    }

    /// Returns the names of the classes of the first output.
    pub(crate) fn class_names(&self) -> PyResult<Vec<String>> {
        let Described { name, head, .. } = &self.outputs[0];
        match head {
            Head::Classes(_) => Ok((0..head.count()).map(|class| head.name_of(class)).collect()),
            Head::Labels(_) | Head::Gaussian(_) => Err(PyAttributeError::new_err(format!(
                "there are no class_names: the output {name:?} has {}; see outputs",
                counted_head(head)
            ))),
        }
    }

    /// Returns the numbers of one picture and sample, of all outputs.
    pub(crate) fn numbers(&self) -> usize {
        self.outputs.iter().map(|output| output.head.outputs()).sum()
    }

    /// Says what the outputs are: `10 classes`, or `3 classes, 2 targets`.
    pub(crate) fn summary(&self) -> String {
        let outputs: Vec<_> =
            self.outputs.iter().map(|output| counted_head(&output.head)).collect();
        outputs.join(", ")
    }
}

/// Counts the classes, labels or targets.
fn counted_head(head: &Head) -> String {
    let noun = match head {
        Head::Classes(_) => "class",
        Head::Labels(_) => "label",
        Head::Gaussian(_) => "target",
    };
    bayes8::core::counts::counted(head.count(), noun)
}
