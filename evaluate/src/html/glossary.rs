//! The meanings and sources of the figures.

use maud::{Markup, html};

/// A term, its meaning, and its source if it has one.
const TERMS: [(&str, &str, &str); 11] = [
    (
        "NLL",
        "Mean negative log-likelihood of the labels, in nats: a proper score, which rewards honest \
         probabilities.",
        "",
    ),
    (
        "Brier score",
        "Mean squared distance between the probabilities and the label, summed over the classes.",
        "Brier 1950",
    ),
    (
        "ECE",
        "Expected calibration error: mean difference between confidence and accuracy over 15 bins of \
         equal width.",
        "Naeini et al. 2015; Guo et al. 2017",
    ),
    (
        "total, aleatoric, epistemic",
        "Entropy of the mean probabilities; mean entropy of the single samples; and their \
         difference, the mutual information between prediction and weights. Epistemic uncertainty is \
         what more training could remove.",
        "Depeweg et al. 2018",
    ),
    (
        "AvU",
        "Share of predictions that are right and sure or wrong and unsure; the threshold is halfway \
         between the mean entropies of right and wrong predictions.",
        "Krishnan and Tickoo 2020",
    ),
    (
        "AURC, risk, coverage",
        "Only the surest predictions are answered: coverage is the share that is answered, risk the \
         share of these that is wrong, AURC the area under the curve.",
        "Geifman and El-Yaniv 2017",
    ),
    (
        "OOD AUROC, AUPR, FPR",
        "How well the uncertainty tells examples of another distribution from the labelled ones; \
         AUROC 0.5 is guessing, 1 perfect.",
        "Hendrycks and Gimpel 2017",
    ),
    (
        "drift",
        "Corruptions of the pictures, in severities from mild to strong.",
        "Hendrycks and Dietterich 2019",
    ),
    (
        "rank correlation",
        "Spearman's rank correlation: whether two models rank the examples alike by uncertainty. 1 is \
         the same order.",
        "",
    ),
    (
        "mean weights",
        "The network without what varies: one pass with every weight at its mean and no dropout; for \
         an ensemble, one pass with each member.",
        "",
    ),
    (
        "members differ, members' distance",
        "Of an ensemble with mean weights and no dropout: the share of pairs of members with different \
         most probable classes, and the total variation distance of their probabilities, half of the sum \
         of the absolute differences; means over the examples.",
        "",
    ),
];

pub(super) fn markup() -> Markup {
    html! { dl.glossary { @for (term, meaning, source) in TERMS {
        dt { (term) }
        dd { (meaning) @if !source.is_empty() { " (" (source) ")" } }
    } } }
}
