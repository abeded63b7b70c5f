//! Sums of samples that were predicted apart: added exactly, and finished into figures.

use crate::error::{Error, Status, boundary};
use crate::extensible;
use crate::model::ModelHandle;
use crate::outputs::{Figures, Outputs};
use crate::pointer::{disjoint, reference, slice};
use bayes8_native::{Output, Sums};

/// Adds the sums `from` of the first output to the sums `into`, picture by picture.
///
/// Both are `[count][sum_words]`, from the `sums` of `bayes8_outputs` or from earlier merges.
/// `length` is the number of words in each, exactly `count * sum_words`. Zeros are the sums of no
/// samples. The result has the bits of a single prediction from all samples, whatever the order and
/// the split: parts may come from other threads, processes and machines.
///
/// Sums do not say which samples they hold. The caller makes sure that both come from the same
/// pictures and seed, from models with the same digest, and from different samples.
///
/// On any error nothing is written.
///
/// Errors: `NULL_POINTER`, `SHAPE`, `SUMS`, `INVALID_ARGUMENT` where the arrays overlap or a picture
/// would have more than 2^28 samples.
///
/// # Safety
/// `model` is NULL or a live handle. `into` and `from` are NULL or point to `length` words; only this
/// call uses those of `into`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_sums_merge(
    model: *const ModelHandle,
    into: *mut i64,
    from: *const i64,
    length: usize,
    count: usize,
) -> Status {
    // SAFETY: the caller's contract is the same.
    unsafe { bayes8_output_sums_merge(model, 0, into, from, length, count) }
}

/// Adds sums of output `output`, as `bayes8_sums_merge()` does for the first. `sum_words` is that of
/// `bayes8_output`.
///
/// Errors: those of `bayes8_sums_merge()`, and `INVALID_ARGUMENT` where no output has this index.
///
/// # Safety
/// As for `bayes8_sums_merge()`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_output_sums_merge(
    model: *const ModelHandle,
    output: usize,
    into: *mut i64,
    from: *const i64,
    length: usize,
    count: usize,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, (into, from)) = unsafe {
            (reference(model, "model")?, disjoint((into, "into"), (from, "from"), length)?)
        };
        let output = model.output(output)?;
        let words = row(output, "into", length, count)?;
        let rows = into.chunks_exact(words).zip(from.chunks_exact(words)).enumerate();
        let rows = rows.map(|(picture, (into, from))| merged(output, picture, into, from));
        // Nothing is written before all are checked.
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        into.chunks_exact_mut(words).zip(&rows).for_each(|(into, row)| into.copy_from_slice(row));
        Ok(())
    })
}

/// Computes the figures of `count` pictures from their sums, those of the output `outputs->output`.
///
/// `sums` is `[count][sum_words]`, and `length` its number of words, exactly `count * sum_words`. The
/// figures have the bits of a single prediction from all samples; those of a picture without samples
/// are 0. `data` of `outputs->logits` and `outputs->sums`, and `outputs->next`, must be NULL.
///
/// On any error nothing is written.
///
/// Errors: `NULL_POINTER`, `SHAPE`, `SUMS`, `BUFFER_TOO_SMALL`, `INVALID_ARGUMENT`.
///
/// # Safety
/// `model` is NULL or a live handle. `sums` is NULL or points to `length` words. `outputs` is NULL or
/// points to a `bayes8_outputs` of `outputs->size` bytes. Each `data` in it is NULL or points to
/// `capacity` numbers, which only this call uses and which are not part of `sums`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_sums_finish(
    model: *const ModelHandle,
    sums: *const i64,
    length: usize,
    count: usize,
    outputs: *const Outputs,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, sums, outputs) = unsafe {
            (
                reference(model, "model")?,
                slice(sums, length, "sums")?,
                extensible::read(outputs, "outputs")?,
            )
        };
        let output = model.output(outputs.output)?;
        let words = row(output, "sums", length, count)?;
        let not_finished =
            [("logits", outputs.logits.data.is_null()), ("sums", outputs.sums.data.is_null())];
        if let Some(&(name, _)) = not_finished.iter().find(|(_, is_null)| !is_null) {
            return Err(Error::NotFinished(name));
        }
        if !outputs.next.is_null() {
            return Err(Error::OneOutput);
        }
        // SAFETY: the caller's contract.
        let mut figures = unsafe { Figures::new(&outputs, count, output) }?;
        let rows = sums.chunks_exact(words).enumerate();
        let rows = rows.map(|(picture, words)| parse(output, "sums", picture, words));
        // Nothing is written before all are checked.
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        rows.iter().enumerate().for_each(|(picture, sums)| figures.put(picture, sums));
        Ok(())
    })
}

/// Words of a picture, if `length` words are those of `count` pictures.
fn row(output: &Output, name: &'static str, length: usize, count: usize) -> Result<usize, Error> {
    let words = output.sum_words();
    if length != count.saturating_mul(words) {
        return Err(Error::SumsLength { name, length, count, words });
    }
    Ok(words)
}

fn parse(
    output: &Output,
    name: &'static str,
    picture: usize,
    words: &[i64],
) -> Result<Sums, Error> {
    output.sums_from_words(words).map_err(|source| Error::Words { name, picture, source })
}

/// The words of both together.
fn merged(output: &Output, picture: usize, into: &[i64], from: &[i64]) -> Result<Vec<i64>, Error> {
    let mut sums = parse(output, "into", picture, into)?;
    let other = parse(output, "from", picture, from)?;
    if !sums.merges_with(&other) {
        return Err(Error::TooManySamples { picture, samples: sums.samples() + other.samples() });
    }
    sums.merge(&other);
    Ok(sums.to_words())
}
