//! The caller's pointers, checked as far as they can be.
//!
//! The rest is the contract of each function, which no library can check: a pointer that is not NULL
//! points to live elements, and their number is the length that is passed with it.

use crate::error::Error;
use std::ffi::{CStr, c_char};

/// What `pointer` points to.
///
/// # Safety
/// `pointer` is NULL, misaligned, or points to a valid `T` that nothing changes during `'a`.
pub(crate) unsafe fn reference<'a, T>(
    pointer: *const T,
    name: &'static str,
) -> Result<&'a T, Error> {
    check(pointer, name)?;
    // SAFETY: neither NULL nor misaligned, so the caller vouches for the `T`.
    Ok(unsafe { &*pointer })
}

/// `length` elements from `pointer` on, which may be NULL if there are none.
///
/// # Safety
/// `pointer` is NULL, misaligned, or points to `length` valid elements that nothing changes
/// during `'a`.
pub(crate) unsafe fn slice<'a, T>(
    pointer: *const T,
    length: usize,
    name: &'static str,
) -> Result<&'a [T], Error> {
    if length == 0 {
        return Ok(&[]);
    }
    check(pointer, name)?;
    if length > isize::MAX as usize / size_of::<T>() {
        return Err(Error::Length { name, length });
    }
    // SAFETY: neither NULL nor misaligned, so the caller vouches for the elements; their size fits
    // an `isize`.
    Ok(unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// `length` elements to change and `length` others to read. Each pointer comes with its name, and may be
/// NULL if there are no elements.
///
/// # Safety
/// Each pointer is NULL, misaligned, or points to `length` valid elements during `'a`. Nothing changes
/// those of `from`, and nothing else uses those of `into`.
pub(crate) unsafe fn disjoint<'a, T>(
    (into, into_name): (*mut T, &'static str),
    (from, from_name): (*const T, &'static str),
    length: usize,
) -> Result<(&'a mut [T], &'a [T]), Error> {
    if length == 0 {
        return Ok((&mut [], &[]));
    }
    check(into, into_name)?;
    // SAFETY: the caller's contract is the same.
    let from = unsafe { slice(from, length, from_name) }?;
    let distance = into.addr().abs_diff(from.as_ptr().addr());
    if distance < size_of_val(from) {
        return Err(Error::Overlap(into_name, from_name));
    }
    // SAFETY: neither NULL nor misaligned, so the caller vouches for the elements; their size fits an
    // `isize`, as that of `from` does, with which they do not overlap.
    Ok((unsafe { std::slice::from_raw_parts_mut(into, length) }, from))
}

/// The text that `pointer` points to.
///
/// # Safety
/// `pointer` is NULL or points to a NUL-terminated string that nothing changes during `'a`.
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    name: &'static str,
) -> Result<&'a CStr, Error> {
    check(pointer, name)?;
    // SAFETY: not NULL, so the caller vouches for the string.
    Ok(unsafe { CStr::from_ptr(pointer) })
}

/// A place to write one `T` to. It may hold anything until [`Place::set`].
pub(crate) struct Place<T>(*mut T);

impl<T> Place<T> {
    /// # Safety
    /// `pointer` is NULL, misaligned, or valid for writes of a `T` as long as the place lives.
    pub(crate) unsafe fn new(pointer: *mut T, name: &'static str) -> Result<Self, Error> {
        check(pointer, name)?;
        Ok(Self(pointer))
    }

    pub(crate) fn set(&self, value: T) {
        // SAFETY: `new` refused NULL and misaligned pointers; its caller vouched for the rest.
        unsafe { self.0.write(value) }
    }
}

/// A place to write `length` elements to. They may hold anything until [`Destination::put`].
pub(crate) struct Destination<T> {
    data: *mut T,
    length: usize,
}

impl<T: Copy> Destination<T> {
    /// # Safety
    /// `data` is NULL, misaligned, or valid for writes of `capacity` elements as long as the
    /// destination lives.
    pub(crate) unsafe fn new(
        data: *mut T,
        capacity: usize,
        length: usize,
        name: &'static str,
    ) -> Result<Self, Error> {
        if capacity < length {
            return Err(Error::TooSmall { name, capacity, needed: length });
        }
        if length > 0 {
            check(data, name)?;
        }
        Ok(Self { data, length })
    }

    /// Writes `row`, the row of this `index`.
    ///
    /// # Panics
    /// When the row ends after the destination.
    pub(crate) fn put(&mut self, index: usize, row: &[T]) {
        let start = index * row.len();
        assert!(start + row.len() <= self.length, "a row ends before its destination does");
        // SAFETY: the row ends within `length`, `new` checked that `capacity` is at least that and
        // its caller vouched for `capacity` elements. The row is the library's own, not the caller's.
        unsafe { std::ptr::copy_nonoverlapping(row.as_ptr(), self.data.add(start), row.len()) }
    }
}

pub(crate) fn check<T>(pointer: *const T, name: &'static str) -> Result<(), Error> {
    if pointer.is_null() {
        Err(Error::Null(name))
    } else if !pointer.is_aligned() {
        Err(Error::Misaligned(name))
    } else {
        Ok(())
    }
}
