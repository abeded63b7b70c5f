//! The model that made a prediction: its digest, and what its outputs mean.

use bayes8::core::conformal::ConformalPredictor;
use bayes8::core::head::classes::Classes;
use bayes8::core::head::gaussian::{Gaussian, Target};
use bayes8::core::head::labels::Labels;
use bayes8::core::head::map::MapResize;
use bayes8::core::ops::Resize;
use bayes8::{Head, Output};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;
use serde::{Deserialize, Serialize};

/// The model that made a prediction.
pub(crate) struct Origin {
    pub(crate) digest: String,
    /// Without their nodes.
    pub(crate) outputs: Vec<Output>,
    objects: PyOnceLock<Py<PyTuple>>,
}

/// [`Head`] in JSON, as predictions pickle it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "head", rename_all = "snake_case")]
enum Meaning {
    Classes { count: usize, names: Vec<String> },
    Labels { count: usize, names: Vec<String> },
    Gaussian(Gaussian),
}

/// An output without its name in JSON.
#[derive(Serialize, Deserialize)]
struct SavedOutput {
    #[serde(flatten)]
    meaning: Meaning,
    positions: [usize; 3],
    /// What is resized, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resize: Option<([usize; 3], Resize)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conformal: Option<ConformalPredictor>,
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.outputs == other.outputs
    }
}

/// Returns the object of `bayes8._outputs` that describes an output.
fn object<'py>(output: &Output, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    let (module, head) = (py.import("bayes8._outputs")?, &output.head);
    let positions = PyTuple::new(py, output.axes())?;
    let names = (0..head.count()).map(|index| head.name_of(index));
    let names = PyTuple::new(py, names.collect::<Vec<_>>())?;
    let conformal = output.conformal.as_ref().map(|of| {
        let method = of.method.name();
        let arguments = (method, of.alpha, of.calibration_examples, of.samples, of.seed);
        module.call_method1("Conformal", arguments)
    });
    let conformal = conformal.transpose()?;
    match head {
        Head::Classes(_) => {
            let arguments = (&output.name, names, conformal, positions);
            module.call_method1("ClassOutput", arguments)
        }
        Head::Labels(labels) => {
            let arguments = (&output.name, names, labels.outcomes(), conformal, positions);
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
            let arguments = (&output.name, targets, variance, conformal, positions);
            module.call_method1("TargetOutput", arguments)
        }
    }
}

fn saved(output: &Output) -> (&str, SavedOutput) {
    let meaning = match &output.head {
        Head::Classes(classes) => {
            Meaning::Classes { count: classes.count, names: classes.names.clone() }
        }
        Head::Labels(labels) => {
            Meaning::Labels { count: labels.count, names: labels.names.clone() }
        }
        Head::Gaussian(gaussian) => Meaning::Gaussian(Gaussian::clone(gaussian)),
    };
    let (positions, conformal) = (output.positions, output.conformal.clone());
    let resize = output.resize.as_ref().map(|of| (of.from(), of.by().clone()));
    (&output.name, SavedOutput { meaning, positions, resize, conformal })
}

/// Returns the output that [`saved`] gave; `None` if no output is like that.
fn restored(
    name: String,
    SavedOutput { meaning, positions, resize, conformal }: SavedOutput,
) -> Option<Output> {
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
    // Numbers that a file could hold, so that sizes do not overflow.
    let count = positions.iter().try_fold(head.count(), |n, &extent| n.checked_mul(extent));
    let exists = count.is_some_and(|count| (1..=u32::MAX as usize).contains(&count));
    let resize = match resize {
        Some((from, by)) if by.size == positions => Some(MapResize::new(from, by)?.into()),
        Some(_) => return None,
        None => None,
    };
    let output = Output { name, nodes: Vec::new(), head, positions, resize, conformal };
    let (of, is_map) = (&output.head, output.is_map());
    let fits =
        output.conformal.as_ref().is_none_or(|conformal| conformal.check(of, is_map).is_ok());
    (exists && named_all(names, expected) && fits).then_some(output)
}

/// Returns whether there are `expected` names, or none.
fn named_all(names: usize, expected: usize) -> bool {
    names == 0 || names == expected
}

impl Origin {
    pub(crate) fn new(digest: String, outputs: &[Output]) -> Self {
        let described = |output: &Output| Output { nodes: Vec::new(), ..output.clone() };
        let outputs = outputs.iter().map(described).collect();
        Self { digest, outputs, objects: PyOnceLock::new() }
    }

    /// Returns the outputs as JSON.
    pub(crate) fn to_json(&self) -> PyResult<String> {
        let saved: Vec<_> = self.outputs.iter().map(saved).collect();
        crate::json::to_json(&saved)
    }

    /// Returns the origin that was saved; `None` if no model has such outputs.
    pub(crate) fn restore(digest: String, outputs: &str) -> Option<Self> {
        let outputs: Vec<(String, SavedOutput)> = serde_json::from_str(outputs).ok()?;
        let outputs = outputs.into_iter().map(|(name, saved)| restored(name, saved));
        let outputs = outputs.collect::<Option<Vec<_>>>()?;
        (!outputs.is_empty()).then(|| Self::new(digest, &outputs))
    }

    /// Returns the objects that describe the outputs.
    pub(crate) fn objects<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyTuple>> {
        let objects = self.objects.get_or_try_init(py, || {
            let objects = self.outputs.iter().map(|output| object(output, py));
            let objects = PyTuple::new(py, objects.collect::<PyResult<Vec<_>>>()?)?;
            PyResult::Ok(objects.unbind())
        })?;
        Ok(objects.bind(py))
    }

    /// Returns the names of the classes of the first output.
    pub(crate) fn class_names(&self) -> PyResult<Vec<String>> {
        let Output { name, head, .. } = &self.outputs[0];
        match head {
            Head::Classes(_) => Ok((0..head.count()).map(|class| head.name_of(class)).collect()),
            Head::Labels(_) | Head::Gaussian(_) => Err(PyAttributeError::new_err(format!(
                "there are no class_names: the output {name:?} has {}; see outputs",
                counted_head(&self.outputs[0])
            ))),
        }
    }

    /// Returns the numbers of one picture and sample, of all outputs.
    pub(crate) fn numbers(&self) -> usize {
        self.outputs.iter().map(Output::numbers).sum()
    }

    /// Says what the outputs are: `10 classes`, or `3 classes, 2 targets`.
    pub(crate) fn summary(&self) -> String {
        let outputs: Vec<_> = self.outputs.iter().map(counted_head).collect();
        outputs.join(", ")
    }
}

/// Counts the classes, labels or targets, and the positions of a map.
fn counted_head(output: &Output) -> String {
    let noun = match output.head {
        Head::Classes(_) => "class",
        Head::Labels(_) => "label",
        Head::Gaussian(_) => "target",
    };
    let counted = bayes8::core::counts::counted(output.head.count(), noun);
    match output.axes() {
        [] => counted,
        axes => {
            let axes: Vec<_> = axes.iter().map(usize::to_string).collect();
            format!("{counted} at {} positions", axes.join(" x "))
        }
    }
}
