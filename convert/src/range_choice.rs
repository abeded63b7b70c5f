//! The choice of a network's range method if nobody names one: the widest ranges that its precision
//! affords.
//!
//! Pictures that drift away from those of the calibration, above all by noise, have activations
//! that reach further, and ranges clip them: in `cifar10-resnet20` this changes accuracy and
//! entropy under noise by several percent. So ranges go from the smallest to the largest
//! activation. But such ranges have wide steps, and two things speak against these:
//!
//! - outliers, which cost all other activations their precision: then ranges have the least squared
//!   error;
//! - a posterior so narrow that rounding outweighs it. Either rounding differs from sample to
//!   sample as soon as any weight does, which is mutual information that the posterior does not
//!   have, or it removes all of the spread. Then ranges are those of a percentile
//!   (`evaluate/tests/suite/no_collapse.rs`).

use bayes8_core::model::QuantizedModel;
use bayes8_native::PredictOptions;
use ndarray::{Array2, ArrayView, Dimension};
use serde::Serialize;

use crate::bias_correction::errors_of_means;
use crate::calibrate::{Observations, RangeMethod, mean};
use crate::heads::epistemic;
use crate::network::Network;
use crate::quantize::QuantizeError;
use crate::reference::{FloatWeights, run};
use crate::{mean_weights, quantized_logits};

/// If the error of min-max exceeds that of the least squared error by more than this factor, it has
/// lost too much to outliers.
pub const OUTLIERS: f64 = 2.0;

/// If the mutual information of INT8 and FP32 differs by more than this factor, rounding outweighs
/// the posterior.
pub const OUTWEIGHED: f64 = 1.25;

/// Narrower ranges for a narrow posterior, from the widest on.
const NARROWER: [RangeMethod; 2] = [RangeMethod::Percentile(99.99), RangeMethod::Percentile(99.95)];

/// The findings on the calibration pictures, and the choice that follows from them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeChoice {
    /// The choice.
    #[serde(serialize_with = "as_text")]
    pub method: RangeMethod,
    /// Squared error of the logits of the mean weights with min-max ranges, as in
    /// [`CorrectionReport`](crate::bias_correction::CorrectionReport) but the median of the
    /// pictures: the few pictures that other methods clip must not outweigh the many for which
    /// min-max is coarse.
    pub min_max_error: f64,
    /// Squared error of the logits of the mean weights, the median of the pictures, with ranges of
    /// the least squared error.
    pub mse_error: f64,
    /// Mean mutual information of the pictures in FP32, in nats; of a regression, the mean variance of
    /// the means, in the network's units.
    pub fp32_mutual_information: f64,
    /// Mean mutual information of INT8 with the same noise, for each method that was tried, from
    /// the widest ranges on; empty without a posterior, or with a single draw.
    pub tried: Vec<Tried>,
}

/// The result of a method.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// The method.
    #[serde(serialize_with = "as_text")]
    pub method: RangeMethod,
    /// Mean mutual information of the pictures in INT8, or variance of the means, as in FP32.
    pub mutual_information: f64,
}

fn as_text<S: serde::Serializer>(method: &RangeMethod, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(method)
}

impl RangeChoice {
    /// Chooses a method for `network` on its normalized calibration `pictures`, which
    /// `observations` come from. `quantized` makes the INT8 model with the ranges of a method.
    ///
    /// # Errors
    /// [`QuantizeError`] of `quantized`, or when the pictures do not fit.
    pub(crate) fn new<D: Dimension>(
        network: &Network,
        pictures: ArrayView<'_, f32, D>,
        observations: &Observations,
        quantized: impl Fn(RangeMethod) -> Result<QuantizedModel, QuantizeError>,
    ) -> Result<Self, QuantizeError> {
        let means = (0..network.members()).map(|member| FloatWeights::mean(network, member));
        let fp32 = means.map(|means| run(network, &means, pictures.view(), |_, _, _| {}));
        let fp32: Vec<Array2<f32>> = fp32.collect::<Result<_, _>>()?;
        let error = |method: RangeMethod| -> Result<f64, QuantizeError> {
            let plain = mean_weights::of(&quantized(method)?)?;
            let mut errors = errors_of_means(fp32.iter(), &plain, pictures.view())?;
            errors.sort_unstable_by(f64::total_cmp);
            Ok(errors.get(errors.len() / 2).copied().unwrap_or_default())
        };
        let min_max_error = error(RangeMethod::MinMax)?;
        let mse_error = error(RangeMethod::Mse)?;
        let wide = if min_max_error <= OUTLIERS * mse_error {
            RangeMethod::MinMax
        } else {
            RangeMethod::Mse
        };
        let fp32 = observations.mutual_information;
        let mut choice = Self {
            method: wide,
            min_max_error,
            mse_error,
            fp32_mutual_information: fp32,
            tried: Vec::new(),
        };
        // A single draw has no mutual information.
        if observations.weight_samples < 2 {
            return Ok(choice);
        }
        let options =
            PredictOptions::new().samples(0..observations.weight_samples).seed(observations.seed);
        let mut nearest = f64::INFINITY;
        for method in [wide].into_iter().chain(NARROWER) {
            let predictions =
                quantized_logits::predict(&quantized(method)?, pictures.view(), &options)?;
            let information = predictions.iter().map(|prediction| epistemic(prediction.outputs()));
            let mutual_information = mean(information);
            choice.tried.push(Tried { method, mutual_information });
            let distance = (mutual_information / fp32).ln().abs();
            if distance < nearest {
                (choice.method, nearest) = (method, distance);
            }
            if nearest < OUTWEIGHED.ln() {
                break;
            }
        }
        Ok(choice)
    }
}
