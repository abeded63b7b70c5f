//! Memory that starts on a cache line.

use alloc::collections::TryReserveError;
use alloc::{vec, vec::Vec};
use core::hint::black_box;
use core::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector or row of a tile.
const LINE: usize = 64;

/// Entries that start at a multiple of 64 bytes, so that each load of a whole line touches a single
/// line. AMX tiles suffer most from loads that touch two (`docs/AMX.md`).
#[derive(Debug)]
pub struct Aligned<T> {
    memory: Vec<T>,
    /// Index of the first aligned entry.
    start: usize,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { memory: Vec::new(), start: 0 }
    }
}

impl<T: Copy> Aligned<T> {
    /// Grows to at least `count` entries. Never shrinks; growing discards the contents.
    pub fn grow(&mut self, count: usize, empty: T) {
        if self.len() < count {
            let spare = LINE / size_of::<T>();
            // Free the old memory before taking the new, and copy nothing.
            self.memory = Vec::new();
            self.memory = vec![empty; count + spare];
            self.start = self.memory.as_ptr().align_offset(LINE).min(spare);
        }
    }
}

impl<T: Copy> Aligned<T> {
    /// Grows like [`Self::grow`], but returns an error when memory runs out.
    ///
    /// # Errors
    /// When there is not enough memory. It is empty then.
    pub fn try_grow(&mut self, count: usize, empty: T) -> Result<(), TryReserveError> {
        if self.len() < count {
            *self = Self::default();
            // A probe, freed at once. Only memory that the allocator zeroes itself costs nothing
            // until it is used, and a request for that kind aborts when it fails.
            let mut probe = Vec::<T>::new();
            probe.try_reserve_exact(count.saturating_add(LINE / size_of::<T>()))?;
            drop(black_box(probe));
            self.grow(count, empty);
        }
        Ok(())
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_is_aligned_at_any_size() {
        let mut bytes = Aligned::<u8>::default();
        let mut words = Aligned::<i16>::default();
        assert!(bytes.is_empty());
        for count in [1, 63, 64, 65, 1000, 999, 1 << 20] {
            bytes.grow(count, 3);
            words.grow(count, 0);
            assert!(bytes.len() >= count && words.len() >= count);
            assert_eq!(bytes.as_ptr().align_offset(64), 0);
            assert_eq!(words.as_ptr().align_offset(64), 0);
            assert!(bytes.iter().all(|&byte| byte == 3));
        }
    }
}
