//! The caller's buffers for results.

use crate::buffer::Buffer;
use crate::error::Error;
use crate::extensible::{self, Extensible};
use crate::model::ModelHandle;
use crate::pointer::Destination;
use crate::region::Region;
use bayes8_native::{Head, Output, Prediction, Sums};
use std::mem::offset_of;

/// Where the results of an output go: row-major arrays with one row per picture, in the order of the
/// pictures. Start from `BAYES8_OUTPUTS_INIT`, in which nothing is wanted, or in C from
/// `{.size = sizeof outputs, ...}`. Entropies are in nats.
///
/// `n` is the number of classes, labels or targets; of a map, for each of its positions: `[count][n]` is
/// `[count][planes][rows][columns][n]`, and `[count]` is `[count][planes][rows][columns]`. An output has the figures of its head, and to ask for
/// another is an error: `classes` and `labels` have `probabilities`, `std`, `predictive_entropy`,
/// `expected_entropy` and `mutual_information`; `gaussian` has `mean`, `std`, `aleatoric_std` and
/// `epistemic_std`, in the unit of each target. Unless it is a map, it also has the standard error of each but those
/// of standard deviations, in `NAME_error`: how far the figure is from that of infinitely many samples. It is NaN for
/// fewer than two samples.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Outputs {
    /// `sizeof(bayes8_outputs)`.
    pub size: usize,
    /// `[count][n]`: mean probability of each class or label over the samples.
    pub probabilities: Buffer<f64>,
    /// `[count][n]`: standard deviation of the probability of each class or label over the samples; of
    /// each target the standard deviation of the prediction, aleatoric and epistemic.
    pub std: Buffer<f64>,
    /// Total uncertainty, the entropy of the mean probabilities: `[count]` for classes, `[count][n]` for
    /// labels, as the next two.
    pub predictive_entropy: Buffer<f64>,
    /// Aleatoric uncertainty, the mean of the samples' entropies.
    pub expected_entropy: Buffer<f64>,
    /// Epistemic uncertainty, `predictive_entropy` minus `expected_entropy`, at least 0.
    pub mutual_information: Buffer<f64>,
    /// `[count][samples][numbers]`: the network's numbers of every sample, such as the logits of classes.
    /// They are those of all outputs, whatever `output` is; `numbers` is that of `bayes8_model_info`.
    pub logits: Buffer<f32>,
    /// `[count][sum_words]`: integer sums over the samples, the number of samples first. They determine
    /// all results but the logits, and `bayes8_sums_merge()` adds other samples to them exactly.
    pub sums: Buffer<i64>,
    /// `[count][n]`: mean of each target.
    pub mean: Buffer<f64>,
    /// `[count][n]`: aleatoric part of `std`, noise in the data.
    pub aleatoric_std: Buffer<f64>,
    /// `[count][n]`: epistemic part of `std`, the standard deviation of the samples' means.
    pub epistemic_std: Buffer<f64>,
    /// Index of the output that the results are of. 0, the default, for the first.
    pub output: usize,
    /// The results that are wanted of another output, or NULL, the default. An output can be named once.
    pub next: *const Outputs,
    /// The prediction set of an output that was calibrated for it (`conformal_method` of `bayes8_output`).
    /// Of classes, `[count][n]`, and of a map `[count][positions][n]`: 1 for each class that belongs to it,
    /// else 0. Of labels, `[count][n][2]`: whether "absent" belongs to the set of the label, then whether
    /// "present" does.
    pub set: Buffer<u8>,
    /// `[count][n][2]`: the lower and the upper end of the prediction interval of each target, in its unit,
    /// of an output that was calibrated for it. They may be infinite.
    pub interval: Buffer<f64>,
    /// `[count][n]`: standard errors of `probabilities`.
    pub probabilities_error: Buffer<f64>,
    /// Standard errors of `predictive_entropy`, to first order: `[count]` for classes, `[count][n]` for labels, as the
    /// next two. Of classes it is an upper bound.
    pub predictive_entropy_error: Buffer<f64>,
    /// Standard errors of `expected_entropy`.
    pub expected_entropy_error: Buffer<f64>,
    /// The sum of the errors of both entropies, an upper bound for that of `mutual_information`.
    pub mutual_information_error: Buffer<f64>,
    /// `[count][n]`: standard errors of `mean`.
    pub mean_error: Buffer<f64>,
}

