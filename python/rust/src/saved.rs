//! Predictions as they are pickled.

use crate::draws::{Draws, Part};
use crate::origin::Origin;
use bayes8::{Output, Sums, WordsError};
use std::iter::repeat_n;
use std::sync::Arc;

/// What a pickled prediction holds, besides its logits.
pub(crate) struct Saved {
    /// Those of every output for each picture.
    pub(crate) sums: Vec<Sums>,
    pub(crate) draws: Draws,
    pub(crate) origin: Arc<Origin>,
}

impl Saved {
    /// Restores the prediction of a single picture if `is_single`. `words` are the integers of all sums as
    /// little-endian bytes, `draws` seeds and ranges of samples, and `outputs` JSON.
    ///
    /// # Errors
    /// What is wrong, if no prediction is like that.
    pub(crate) fn restore(
        words: &[u8],
        draws: Vec<(Option<u64>, u32, u32)>,
        digest: String,
        outputs: &str,
        is_single: bool,
    ) -> Result<Self, String> {
        let origin = Origin::restore(digest, outputs).ok_or("no model has its outputs")?;
        let (words, rest) = words.as_chunks();
        let words: Vec<i64> = words.iter().map(|&word| i64::from_le_bytes(word)).collect();
        let each: usize = origin.outputs.iter().map(Output::sum_words).sum();
        let is_whole = rest.is_empty() && words.len().is_multiple_of(each);
        if !is_whole || is_single && words.len() != each {
            return Err("its sums have another size".into());
        }
        let sums = sums(&origin, &words, words.len() / each).map_err(|error| error.to_string())?;
        let draws: Vec<Part> = draws.into_iter().map(|(seed, a, b)| (seed, a..b)).collect();
        let draws = Draws::restore(draws).ok_or("its samples are not in order")?;
        if sums.iter().any(|sums| sums.samples() != draws.count()) {
            return Err("its sums have other samples".into());
        }
        Ok(Self { sums, draws, origin: Arc::new(origin) })
    }
}

/// Returns the sums of `count` pictures from the words of all.
fn sums(origin: &Origin, words: &[i64], count: usize) -> Result<Vec<Sums>, WordsError> {
    let mut rest = words;
    let restored = repeat_n(&origin.outputs, count).flatten().map(|output| {
        let (words, others) = rest.split_at(output.sum_words());
        rest = others;
        output.sums_from_words(words)
    });
    restored.collect()
}
