//! The library's findings, in words that name options.

use super::arguments::Arguments;
use super::heads;
use crate::args::UsageError;
use crate::network::{nothing_varies, open_extents};
use crate::style;
use anyhow::anyhow;
use bayes8_convert::answers::AnswersError;
use bayes8_convert::fidelity::{FidelityReport, LayerFidelity};
use bayes8_convert::quantization::{Quantization, QuantizationError};
use bayes8_convert::{HeadError, HeadFault, HeadOrigin, ImportError, LoadError, Misfit};
use bayes8_evaluate::style::printable;
use bayes8_native::core::model::Values;

/// Adds the likely cause to an error.
pub(super) fn explained(arguments: &Arguments, error: QuantizationError) -> anyhow::Error {
    use QuantizationError::{Answers, Heads, Load, NothingVaries, Range};
    match error {
        NothingVaries { .. } => nothing_varies("quantize", &error).into(),
        Load(LoadError::Import { source: ImportError::SigmaOverflow(_), .. })
        | Range { is_spread: true, .. } => anyhow::Error::new(error).context(too_wide(arguments)),
        Range { .. } => anyhow::Error::new(error).context(too_large(arguments)),
        Answers { layout, source: AnswersError::Differ { .. }, .. } => {
            let network = arguments.network.networks();
            let error = anyhow::Error::new(error);
            anyhow!(
                "{error:#}; {network} was not read correctly: is the input {layout} \
                 (--input-layout), and is the `preprocessing` of --metadata right?"
            )
        }
        Heads { origin: HeadOrigin::Argument(detail), reason } => {
            anyhow!("{}: {reason}", heads::option(detail))
        }
        Heads { origin: HeadOrigin::Head, reason } => anyhow!("--head: {reason}"),
        Heads { reason: HeadError { fault: HeadFault::Unclear(_), .. }, .. } => anyhow!(
            "{error}: --classes or `class_names` of --metadata, or --head classes, labels, gaussian-mean, ..."
        ),
        Heads { reason: HeadError { fault: HeadFault::NoHead { .. }, .. }, .. } => {
            anyhow!("{error}: --head gaussian-mean, gaussian-log-variance or gaussian-softplus")
        }
        Load(LoadError::Import { source: ImportError::HeadUnused(head), .. }) => {
            let message = format!("--head {head} has no effect: each --output-name says =HEAD");
            UsageError { command: "quantize", message }.into()
        }
        Load(LoadError::Import { source: ImportError::OpenExtents { .. }, .. }) => {
            open_extents(&error.into())
        }
        Load(LoadError::Import { source: ImportError::Outputs(_), .. }) => {
            let error = anyhow::Error::new(error);
            anyhow!("{error:#}: --output-name NAME[=HEAD], which may be repeated")
        }
        error => error.into(),
    }
}

/// The likely cause of infinite numbers from the means alone.
fn too_large(arguments: &Arguments) -> String {
    format!("the weights of {} may be too large", arguments.network.networks())
}

/// The likely cause of infinite numbers from a posterior.
fn too_wide(arguments: &Arguments) -> String {
    match (arguments.network.posteriors(), arguments.network.moped) {
        (Some(files), _) => format!("the standard deviations of {files} may be too large"),
        (None, Some(delta)) => format!(
            "--moped {delta} may be too large: sigma is {delta} times each weight, and 0.1 is usual"
        ),
        (None, None) => too_large(arguments),
    }
}

/// The network's input, how the calibration pictures become it, and what is left out of the outputs.
pub(super) fn input(quantization: &Quantization) -> String {
    let Quantization {
        network, preprocessing, has_preprocessing, normalization, are_pixels, ..
    } = quantization;
    let numbers = preprocessing.values == Values::Numbers;
    let shape = network.graph.input();
    let axes = network.input.axes(shape);
    let preprocessing = match (network.input.takes_bytes, *has_preprocessing) {
        (_, true) if numbers => "",
        _ if numbers => {
            "\npreprocessing: none: --metadata with `preprocessing` and `values` `numbers` changes that"
        }
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
    let mut text = format!("input {}, from {axes}{preprocessing}", style::input(shape));
    if let Some(node) = normalization {
        text.push_str(&format!(
            "\npreprocessing: includes the normalization by node `{}` of the network",
            printable(node)
        ));
    }
    for output in network.outputs.iter().filter(|output| output.arg_max) {
        text.push_str(&format!(
            "\noutput `{}`: the final ArgMax is left out: the model gives the probability of each class",
            printable(&output.name)
        ));
    }
    text
}

/// Likely mistakes that do not prevent a model.
pub(super) fn warnings(
    arguments: &Arguments,
    quantization: &Quantization,
    fidelity: &FidelityReport,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if quantization.are_equal {
        let path = arguments.calibration.display();
        let what = if quantization.are_pixels { "pictures" } else { "inputs" };
        warnings.push(format!(
            "{path}: all {what} are equal: other {what} may exceed the activation ranges"
        ));
    }
    warnings.extend(quantization.misfit.map(misfit));
    // Such samples are mostly noise.
    if arguments.network.moped.is_some_and(|delta| delta > 1.0) {
        warnings.push(too_wide(arguments));
    }
    warnings.extend(fidelity.layers.iter().filter_map(lost_noise));
    warnings
}

/// A channel of normalized pictures whose numbers no network was trained on.
fn misfit(Misfit { channel, mean, std }: Misfit) -> String {
    format!(
        "channel {channel} of the normalized calibration pictures has mean {mean:.3} and \
         standard deviation {std:.3}: does the `preprocessing` of --metadata fit the network, \
         with mean and std of pixels in 0..1?"
    )
}

/// A layer that loses much of its noise.
fn lost_noise(layer: &LayerFidelity) -> Option<String> {
    let LayerFidelity { layer, lossy_rows, rows, largest_sigma, .. } = layer;
    (*lossy_rows > 0).then(|| {
        format!(
            "layer `{layer}`: in {lossy_rows} of {rows} output channels most weights lose most of \
             their noise to a far larger sigma; the layer's largest is {largest_sigma:e}: is it \
             right?"
        )
    })
}