// SAFETY: sizes, and pointers with sizes, of which any bytes are valid; the last field ends the struct.
unsafe impl Extensible for Outputs {
    const NAME: &'static str = "bayes8_outputs";
    const INITIALIZER: &'static str = "BAYES8_OUTPUTS_INIT";
    const FIRST_SIZE: usize = offset_of!(Self, sums) + size_of::<Buffer<i64>>();
}

impl Outputs {
    /// The buffers of figures, by the names of their fields.
    fn figures(&self) -> [(&'static str, Buffer<f64>); 13] {
        [
            ("probabilities", self.probabilities),
            ("mean", self.mean),
            ("std", self.std),
            ("predictive_entropy", self.predictive_entropy),
            ("expected_entropy", self.expected_entropy),
            ("mutual_information", self.mutual_information),
            ("aleatoric_std", self.aleatoric_std),
            ("epistemic_std", self.epistemic_std),
            ("probabilities_error", self.probabilities_error),
            ("predictive_entropy_error", self.predictive_entropy_error),
            ("expected_entropy_error", self.expected_entropy_error),
            ("mutual_information_error", self.mutual_information_error),
            ("mean_error", self.mean_error),
        ]
    }
}

/// The figures of an output and how many numbers of a picture each has, in the order of
/// [`Uncertainty::figures`](bayes8_native::Uncertainty::figures).
fn figures_of(output: &Output) -> Vec<(&'static str, usize)> {
    let positions = output.position_count();
    let n = output.head.count().saturating_mul(positions);
    let entropies = |count| -> (Vec<_>, Vec<_>) {
        let names = ["predictive_entropy", "expected_entropy", "mutual_information"];
        let errors =
            ["predictive_entropy_error", "expected_entropy_error", "mutual_information_error"];
        let all = [("probabilities", n), ("std", n)].into_iter();
        let of_all = [("probabilities_error", n)].into_iter();
        let of = |names: [&'static str; 3]| names.map(|name| (name, count));
        (all.chain(of(names)).collect(), of_all.chain(of(errors)).collect())
    };
    let (mut figures, errors) = match output.head {
        Head::Classes(_) => entropies(positions),
        Head::Labels(_) => entropies(n),
        Head::Gaussian(_) => {
            let names = ["mean", "std", "aleatoric_std", "epistemic_std"];
            (names.map(|name| (name, n)).into(), vec![("mean_error", n)])
        }
    };
    if !output.is_map() {
        figures.extend(errors);
    }
    figures
}

/// The results that are wanted of some outputs, each with enough room.
pub(crate) struct Results(Vec<OutputResults>);

/// The results that are wanted of one output.
struct OutputResults {
    output: usize,
    figures: Figures,
    logits: Option<Destination<f32>>,
    sums: Option<Destination<i64>>,
}

impl Results {
    /// The results of `count` pictures and `samples` samples that the caller wants.
    ///
    /// # Safety
    /// `outputs`, and each `next` from there on, is NULL, misaligned, or points to an `Outputs` of any
    /// version, with its `size` set. Each `data` is NULL, misaligned, or valid for writes of `capacity`
    /// numbers as long as the results live.
    pub(crate) unsafe fn new(
        outputs: *const Outputs,
        model: &ModelHandle,
        count: usize,
        samples: usize,
    ) -> Result<Self, Error> {
        // A product that saturates is larger than any capacity.
        let numbers = model.native.quantized().output_numbers();
        let logits = count.saturating_mul(numbers).saturating_mul(samples);
        let mut results: Vec<OutputResults> = Vec::new();
        let (mut next, mut name) = (outputs, "outputs");
        // It ends, since no output comes twice.
        while results.is_empty() || !next.is_null() {
            // SAFETY: the caller's contract.
            let wanted = unsafe { extensible::read(next, name) }?;
            let output = model.output(wanted.output)?;
            if results.iter().any(|results| results.output == wanted.output) {
                return Err(Error::Twice(output.name.clone()));
            }
            let words = count.saturating_mul(output.sum_words());
            // SAFETY: the caller's contract.
            results.push(unsafe {
                OutputResults {
                    output: wanted.output,
                    figures: Figures::new(&wanted, count, output)?,
                    logits: wanted.logits.wanted(logits, "logits")?,
                    sums: wanted.sums.wanted(words, "sums")?,
                }
            });
            (next, name) = (wanted.next, "outputs->next");
        }
        Ok(Self(results))
    }

    pub(crate) fn want_logits(&self) -> bool {
        self.0.iter().any(|results| results.logits.is_some())
    }

    pub(crate) fn put(&mut self, picture: usize, prediction: &Prediction) {
        for OutputResults { output, figures, logits, sums } in &mut self.0 {
            let (_, found) = prediction.outputs().nth(*output).expect("an output of the model");
            figures.put(picture, found);
            if let (Some(destination), Some(logits)) = (logits, prediction.logits()) {
                destination.put(picture, logits.as_slice().expect("logits are contiguous"));
            }
            if let Some(destination) = sums {
                destination.put(picture, &found.to_words());
            }
        }
    }
}

/// The figures of an output, and its prediction set or intervals.
pub(crate) struct Figures {
    /// How many numbers of a picture each figure has, and where they go if they are wanted.
    figures: Vec<(usize, Option<Destination<f64>>)>,
    region: Option<Region>,
}

impl Figures {
    /// # Safety
    /// Each `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// figures live.
    pub(crate) unsafe fn new(
        outputs: &Outputs,
        count: usize,
        output: &Output,
    ) -> Result<Self, Error> {
        let figures = figures_of(output);
        let buffers = outputs.figures();
        let other = buffers.iter().find(|(name, buffer)| {
            !buffer.data.is_null() && figures.iter().all(|(figure, _)| figure != name)
        });
        if let Some(&(name, _)) = other {
            let names: Vec<_> = figures.iter().map(|&(figure, _)| figure).collect();
            let (output, head) = (output.name.clone(), output.head.name());
            return Err(Error::NoFigure { name, output, head, figures: names.join(", ") });
        }
        let destinations = figures.into_iter().map(|(name, numbers)| {
            let buffer = buffers.iter().find(|&&(field, _)| field == name);
            let &(_, buffer) = buffer.expect("every figure has a field");
            // SAFETY: the caller's contract is the same.
            let destination = unsafe { buffer.wanted(count.saturating_mul(numbers), name) }?;
            Ok::<_, Error>((numbers, destination))
        });
        let figures = destinations.collect::<Result<_, Error>>()?;
        // SAFETY: the caller's contract is the same.
        Ok(Self {
            figures,
            // SAFETY: the caller's contract is the same.
            region: unsafe { Region::new(outputs.set, outputs.interval, count, output) }?,
        })
    }

    pub(crate) fn put(&mut self, picture: usize, sums: &Sums) {
        let Self { figures: destinations, region } = self;
        if region.is_none() && destinations.iter().all(|(_, destination)| destination.is_none()) {
            return;
        }
        let uncertainty = sums.finish();
        if let Some(region) = region {
            region.put(picture, &uncertainty);
        }
        let figures = uncertainty.figures();
        let mut rest = &figures[..];
        for (numbers, destination) in destinations {
            let (row, after) = rest.split_at(*numbers);
            if let Some(destination) = destination {
                destination.put(picture, row);
            }
            rest = after;
        }
    }
}
