//! The FP32 network of `quantize` and `evaluate`, or the members of an ensemble, and what varies in it.

use crate::arguments::{self, choice};
use bayes8::convert::{
    HeadKind, ImportOptions, InputLayout, McDropout, MemberFiles, OutputChoice, PosteriorSource,
    UnknownHead,
};
use bayes8::core::ops::DropoutProbability;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;

/// Names of the dropout nodes to activate, or all, and their probability, or the file's.
type Dropout = (Option<Vec<String>>, Option<f64>);

/// An output of the model: a text such as `mean+log_variance=gaussian-log-variance`, or the names and perhaps the head.
#[derive(Clone, FromPyObject)]
enum Chosen {
    Text(String),
    Names(Vec<String>, Option<String>),
}

/// The networks and what varies in them: the dictionary that `bayes8._networks.networks_of` makes. Python has checked
/// the numbers of files.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Networks<'py> {
    pub(crate) networks: Vec<PathBuf>,
    /// One for each network, or none.
    posteriors: Vec<PathBuf>,
    moped: Option<f32>,
    pub(crate) deterministic: bool,
    mc_dropout: Option<Dropout>,
    input_layout: Option<String>,
    input_shape: Option<Bound<'py, PyAny>>,
    outputs: Vec<Chosen>,
    head: Option<String>,
}

impl Networks<'_> {
    /// Returns the files of the network, or of all members.
    pub(crate) fn members(&self) -> PyResult<Vec<MemberFiles>> {
        let given = [!self.posteriors.is_empty(), self.moped.is_some(), self.deterministic];
        if given.into_iter().filter(|&given| given).count() > 1 {
            let message = "pass at most one of posterior, moped and deterministic=True: they say how \
                           the weights vary";
            return Err(PyValueError::new_err(message));
        }
        if let Some(delta) = self.moped.filter(|delta| !(*delta > 0.0 && delta.is_finite())) {
            let message = format!("moped is {delta}, not a positive number");
            return Err(PyValueError::new_err(message));
        }
        let posterior = |member: usize| match (self.posteriors.get(member), self.moped) {
            (Some(path), _) => PosteriorSource::File(path.clone()),
            (None, Some(delta)) => PosteriorSource::Moped { delta },
            (None, None) => PosteriorSource::Deterministic,
        };
        let networks = self.networks.iter().enumerate();
        let member = |(member, network): (usize, &PathBuf)| MemberFiles {
            network: network.clone(),
            posterior: posterior(member),
        };
        Ok(networks.map(member).collect())
    }

    /// Returns what the ONNX files leave open.
    pub(crate) fn import(&self) -> PyResult<ImportOptions> {
        let layout = self
            .input_layout
            .as_ref()
            .map(|layout| layout.to_ascii_lowercase().parse::<InputLayout>());
        let layout = layout.transpose();
        let layout =
            layout.map_err(|error| PyValueError::new_err(format!("input_layout: {error}")))?;
        let mut options = ImportOptions::default();
        options.input_layout = layout;
        options.input_shape = self.input_shape.as_ref().map(arguments::input_shape).transpose()?;
        options.mc_dropout = self.mc_dropout.clone().map(activated).transpose()?;
        options.outputs = self.outputs.iter().map(chosen).collect::<PyResult<_>>()?;
        options.head = self.head.as_deref().map(|name| head("head", name)).transpose()?;
        Ok(options)
    }
}

/// Returns the head of a name; `what` names the argument.
fn head(what: &str, name: &str) -> PyResult<HeadKind> {
    choice(what, name, &HeadKind::ALL.map(|kind| (kind.name(), kind)))
}

fn chosen(output: &Chosen) -> PyResult<OutputChoice> {
    match output {
        Chosen::Text(text) => text
            .parse()
            .map_err(|error: UnknownHead| PyValueError::new_err(format!("outputs: {error}"))),
        Chosen::Names(names, of) => {
            let of = of.as_deref().map(|name| head("the head in outputs", name)).transpose()?;
            Ok(OutputChoice { of: names.clone(), head: of })
        }
    }
}

fn activated((nodes, probability): Dropout) -> PyResult<McDropout> {
    let nearest = |number: f64| {
        DropoutProbability::nearest(number).ok_or_else(|| {
            let message = format!(
                "mc_dropout has {number}, not a probability above 0 and below 1, in units of 2^-16"
            );
            PyValueError::new_err(message)
        })
    };
    Ok(McDropout { nodes, probability: probability.map(nearest).transpose()? })
}

/// Returns the error of a network whose samples are all the same. `reason` names it.
pub(crate) fn nothing_varies(reason: &str) -> PyErr {
    PyValueError::new_err(format!(
        "{reason}; pass posterior, moped, mc_dropout or several members that differ, a network with \
         dropout in training mode, or deterministic=True for a network to compare with"
    ))
}
