//! What the network takes: class names and preprocessing, and whether it was read as it was meant.

use super::Arguments;
use crate::style;
use anyhow::{Context, bail};
use bayes8_convert::answers::{self, AnswersError};
use bayes8_convert::golden::Golden;
use bayes8_convert::inputs::fp32_inputs;
use bayes8_convert::metadata::per_channel;
use bayes8_convert::{Inputs, Metadata, Network};
use bayes8_native::core::model::Preprocessing;
use ndarray::{ArrayView, ArrayView2, Dimension};
use std::path::Path;

/// How pixels become inputs where no metadata says so: numbers of 0 to 1, or bytes as they are.
pub(super) fn default_preprocessing(network: &Network) -> Preprocessing {
    let channels = network.graph.input().channels;
    let std = if network.input.takes_bytes { 1.0 / 255.0 } else { 1.0 };
    Preprocessing { mean: vec![0.0; channels], std: vec![std; channels] }
}

/// What the network takes, and how what it was calibrated with becomes that.
pub(super) fn text(network: &Network, has_preprocessing: bool, are_pixels: bool) -> String {
    let shape = network.graph.input();
    let axes = network.input.axes(shape);
    let preprocessing = match (network.input.takes_bytes, has_preprocessing) {
        _ if !are_pixels => {
            "\npreprocessing: none; the floats of --calibration are the network's input"
        }
        (true, _) => "; bytes of 0 to 255, which the network scales itself",
        (false, true) => "",
        (false, false) => {
            "\npreprocessing: mean 0 and std 1 of pixels in 0..1: --metadata with `preprocessing` \
             changes that"
        }
    };
    format!("input {}, from {axes}{preprocessing}", style::input(shape))
}

/// Refuses to normalize the pixels of a network that does so itself.
fn check_preprocessing(network: &Network, preprocessing: &Preprocessing) -> anyhow::Result<()> {
    let Preprocessing { mean, std } = preprocessing;
    let is_byte = |std: &f32| (std * 255.0 - 1.0).abs() < 1e-4;
    if network.input.takes_bytes && !(mean.iter().all(|&m| m == 0.0) && std.iter().all(is_byte)) {
        bail!(
            "`preprocessing` would normalize twice: the network takes bytes of 0 to 255 (uint8) and \
             scales them itself; leave it out"
        );
    }
    Ok(())
}

impl Arguments {
    /// Class names and preprocessing, as far as they are given; one number for each channel.
    pub(super) fn metadata(&self, network: &Network) -> anyhow::Result<Metadata> {
        let mut metadata = Metadata { class_names: Vec::new(), preprocessing: None };
        let mut source = self.mean.display().to_string();
        if let Some(path) = &self.metadata {
            source = path.display().to_string();
            metadata = Metadata::load(path)?;
            if let Some(preprocessing) = &mut metadata.preprocessing {
                *preprocessing = per_channel(preprocessing, network.graph.input().channels)
                    .with_context(|| source.clone())?;
                check_preprocessing(network, preprocessing).with_context(|| source.clone())?;
            }
        }
        if !self.classes.is_empty() {
            metadata.class_names.clone_from(&self.classes);
            source = "--classes".into();
        }
        let (names, classes) = (metadata.class_names.len(), network.classes());
        if names > 0 && names != classes {
            bail!("{source}: the network has {classes} classes, not {names}");
        }
        if let Some(class) = metadata.class_names.iter().position(|name| name.trim().is_empty()) {
            bail!("{source}: the name of class {class} is empty");
        }
        network.check_classes(&metadata.class_names).with_context(|| source)?;
        Ok(metadata)
    }

    /// The network must answer the pictures of --data as it was recorded to.
    pub(super) fn check_golden(
        &self,
        path: &Path,
        network: &Network,
        preprocessing: &Preprocessing,
        (pictures, labels): &(Inputs, Vec<i64>),
    ) -> anyhow::Result<()> {
        let golden = Golden::load(path)?;
        if golden.labels != *labels {
            let data = self.data.as_deref().unwrap_or(Path::new("")).display();
            bail!("{}: tensor `labels`: these are not the labels of {data}", path.display());
        }
        let Some(recorded) = golden.mean_weights_logits else {
            bail!("{}: there is no tensor `mean_weights_logits`", path.display());
        };
        let channels = network.graph.input().channels;
        let inputs = fp32_inputs(pictures.view(), preprocessing, channels)?;
        let source = format!("{}: tensor `mean_weights_logits`", path.display());
        self.check_answers(network, inputs.view(), recorded.view(), &source)
    }

    /// Compares the network's answers with those that `source` has.
    pub(super) fn check_answers<D: Dimension>(
        &self,
        network: &Network,
        pictures: ArrayView<'_, f32, D>,
        recorded: ArrayView2<'_, f32>,
        source: &str,
    ) -> anyhow::Result<()> {
        let mean = self.mean.display();
        let layout = network.input.layout;
        match answers::check(network, pictures, recorded) {
            Ok(()) => Ok(()),
            Err(error @ AnswersError::Differ { .. }) => bail!(
                "{source}: {error}; {mean} was not read as it was meant: is its input {layout} \
                 (--input-layout), and is the `preprocessing` of --metadata right?"
            ),
            Err(error) => Err(anyhow::Error::new(error).context(source.to_owned())),
        }
    }
}
