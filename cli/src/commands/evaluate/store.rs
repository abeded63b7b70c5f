//! Puts conformal thresholds into the model file.

use super::arguments::Arguments;
use crate::args::UsageError;
use crate::atomic_file::Pending;
use anyhow::Context;
use bayes8_evaluate::Evaluation;
use bayes8_evaluate::style::bytes;
use bayes8_native::QuantizedModel;
use bayes8_native::core::format;
use std::path::{Path, PathBuf};

/// A model file that will get the thresholds.
pub(super) struct Store {
    pending: Pending,
    path: PathBuf,
}

impl Store {
    /// The file that `arguments` ask for, which may be the model itself but no other of the `inputs`.
    ///
    /// # Errors
    /// When it cannot be written, or would be standard input.
    pub(super) fn new(arguments: &Arguments, inputs: &[&Path]) -> anyhow::Result<Option<Self>> {
        let model = &arguments.model;
        let path = match &arguments.conformal.output {
            Some(path) => path,
            None if !arguments.conformal.store => return Ok(None),
            None if model.as_os_str() == "-" => {
                let message = "--store cannot change standard input: --output says where to write";
                return Err(UsageError { command: "evaluate", message: message.into() }.into());
            }
            None => model,
        };
        let others: Vec<&Path> = inputs.iter().copied().filter(|input| input != model).collect();
        Ok(Some(Self { pending: Pending::create(path, &others)?, path: path.clone() }))
    }

    /// Whether `other` would become the same file.
    pub(super) fn is_same(&self, other: &Pending) -> bool {
        self.pending.is_same(other)
    }

    /// Checks that `model` has one output, or the arguments name one.
    ///
    /// # Errors
    /// [`UsageError`].
    pub(super) fn check(arguments: &Arguments, model: &QuantizedModel) -> Result<(), UsageError> {
        let outputs = model.outputs();
        if arguments.evaluate_output.is_some() || outputs.len() == 1 {
            return Ok(());
        }
        let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        let message = format!(
            "--store: the model has several outputs, {}: --evaluate-output says which one the thresholds \
             are for; those of the others stay",
            names.join(", ")
        );
        Err(UsageError { command: "evaluate", message })
    }

    /// Writes `model` with the thresholds of `evaluation`. Returns what was done, for people.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(
        self,
        model: &QuantizedModel,
        evaluation: &Evaluation,
    ) -> anyhow::Result<String> {
        let report = evaluation.conformal().context("nothing was calibrated")?;
        let model = model.clone().with_conformal(&report.output, Some(report.predictor.clone()))?;
        let file = format::write(&model)?;
        self.pending.write(&file)?;
        self.pending.commit()?;
        let (path, size) = (self.path.display(), bytes(file.len() as u64));
        Ok(format!("{path}: the model with its conformal thresholds, {size}"))
    }
}
