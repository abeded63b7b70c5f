//! What is said about an output of a model.

use crate::error::{Error, c_text};
use crate::extensible::Extensible;
use bayes8_native::core::conformal::ConformalPredictor;
use bayes8_native::{Head, Output};
use std::ffi::{CString, c_char};
use std::mem::offset_of;
use std::ptr;

/// An output of a model: a name, and what its numbers mean. The strings are UTF-8 and live as long as
/// the model. Start from `BAYES8_OUTPUT_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OutputInfo {
    /// `sizeof(bayes8_output)`, set by the caller.
    pub size: usize,
    /// Name of the output, which no other output of the model has.
    pub name: *const c_char,
    /// What the numbers mean: `classes`, of which a picture has exactly one; independent `labels`; or
    /// `gaussian`, the targets of a regression.
    pub head: *const c_char,
    /// Number of classes, labels or targets.
    pub count: usize,
    /// Number of the network's numbers for a picture and sample: those of `logits` of `bayes8_outputs`.
    pub numbers: usize,
    /// Number of integers in the sums of a picture (`sums` of `bayes8_outputs`).
    pub sum_words: usize,
    /// How a regression states the variance of its targets: `none`, `log` or `softplus`. NULL for other
    /// heads.
    pub variance: *const c_char,
    /// The two outcomes of each label: without it, then with it. They are `no` and `yes`, unless a
    /// single label has other names. NULL for other heads.
    pub outcomes: [*const c_char; 2],
    /// The method of the conformal predictor that gives `set` or `interval` of `bayes8_outputs`: `lac`,
    /// `aps`, `raps` or `residuals`. NULL if the output has none, and the next fields are 0.
    pub conformal_method: *const c_char,
    /// The share of inputs whose set or interval may miss the truth.
    pub conformal_alpha: f64,
    /// Number of examples from which it was calibrated.
    pub calibration_examples: u64,
    /// Number of samples of each of these, from sample 0. What `conformal_alpha` promises is for
    /// predictions with the same samples.
    pub calibration_samples: u64,
    /// Seed of these samples, which are random draws.
    pub calibration_seed: u64,
    /// Number of planes, rows and columns of a map, which has the figures of `bayes8_outputs` at each of
    /// these positions; 1 each unless the output is a map.
    pub positions: [usize; 3],
}

// SAFETY: sizes, numbers and pointers, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for OutputInfo {
    const NAME: &'static str = "bayes8_output";
    const INITIALIZER: &'static str = "BAYES8_OUTPUT_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, outcomes) + size_of::<[*const c_char; 2]>();
}

/// A target of a regression. The strings are UTF-8 and live as long as the model. Start from
/// `BAYES8_TARGET_INIT`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TargetInfo {
    /// `sizeof(bayes8_target)`, set by the caller.
    pub size: usize,
    /// Name of the target; `target N` where the model has none.
    pub name: *const c_char,
    /// Unit of the target; empty where the model has none.
    pub unit: *const c_char,
    /// The network's number y means `scale * y + offset`, in the unit of the target.
    pub scale: f64,
    /// What is added to the scaled number.
    pub offset: f64,
    /// Standard deviation, in the unit of the target, of noise that the network does not state.
    pub noise: f64,
}

// SAFETY: a size, numbers and pointers, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for TargetInfo {
    const NAME: &'static str = "bayes8_target";
    const INITIALIZER: &'static str = "BAYES8_TARGET_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, noise) + size_of::<f64>();
}

/// The strings of an output of a handle's model.
pub(crate) struct OutputTexts {
    name: CString,
    head: CString,
    variance: Option<CString>,
    outcomes: Option<[CString; 2]>,
    conformal: Option<(CString, ConformalPredictor)>,
    /// Names of the classes, labels or targets.
    items: Vec<CString>,
    /// Units of the targets.
    units: Vec<CString>,
}

impl OutputTexts {
    pub(crate) fn new(Output { name, head, conformal, .. }: &Output) -> Self {
        let gaussian = head.gaussian();
        let units = gaussian.iter().flat_map(|gaussian| &gaussian.targets);
        Self {
            name: c_text(name),
            head: c_text(head.name()),
            variance: gaussian.map(|gaussian| c_text(gaussian.variance.name())),
            outcomes: head.labels().map(|labels| labels.outcomes().map(c_text)),
            conformal: conformal.as_ref().map(|of| (c_text(of.method.name()), of.clone())),
            items: (0..head.count()).map(|index| c_text(&head.name_of(index))).collect(),
            units: units.map(|target| c_text(&target.unit)).collect(),
        }
    }

    /// The description of `output`, whose strings these are, and live as long as `self`.
    pub(crate) fn describe(&self, output: &Output) -> OutputInfo {
        let (outcomes, conformal) = (self.outcomes.as_ref(), self.conformal.as_ref());
        OutputInfo {
            size: size_of::<OutputInfo>(),
            name: self.name.as_ptr(),
            head: self.head.as_ptr(),
            count: output.head.count(),
            numbers: output.numbers(),
            sum_words: output.sum_words(),
            variance: self.variance.as_ref().map_or(ptr::null(), |variance| variance.as_ptr()),
            outcomes: outcomes.map_or([ptr::null(); 2], |[no, yes]| [no.as_ptr(), yes.as_ptr()]),
            conformal_method: conformal.map_or(ptr::null(), |(method, _)| method.as_ptr()),
            conformal_alpha: conformal.map_or(0.0, |(_, of)| of.alpha),
            calibration_examples: conformal.map_or(0, |(_, of)| of.calibration_examples),
            calibration_samples: conformal.map_or(0, |(_, of)| of.samples.into()),
            calibration_seed: conformal.map_or(0, |(_, of)| of.seed),
            positions: output.positions,
        }
    }

    /// The description of a target of `output`, whose strings these are.
    pub(crate) fn target(&self, index: usize, output: &Output) -> Result<TargetInfo, Error> {
        let gaussian = output.head.gaussian().ok_or_else(|| Error::NoItems {
            items: "targets",
            output: output.name.clone(),
            head: output.head.name(),
        })?;
        let name = self.item(index, output)?.as_ptr();
        let target = &gaussian.targets[index];
        Ok(TargetInfo {
            size: size_of::<TargetInfo>(),
            name,
            unit: self.units[index].as_ptr(),
            scale: target.scale.into(),
            offset: target.offset.into(),
            noise: target.noise.into(),
        })
    }

    /// The name of a class, label or target of `output`, whose strings these are.
    pub(crate) fn item(&self, index: usize, output: &Output) -> Result<&CString, Error> {
        self.items.get(index).ok_or_else(|| {
            let item = match output.head {
                Head::Classes(_) => "class",
                Head::Labels(_) => "label",
                Head::Gaussian(_) => "target",
            };
            Error::Item { item, index, output: output.name.clone(), count: self.items.len() }
        })
    }
}
