//! Prediction sets and intervals in the caller's buffers.

use crate::buffer::Buffer;
use crate::error::Error;
use crate::pointer::Destination;
use bayes8_native::core::conformal::ConformalPredictor;
use bayes8_native::{Head, Output, PredictionRegion, Uncertainty};

/// The prediction set or intervals of an output, and where they go.
pub(crate) struct Region {
    predictor: ConformalPredictor,
    /// Classes, labels or targets.
    count: usize,
    set: Option<Destination<u8>>,
    interval: Option<Destination<f64>>,
}

impl Region {
    /// What is wanted for `count` pictures; `None` for nothing.
    ///
    /// # Safety
    /// `data` of `set` and of `interval` is NULL, misaligned, or valid for writes of `capacity` elements
    /// as long as the region lives.
    pub(crate) unsafe fn new(
        set: Buffer<u8>,
        interval: Buffer<f64>,
        count: usize,
        of: &Output,
    ) -> Result<Option<Self>, Error> {
        let Output { name: output, head, conformal, .. } = of;
        let fitting = match head {
            Head::Classes(_) | Head::Labels(_) => "set",
            Head::Gaussian(_) => "interval",
        };
        let wanted = [("set", !set.data.is_null()), ("interval", !interval.data.is_null())];
        let wanted = wanted.into_iter().filter(|&(_, is_wanted)| is_wanted).map(|(name, _)| name);
        let wanted: Vec<&'static str> = wanted.collect();
        let Some(&name) = wanted.first() else { return Ok(None) };
        if let Some(name) = wanted.iter().copied().find(|&name| name != fitting) {
            let (output, head, figures) = (output.clone(), head.name(), fitting.into());
            return Err(Error::NoFigure { name, output, head, figures });
        }
        let Some(predictor) = conformal.clone() else {
            return Err(Error::NotCalibrated { name, output: output.clone() });
        };
        let items = head.count();
        let answers = if matches!(head, Head::Classes(_)) { 1 } else { 2 };
        let each = items.saturating_mul(answers).saturating_mul(of.position_count());
        let length = count.saturating_mul(each);
        // SAFETY: the caller's contract is the same.
        let (set, interval) =
            unsafe { (set.wanted(length, "set")?, interval.wanted(length, "interval")?) };
        Ok(Some(Self { predictor, count: items, set, interval }))
    }

    pub(crate) fn put(&mut self, picture: usize, figures: &Uncertainty) {
        match (self.predictor.region(figures), &mut self.set, &mut self.interval) {
            (Some(PredictionRegion::ClassSet(set)), Some(destination), _) => {
                let mut members = vec![0; self.count];
                set.into_iter().for_each(|class| members[class] = 1);
                destination.put(picture, &members);
            }
            (Some(PredictionRegion::ClassSetMap(map)), Some(destination), _) => {
                let members: Vec<u8> = map.members.into_iter().map(u8::from).collect();
                destination.put(picture, &members);
            }
            (Some(PredictionRegion::LabelSets(sets)), Some(destination), _) => {
                let answers = sets.iter().flat_map(|set| [set.absent, set.present].map(u8::from));
                destination.put(picture, &answers.collect::<Vec<_>>());
            }
            (Some(PredictionRegion::Intervals(intervals)), _, Some(destination)) => {
                destination.put(picture, intervals.as_flattened());
            }
            _ => unreachable!("the method fits the head, and `new` checked what is wanted"),
        }
    }
}
