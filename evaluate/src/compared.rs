//! The numbers of samples from which two models are compared: equal wherever both have enough. With fewer
//! samples, entropy and above all mutual information are smaller, whatever the model.

use serde::Serialize;

use crate::figures::Figures;
use crate::measure::{Measured, Predicted};
use crate::metrics::Comparison;
use crate::style::counted;

/// The samples of INT8 and of a peer that are compared.
#[derive(Debug, Serialize)]
pub struct Compared {
    /// Number of the first INT8 samples that are compared.
    pub int8_samples: u32,
    /// Number of the peer's first samples that are compared; `None` if recorded predictions do not say.
    pub peer_samples: Option<u32>,
    /// The figures of INT8 from these samples, if they are not all of its samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub int8: Option<Figures>,
    /// The figures of the peer from these samples, if they are not all of its samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Figures>,
}

impl Compared {
    /// A caution for different numbers of samples.
    pub(crate) const UNFAIR: &str = "Fewer samples have less entropy, above all less mutual \
        information: part of the differences comes from the numbers of samples.";

    /// Compares two measurements, from the smaller number of samples if both were measured with it.
    pub(crate) fn new(int8: &Measured, peer: &Measured) -> (Self, Comparison) {
        let samples = int8.whole.samples.min(peer.whole.samples.or(int8.whole.samples));
        let [ours, theirs] = [int8, peer].map(|measured| measured.from(samples));
        let partial = |part: &Predicted, measured: &Measured| {
            (part.samples != measured.whole.samples).then(|| part.figures.clone())
        };
        let compared = Self {
            int8_samples: ours.samples.unwrap_or_default(),
            peer_samples: theirs.samples,
            int8: partial(ours, int8),
            peer: partial(theirs, peer),
        };
        (compared, Comparison::new(&ours.predictions, &theirs.predictions))
    }

    /// Whether both have the same number of samples.
    pub fn is_fair(&self) -> bool {
        self.peer_samples == Some(self.int8_samples)
    }

    /// Whether both have the same number of samples, and neither has more.
    pub fn is_whole(&self) -> bool {
        self.is_fair() && self.int8.is_none() && self.peer.is_none()
    }

    /// The numbers of samples, in words.
    pub(crate) fn text(&self) -> String {
        let samples = counted(self.int8_samples, "sample");
        match self.peer_samples {
            Some(_) if self.is_whole() => format!("{samples} each"),
            Some(_) if self.is_fair() => format!("the first {samples} of each"),
            Some(other) => format!("{samples} against {other}"),
            None => format!("{samples} against an unknown number"),
        }
    }
}
