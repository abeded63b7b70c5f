//! Predictions that stop as soon as they are precise enough.

use crate::engine::{Job, Stopped};
use crate::model::Model;
use crate::predict_options::EachSample;
use crate::prediction::Prediction;
use bayes8_core::session::{Pieces, Until};

impl Model {
    /// Runs the samples of `job` for each picture until its prediction is precise enough. The others go on in a
    /// smaller batch.
    pub(crate) fn run_until(
        &self,
        job: Job<'_>,
        until: Until,
        pieces: Pieces,
        mut observe: Option<EachSample<'_>>,
        predictions: &mut [Prediction],
    ) -> Result<(), Stopped> {
        let picture_bytes = job.codes.len() / predictions.len().max(1);
        let mut codes = job.codes.to_vec();
        // The pictures that go on come first. These are the indices of all.
        let mut order: Vec<usize> = (0..predictions.len()).collect();
        let (mut rest, mut done, mut active) = (Some(job.samples), 0, predictions.len());
        while let Some(samples) = rest.filter(|_| active > 0) {
            // A look is at most 256 samples away.
            let more =
                Until::next_look(done).map_or(samples.count(), |look| (look - done) as usize);
            let (now, later) = match more < samples.count() {
                true => {
                    let (now, later) = samples.split_at(more);
                    (now, Some(later))
                }
                false => (samples, None),
            };
            let part = Job { codes: &codes[..active * picture_bytes], samples: now, ..job };
            let mut each = observe.as_mut().map(|observe| {
                let order = &order;
                move |picture: usize, numbers: &[f32]| observe(order[picture], numbers)
            });
            let each = each.as_mut().map(|each| each as EachSample<'_>);
            self.run_pieces(part, pieces, each, &mut predictions[..active])?;
            // At most 2^28.
            (done, rest) = (done + now.count() as u32, later);

            let mut kept = 0;
            for place in 0..active {
                if !until.is_met(&predictions[place].uncertainty()) {
                    predictions.swap(kept, place);
                    order.swap(kept, place);
                    let from = place * picture_bytes;
                    codes.copy_within(from..from + picture_bytes, kept * picture_bytes);
                    kept += 1;
                }
            }
            let spared = (active - kept) * rest.map_or(0, |rest| rest.count());
            if spared > 0 && (job.progress)(spared).is_break() {
                return Err(Stopped::Cancelled);
            }
            active = kept;
        }
        for place in 0..order.len() {
            while order[place] != place {
                let other = order[place];
                predictions.swap(place, other);
                order.swap(place, other);
            }
        }
        Ok(())
    }
}
