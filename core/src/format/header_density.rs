//! The one rule about how dense a header may be: the reader refuses what breaks it, the writer
//! spreads what would.
//!
//! A name of two quotes becomes a `String`, an extent of one digit a buffered value of 32 bytes: a
//! header of nothing else would take memory out of proportion to its length when it is parsed.
//! Every item but the first of a list follows a comma, so commas are what is counted.

/// Items, counted as commas, up to which a header is never called crowded.
pub(super) const CROWD: usize = 1024;

/// Least mean number of bytes an item of a larger header; real ones have about 17.
pub(super) const BYTES_PER_ITEM: usize = 8;

/// Bytes of the largest header, of some 40,000 nodes: parsing it takes a page less than a tenth of a
/// second. The container allows 25 times as much.
pub(super) const MAX_HEADER_BYTES: usize = 1 << 22;

/// How dense a header is.
#[derive(Clone, Copy)]
pub(super) struct Density {
    pub(super) bytes: usize,
    pub(super) items: usize,
}

impl Density {
    /// Of the header of a file, or of as much of it as there is.
    pub(super) fn of(file: &[u8]) -> Self {
        let (length, rest) = file.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let header = &rest[..length.min(rest.len())];
        let items = header.iter().filter(|&&byte| byte == b',').count();
        Self { bytes: header.len(), items }
    }

    /// Bytes without a comma that the header needs more; 0 where it is not crowded.
    pub(super) fn missing(self) -> usize {
        if self.items <= CROWD {
            return 0;
        }
        self.items.saturating_mul(BYTES_PER_ITEM).saturating_sub(self.bytes)
    }
}
