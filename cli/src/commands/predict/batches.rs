//! Predicts pictures in batches, so that the maps of many pictures need not be in memory together.

use super::answers::{Answers, Kept};
use super::map::MapFiles;
use bayes8_convert::progress::{Observer, Progress};
use bayes8_evaluate::prediction::Job;
use bayes8_native::Model;
use bayes8_native::core::head::Output;

/// The most memory for the numbers and sums of the maps of a batch, on all threads, unless a single picture has more.
const MOST_BYTES: usize = 256 << 20;

/// Predicts all pictures of `job`, in order, and writes maps to `files` as soon as they are known.
///
/// # Errors
/// When the pictures do not fit the model, or a file cannot be written.
pub(super) fn run(
    job: &Job<'_, '_>,
    answers: &Answers<'_>,
    files: Option<&MapFiles<'_>>,
    observer: Observer<'_>,
) -> anyhow::Result<Vec<Kept>> {
    let pictures = job.pictures.extents()[0];
    let total = pictures as u64 * job.samples.len() as u64;
    Progress::during(observer, "predicting", Some(total), |observer| {
        let mut all = Vec::with_capacity(pictures);
        let batch = pictures_together(job.model);
        for first in (0..pictures).step_by(batch) {
            let range = first..first.saturating_add(batch).min(pictures);
            let (pictures, samples) = (job.pictures.range(range.clone()), job.samples.clone());
            // One bar for all batches.
            let mut advances = |event: Progress| {
                if !matches!(event, Progress::Begin { .. } | Progress::End) {
                    observer(event);
                }
            };
            let outcomes = Job { pictures, samples, ..*job }.run(&mut advances)?;
            for (index, outcome) in range.zip(outcomes) {
                let picture = job.pictures.range(index..index + 1);
                all.push(answers.keep(index, &picture, outcome, files)?);
            }
        }
        Ok(all)
    })
}

/// The number of pictures in a batch.
fn pictures_together(model: &Model) -> usize {
    let maps = model.outputs().iter().filter(|output| output.is_map());
    let bytes = maps.map(Output::result_bytes).fold(0, usize::saturating_add);
    // Each thread may have sums for all pictures, of some of the samples.
    let bytes = bytes.saturating_mul(model.threads());
    MOST_BYTES.checked_div(bytes).map_or(usize::MAX, |pictures| pictures.max(1))
}
