//! The scores of conformal prediction, and the heads that have them.

use super::class_sets::ClassScore;
use super::error::PredictorError;
use crate::head::Head;

/// A score of conformal prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// One of classes; [`ClassScore::Lac`] also of labels.
    Classes(ClassScore),
    /// Normalized residuals of a regression.
    Residuals,
}

impl Method {
    /// Returns its name: `lac`, `aps`, `raps` or `residuals`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classes(ClassScore::Lac) => "lac",
            Self::Classes(ClassScore::Aps) => "aps",
            Self::Classes(ClassScore::Raps { .. }) => "raps",
            Self::Residuals => "residuals",
        }
    }

    /// Returns the `lambda` and `k_reg` of RAPS; `None` for other methods.
    pub const fn raps(self) -> Option<(f64, u32)> {
        match self {
            Self::Classes(ClassScore::Raps { lambda, k_reg }) => Some((lambda, k_reg)),
            _ => None,
        }
    }

    /// Checks that outputs with `head`, or maps of it, have this score.
    ///
    /// # Errors
    /// [`PredictorError::Method`], which names the methods of the head, and [`PredictorError::Map`].
    pub fn check(self, head: &Head, is_map: bool) -> Result<(), PredictorError> {
        if is_map && head.classes().is_none() {
            return Err(PredictorError::Map(head.name()));
        }
        let fitting = match (self, head) {
            (Self::Classes(_), Head::Classes(_))
            | (Self::Classes(ClassScore::Lac), Head::Labels(_))
            | (Self::Residuals, Head::Gaussian(_)) => return Ok(()),
            (_, Head::Classes(_)) => "lac, aps or raps",
            (_, Head::Labels(_)) => "lac",
            (_, Head::Gaussian(_)) => "residuals",
        };
        let (method, head) = (self.name(), head.name());
        Err(PredictorError::Method { method, head, fitting })
    }
}
