//! Memory that begins at a cache line.

use alloc::collections::TryReserveError;
use alloc::{vec, vec::Vec};
use core::hint::black_box;
use core::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector or row of a tile.
const LINE: usize = 64;

/// Entries of which the first lies at a multiple of 64 bytes, so that loads of whole lines touch one
/// line each: tiles of AMX suffer most from those that touch two (`docs/AMX.md`).
#[derive(Debug)]
pub struct Aligned<T> {
    memory: Vec<T>,
    /// The entry that lies there.
    start: usize,
}

impl<T> Default for Aligned<T> {
    fn default() -> Self {
        Self { memory: Vec::new(), start: 0 }
    }
}

impl<T: Copy> Aligned<T> {
    /// Makes it hold at least `count` entries. It only grows: what it holds is overwritten.
    pub fn grow(&mut self, count: usize, empty: T) {
        if self.len() < count {
            let spare = LINE / size_of::<T>();
            // The old memory is not copied, nor kept beside the new.
            self.memory = Vec::new();
            self.memory = vec![empty; count + spare];
            self.start = self.memory.as_ptr().align_offset(LINE).min(spare);
        }
    }
}

impl<T: Copy> Aligned<T> {
    /// [`Self::grow`], where there may be no memory.
    ///
    /// # Errors
    /// When there is none; then it holds nothing.
    pub fn try_grow(&mut self, count: usize, empty: T) -> Result<(), TryReserveError> {
        if self.len() < count {
            *self = Self::default();
            // Asked for and given back: only memory that an allocator zeroes itself costs nothing
            // until it is used, and that kind cannot be asked for without an abort.
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
    fn the_first_entry_lies_at_a_line_however_much_there_is() {
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
