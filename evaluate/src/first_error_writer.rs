//! A writer with one error.

use std::io::{self, Seek, SeekFrom, Write};

/// Passes on the first error of a writer. From then on it takes everything and keeps nothing: an
/// archive that is dropped unfinished tries to complete itself, and would print that it cannot.
pub(crate) struct FirstErrorWriter<W> {
    inner: W,
    position: u64,
    length: u64,
    error: Option<io::ErrorKind>,
}

impl<W: Write + Seek> FirstErrorWriter<W> {
    /// Begins where `inner` is.
    ///
    /// # Errors
    /// When `inner` cannot tell.
    pub(crate) fn new(mut inner: W) -> io::Result<Self> {
        let position = inner.stream_position()?;
        Ok(Self { inner, position, length: position, error: None })
    }

    /// The writer.
    ///
    /// # Errors
    /// The first one, if there was any.
    pub(crate) fn into_inner(self) -> io::Result<W> {
        self.error.map_or(Ok(self.inner), |kind| Err(kind.into()))
    }

    /// `None` after an error.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<Option<T>> {
        if self.error.is_some() {
            return Ok(None);
        }
        let done = work(&mut self.inner);
        if let Err(error) = &done {
            // What is interrupted is tried again.
            if error.kind() != io::ErrorKind::Interrupted {
                self.error = Some(error.kind());
                // Where an archive goes on: it may have been on its way back to a header.
                self.position = self.length;
            }
        }
        done.map(Some)
    }
}

impl<W: Write + Seek> Write for FirstErrorWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.attempt(|inner| inner.write(bytes))?.unwrap_or(bytes.len());
        self.position += count as u64;
        self.length = self.length.max(self.position);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(W::flush).map(|_| ())
    }
}

impl<W: Write + Seek> Seek for FirstErrorWriter<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match (self.attempt(|inner| inner.seek(to))?, to) {
            (Some(position), _) | (None, SeekFrom::Start(position)) => position,
            (None, SeekFrom::Current(offset)) => self.position.saturating_add_signed(offset),
            (None, SeekFrom::End(offset)) => self.length.saturating_add_signed(offset),
        };
        Ok(self.position)
    }
}
