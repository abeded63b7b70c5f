//! Verdicts on the figures of targets, labels and maps.

use super::report::HeadReport;
use crate::thresholds::{Figure, Threshold, given};
use crate::verdict::Verdict;

/// The verdicts on a report under limits, in the order of the table. A figure that the head does not have
/// is NaN.
pub(crate) fn verdicts(report: &HeadReport, limits: &[(&'static Threshold, f64)]) -> Vec<Verdict> {
    given(limits)
        .flat_map(|(threshold, limit)| {
            let found = found(threshold, report).into_iter();
            found.map(move |(name, value)| Verdict::new(name, value, limit))
        })
        .collect()
}

/// The values of a figure of a report, with their names.
fn found(threshold: &Threshold, report: &HeadReport) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    let targets = report.int8.targets();
    let of_target = |name: &str, target: &str| match targets.len() {
        1 => name.replace("{}", "FP32"),
        _ => format!("{} of {target}", name.replace("{}", "FP32")),
    };
    for (name, figure) in threshold.figures {
        let peer = report.fp32.as_ref().map(|peer| &peer.figures);
        match figure {
            Figure::Target(value) => found.extend(targets.iter().map(|target| {
                let value = value(&target.figures).unwrap_or(f64::NAN);
                (of_target(name, &target.name), value)
            })),
            Figure::TargetGap(gap) => {
                let theirs = peer.map_or(&[][..], |peer| peer.targets());
                found.extend(targets.iter().zip(theirs).map(|(ours, theirs)| {
                    let gap = gap(&ours.figures, &theirs.figures).unwrap_or(f64::NAN);
                    (of_target(name, &ours.name), gap)
                }));
            }
            Figure::Labels(value) => found.extend(
                report
                    .int8
                    .labels()
                    .map(|labels| (name.to_string(), value(&labels.figures).unwrap_or(f64::NAN))),
            ),
            Figure::LabelsGap(gap) => {
                let pair = report.int8.labels().zip(peer.and_then(|peer| peer.labels()));
                found.extend(pair.map(|(ours, theirs)| {
                    let gap = gap(&ours.figures, &theirs.figures).unwrap_or(f64::NAN);
                    (name.replace("{}", "FP32"), gap)
                }));
            }
            Figure::Map(value) => {
                found.extend(report.int8.map().map(|map| (name.to_string(), value(map))));
            }
            Figure::MapGap(gap) => {
                let pair = report.int8.map().zip(peer.and_then(|peer| peer.map()));
                let gap = pair.map(|(ours, theirs)| gap(ours, theirs));
                found.extend(gap.map(|gap| (name.replace("{}", "FP32"), gap)));
            }
            Figure::MapRanks(value) => {
                let peer = report.fp32.as_ref().filter(|peer| peer.figures.map().is_some());
                let ranks = peer.iter().flat_map(|peer| &peer.agreement.ranks);
                found.extend(ranks.map(|ranks| (name.replace("{}", "FP32"), value(ranks))));
            }
            Figure::Int8(_) | Figure::Peer(_) | Figure::Drift(_) => {}
        }
    }
    if let (true, [(name, _), ..]) = (found.is_empty(), threshold.figures) {
        found.push((name.replace("{}", "any peer"), f64::NAN));
    }
    found
}
