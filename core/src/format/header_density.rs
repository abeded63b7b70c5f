//! The limit on the density of a header. The reader refuses headers that exceed it, and the writer
//! adds white space to those that would.
//!
//! An empty name in quotes becomes a `String`, and an extent of one digit a buffered value of 32
//! bytes. To parse a header full of these would take memory out of proportion to its length. Every
//! item of a list except the first follows a comma, so commas are counted.

/// Number of items, counted as commas, up to which a header is never too dense.
pub(super) const CROWD: usize = 1024;

/// Smallest mean number of bytes per item in a header of more items; real headers have about 17.
pub(super) const BYTES_PER_ITEM: usize = 8;

/// Bytes of the largest header, enough for some 40,000 nodes. A web page parses it in less than a
/// tenth of a second. The container format allows 25 times the size.
pub(super) const MAX_HEADER_BYTES: usize = 1 << 22;

/// The density of a header.
#[derive(Clone, Copy)]
pub(super) struct Density {
    pub(super) bytes: usize,
    pub(super) items: usize,
}

impl Density {
    /// Measures the header of a file, even if the file ends early.
    pub(super) fn of(file: &[u8]) -> Self {
        let (length, rest) = file.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let header = &rest[..length.min(rest.len())];
        let items = header.iter().filter(|&&byte| byte == b',').count();
        Self { bytes: header.len(), items }
    }

    /// Returns the number of bytes without commas that the header lacks; 0 if it is not too dense.
    pub(super) fn missing(self) -> usize {
        if self.items <= CROWD {
            return 0;
        }
        self.items.saturating_mul(BYTES_PER_ITEM).saturating_sub(self.bytes)
    }
}
