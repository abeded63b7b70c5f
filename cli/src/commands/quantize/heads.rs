//! Options for the names and units of what the outputs of a network stand for.

use bayes8_convert::{Detail, OutputDetails, TargetDetails};
use clap::Args;

/// Names and units, each instead of those of --metadata.
#[derive(Args)]
pub(super) struct Names {
    /// Names of the classes, in the order of the outputs, instead of those of --metadata
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    classes: Vec<String>,

    /// Names of the labels, in the order of the outputs; of a single label perhaps two, of the case
    /// without it and with it
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    labels: Vec<String>,

    /// Names of the targets of a regression
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    target_name: Vec<String>,

    /// Units of the targets, such as MPa
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    target_unit: Vec<String>,

    /// Standard deviation by which training divided each target, or all [default: 1]
    #[arg(long, value_name = "X,Y,..", value_delimiter = ',', allow_hyphen_values = true)]
    target_scale: Vec<f32>,

    /// Mean that training subtracted from each target, or from all [default: 0]
    #[arg(long, value_name = "X,Y,..", value_delimiter = ',', allow_hyphen_values = true)]
    target_offset: Vec<f32>,

    /// Standard deviation of noise that the network does not state, in the unit of each target, or of
    /// all [default: 0]
    #[arg(long, value_name = "X,Y,..", value_delimiter = ',', allow_hyphen_values = true)]
    target_noise: Vec<f32>,
}

impl Names {
    /// The names and properties.
    pub(super) fn details(&self) -> OutputDetails {
        let targets = TargetDetails {
            names: self.target_name.clone(),
            units: self.target_unit.clone(),
            scale: self.target_scale.clone(),
            offset: self.target_offset.clone(),
            noise: self.target_noise.clone(),
        };
        OutputDetails {
            class_names: self.classes.clone(),
            label_names: self.labels.clone(),
            targets,
        }
    }
}

/// The option that gives a detail.
pub(super) fn option(detail: Detail) -> &'static str {
    match detail {
        Detail::ClassNames => "--classes",
        Detail::LabelNames => "--labels",
        Detail::TargetNames => "--target-name",
        Detail::TargetUnits => "--target-unit",
        Detail::TargetScale => "--target-scale",
        Detail::TargetOffset => "--target-offset",
        Detail::TargetNoise => "--target-noise",
    }
}
