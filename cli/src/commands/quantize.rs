//! `bayes8 quantize`: turns a trained FP32 network into an INT8 model file.

mod arguments;
mod heads;
mod wording;

pub(crate) use arguments::Arguments;

use crate::atomic_file::Pending;
use crate::fidelity_table::{self, Comparison};
use crate::{input, output, progress, style};
use anyhow::{Context, bail};
use bayes8_convert::fidelity::FidelityReport;
use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::quantization::{Quantization, Quantized};
use bayes8_evaluate::golden::Golden;
use bayes8_evaluate::style::{bytes, printable};
use bayes8_evaluate::{EndToEnd, HeadEndToEnd, HeadExamples, Labelled};
use bayes8_native::core::format;
use bayes8_native::core::head::Output;
use bayes8_native::{Model, ModelOptions};
use serde::Serialize;
use std::path::PathBuf;

/// The fidelity report.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    fidelity: FidelityReport,
    /// Predictions of both networks on labelled examples, if any.
    end_to_end: Option<Comparison>,
}

/// Labelled examples.
enum Data {
    /// Of classes.
    Classes(Labelled),
    /// Of targets, labels or a map.
    Head(HeadExamples),
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (sources, settings) = (arguments.sources()?, arguments.settings()?);
    let create = |path: &PathBuf| Pending::create(path, &arguments.inputs());
    let pending = create(&arguments.output)?;
    let pending_report = arguments.report.as_ref().map(create).transpose()?;
    if pending_report.as_ref().is_some_and(|report| report.is_same(&pending)) {
        bail!("{} cannot be both model and report", arguments.output.display());
    }
    arguments.machine.start_threads()?;

    let explained = |error| wording::explained(arguments, error);
    let quantization = Quantization::load(&sources).map_err(explained)?;
    let Quantization { network, preprocessing, .. } = &quantization;
    let shape = network.graph.input();
    let Output { name, head, .. } = &quantization.outputs[0];
    let is_map = quantization.outputs[0].is_map();
    if is_map && arguments.data.is_some() && head.classes().is_none() {
        bail!(
            "--data: output `{}` is a map of the head `{}`; only maps of classes can be compared",
            printable(name),
            head.name()
        );
    }
    if arguments.ignore_index.is_some() && !is_map {
        bail!("--ignore-index: output `{}` is not a map", printable(name));
    }
    let load = |path: &PathBuf| match head.classes() {
        Some(classes) if !is_map => {
            Labelled::load(path, input::open, shape, classes.count).map(Data::Classes)
        }
        _ => HeadExamples::load(path, input::open, &quantization, arguments.ignore_index)
            .map(Data::Head),
    };
    let data = arguments.data.as_ref().map(load).transpose()?;
    if arguments.golden.is_some() && is_map {
        bail!("--golden is for outputs with one position; output `{}` is a map", printable(name));
    }
    if arguments.golden.is_some() && head.classes().is_none() {
        bail!(
            "--golden is for outputs with classes; the head of this network is `{}`",
            head.name()
        );
    }
    if let (Some(path), Some(Data::Classes(data))) = (&arguments.golden, &data) {
        let golden = Golden::load(path)?;
        let (recorded, origin) = golden.logits(data)?;
        let inputs =
            fp32_inputs(data.pictures.view(preprocessing.values), preprocessing, shape.channels)?;
        quantization.check_answers(inputs.view(), recorded, origin).map_err(explained)?;
    }
    let mut observer = progress::shown();
    let Quantized { model, fidelity, .. } =
        quantization.run(&settings, &mut observer).map_err(explained)?;
    let compare = |data: &Data| -> anyhow::Result<Comparison> {
        let (samples, seed) = (arguments.sampling.samples, arguments.sampling.seed());
        let options = ModelOptions::new().isa(arguments.machine.isa);
        let int8 = Model::new(model.clone(), options)?;
        let samples = samples.unwrap_or_else(|| int8.default_samples());
        let observer = &mut observer;
        Ok(match data {
            Data::Classes(data) => Comparison::Classes(EndToEnd::measure(
                &quantization,
                &int8,
                data,
                samples,
                seed,
                observer,
            )?),
            Data::Head(data) => Comparison::Head(HeadEndToEnd::measure(
                &quantization,
                &int8,
                data,
                samples,
                seed,
                observer,
            )?),
        })
    };
    let end_to_end = data.as_ref().map(compare).transpose()?;
    let input = wording::input(&quantization);
    let warnings = wording::warnings(arguments, &quantization, &fidelity);
    // Only the model is needed from here on; a large network makes room for the file's bytes.
    drop((quantization, data));
    let file = format::write(&model)?;

    warnings.iter().for_each(|warning| output::warn(warning));
    let text = fidelity_table::text(&fidelity, end_to_end.as_ref(), style::detect());
    let printed = output::print(&format!("{text}\n{input}\n"));

    // Both files are complete before either gets its final name.
    pending.write(&file)?;
    if let Some(pending) = pending_report {
        let report = Report { fidelity, end_to_end };
        let mut json = serde_json::to_vec_pretty(&report).context("cannot write the report")?;
        json.push(b'\n');
        pending.write(&json)?;
        pending.commit()?;
    }
    pending.commit()?;
    printed?;
    let path = printable(&arguments.output.display().to_string());
    output::print(&format!("{path}: {}\n", bytes(file.len() as u64)))
}
