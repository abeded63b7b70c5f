//! A writer that reports only its first error.

use std::io::{self, Seek, SeekFrom, Write};

/// Passes on the first error of a writer. After that it accepts everything and writes nothing: an
/// unfinished archive that is dropped tries to complete itself, and would print that it cannot.
pub(crate) struct FirstErrorWriter<W> {
    inner: W,
    position: u64,
    length: u64,
    error: Option<io::ErrorKind>,
}

impl<W: Write + Seek> FirstErrorWriter<W> {
    /// Begins at the position of `inner`.
    ///
    /// # Errors
    /// When `inner` does not know its position.
    pub(crate) fn new(mut inner: W) -> io::Result<Self> {
        let position = inner.stream_position()?;
        Ok(Self { inner, position, length: position, error: None })
    }

    /// Returns the writer.
    ///
    /// # Errors
    /// The first error, if there was one.
    pub(crate) fn into_inner(self) -> io::Result<W> {
        self.error.map_or(Ok(self.inner), |kind| Err(kind.into()))
    }

    /// Does `work`; returns `None` after an error.
    fn attempt<T>(&mut self, work: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<Option<T>> {
        if self.error.is_some() {
            return Ok(None);
        }
        let done = work(&mut self.inner);
        if let Err(error) = &done {
            // Interrupted writes are tried again.
            if error.kind() != io::ErrorKind::Interrupted {
                self.error = Some(error.kind());
                // The archive continues at its end; it may have been returning to a header.
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
