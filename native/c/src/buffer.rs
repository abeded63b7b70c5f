//! Memory of the caller for one kind of result.

use crate::error::Error;
use crate::pointer::Destination;

/// The caller's memory for `capacity` numbers. Results fill it from the start; any room after them is
/// left alone. With `data` NULL the result is not wanted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Buffer<T> {
    /// The first number, or NULL.
    pub data: *mut T,
    /// Room, in numbers (not bytes).
    pub capacity: usize,
}

impl<T: Copy> Buffer<T> {
    /// The buffer for `length` numbers, or `None` if they are not wanted.
    ///
    /// # Safety
    /// `data` is NULL, misaligned, or valid for writes of `capacity` numbers as long as the
    /// destination lives.
    pub(crate) unsafe fn wanted(
        self,
        length: usize,
        name: &'static str,
    ) -> Result<Option<Destination<T>>, Error> {
        if self.data.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's contract is the same.
        unsafe { Destination::new(self.data, self.capacity, length, name) }.map(Some)
    }
}
