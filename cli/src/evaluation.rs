//! What `bayes8 evaluate` reports.

use crate::style::{Style, thousands};
use bayes8_convert::metrics::{
    self, AccuracyVersusUncertainty, COVERAGES, Detection, Metrics, Selective,
};
use bayes8_native::core::uncertainty::Uncertainty;
use serde::Serialize;

/// Figures of a model on labelled pictures.
#[derive(Serialize)]
pub(crate) struct Evaluation {
    #[serde(flatten)]
    pub(crate) metrics: Metrics,
    pub(crate) avu: AccuracyVersusUncertainty,
    pub(crate) selective: Selective,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ood: Option<OutOfDistribution>,
    pub(crate) pictures: usize,
    pub(crate) samples: u32,
    pub(crate) seed: u64,
    pub(crate) kernel: &'static str,
    pub(crate) seconds: f64,
}

/// How the pictures of another distribution are told from the labelled ones.
#[derive(Serialize)]
pub(crate) struct OutOfDistribution {
    pub(crate) pictures: usize,
    pub(crate) predictive_entropy: Detection,
    pub(crate) mutual_information: Detection,
}

impl OutOfDistribution {
    pub(crate) fn new(known: &[Uncertainty], unknown: &[Uncertainty]) -> Self {
        let by = |part: fn(&Uncertainty) -> f64| {
            let values = |of: &[Uncertainty]| of.iter().map(part).collect::<Vec<_>>();
            Detection::new(&values(known), &values(unknown))
        };
        Self {
            pictures: unknown.len(),
            predictive_entropy: by(|u| u.predictive_entropy),
            mutual_information: by(|u| u.mutual_information),
        }
    }
}

/// The figures that tell sure predictions from others, both by predictive entropy.
pub(crate) fn by_entropy(
    predictions: &[Uncertainty],
    labels: &[i64],
) -> (AccuracyVersusUncertainty, Selective) {
    let right = metrics::right(predictions, labels);
    let entropies: Vec<f64> = predictions.iter().map(|u| u.predictive_entropy).collect();
    let avu = AccuracyVersusUncertainty::new(&entropies, &right);
    (avu, Selective::new(&entropies, &right))
}

impl Evaluation {
    pub(crate) fn text(&self, name: &str, threads: usize, style: Style) -> String {
        let Self { metrics, avu, selective, ood, pictures, samples, seed, kernel, seconds } = self;
        let mut lines = vec![
            (
                "pictures",
                format!("{}, {samples} samples each, seed {seed}", thousands(*pictures as u64)),
            ),
            ("accuracy", format!("{:7.2} %", 100.0 * metrics.accuracy)),
            ("NLL", format!("{:7.4} nats", metrics.nll)),
            ("Brier score", format!("{:7.4}", metrics.brier)),
            ("ECE", format!("{:7.4}", metrics.ece)),
            (
                "total",
                format!("{:7.4} nats, mean predictive entropy", metrics.mean_predictive_entropy),
            ),
            (
                "aleatoric",
                format!("{:7.4} nats, mean expected entropy", metrics.mean_expected_entropy),
            ),
            (
                "epistemic",
                format!("{:7.4} nats, mean mutual information", metrics.mean_mutual_information),
            ),
        ];
        lines.push(if avu.avu.is_nan() {
            ("AvU", "      - all predictions are right, or all are wrong".into())
        } else {
            ("AvU", format!("{:7.4} above {:.4} nats is unsure", avu.avu, avu.threshold))
        });
        let risks = COVERAGES.iter().zip(selective.risk).rev();
        let risks: Vec<String> = risks
            .map(|(coverage, risk)| format!("{:.2} % of {:.0} %", 100.0 * risk, 100.0 * coverage))
            .collect();
        lines.push(("AURC", format!("{:7.4} area under risk and coverage", selective.aurc)));
        lines.push(("wrong", format!("{} that are surest", risks.join(", "))));
        for (label, detection) in ood.iter().flat_map(|ood| {
            [("OOD total", ood.predictive_entropy), ("OOD epist.", ood.mutual_information)]
        }) {
            let Detection { auroc, aupr, fpr_at_95_tpr } = detection;
            let fpr = 100.0 * fpr_at_95_tpr;
            let text = format!("{auroc:7.4} AUROC, {aupr:.4} AUPR, {fpr:.1} % FPR at 95 % TPR");
            lines.push((label, text));
        }
        let rate = *pictures as f64 / seconds;
        lines.push((
            "speed",
            format!(
                "{rate:.1} pictures/s ({:.0} image-samples/s): {seconds:.2} s, {kernel}, {threads} threads",
                rate * f64::from(*samples)
            ),
        ));
        let mut text = format!("{}\n", style.bold(name));
        for (label, value) in lines {
            text.push_str(&format!("  {}  {value}\n", style.dim(&format!("{label:11}"))));
        }
        text
    }
}
