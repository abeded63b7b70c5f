//! Structs that later versions may make longer. They begin with their size in bytes, as the structs of
//! Linux's `clone3` and `openat2` are passed with it.
//!
//! - A shorter struct comes from a caller that was compiled for an earlier version: fields that it
//!   lacks are zero. So every new field goes to the end, and zero must mean what the versions without
//!   it did.
//! - A longer struct comes from a caller that was compiled for a later version: what this version does
//!   not know must be zero, else the caller asks for something that it would not get.

use crate::error::Error;
use crate::pointer::check;
use std::mem::MaybeUninit;
use std::{ptr, slice};

/// More bytes than any version of a struct will have: such a size was never initialized.
const MOST_BYTES: usize = 4096;

/// A struct that may grow.
///
/// # Safety
/// It is `#[repr(C)]`, its first field is `size: usize`, and any bytes, zeros too, are valid for every
/// field. It has no padding at its end, where an earlier caller's rubbish would become a new field.
pub(crate) unsafe trait Extensible: Copy {
    /// Its name in C.
    const NAME: &'static str;
    /// The macro that initializes it.
    const INITIALIZER: &'static str;
    /// Its bytes in the first released version.
    const FIRST_SIZE: usize;
}

/// What `pointer` points to, as this version knows it; its `size` stays the caller's.
///
/// # Safety
/// `pointer` is NULL, misaligned, or points to a `T` of any version, with its `size` set.
pub(crate) unsafe fn read<T: Extensible>(
    pointer: *const T,
    name: &'static str,
) -> Result<T, Error> {
    // SAFETY: the caller's contract is the same.
    let size = unsafe { size(pointer, name) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: the caller vouches for `size` bytes.
    let unknown = unsafe { slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if unknown.iter().any(|&byte| byte != 0) {
        return Err(Error::UnknownField(name));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` is at most the size of either; any bytes are valid for the fields.
    unsafe {
        ptr::copy_nonoverlapping(pointer.cast::<u8>(), value.as_mut_ptr().cast(), known);
        Ok(value.assume_init())
    }
}

/// What `pointer` points to, or `None` for NULL.
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn read_optional<T: Extensible>(
    pointer: *const T,
    name: &'static str,
) -> Result<Option<T>, Error> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's contract is the same.
    unsafe { read(pointer, name) }.map(Some)
}

/// Fills what `pointer` points to with the fields of `value` that the caller knows. Its `size` stays
/// the caller's, and what this version does not know becomes zero.
///
/// # Safety
/// `pointer` is NULL, misaligned, or valid for reads and writes of a `T` of any version, with its
/// `size` set.
pub(crate) unsafe fn write<T: Extensible>(
    pointer: *mut T,
    value: &T,
    name: &'static str,
) -> Result<(), Error> {
    // SAFETY: the caller's contract is the same.
    let size = unsafe { size(pointer, name) }?;
    let known = size.min(size_of::<T>());
    let fields = size_of::<usize>();
    let (from, to) = (ptr::from_ref(value).cast::<u8>(), pointer.cast::<u8>());
    // SAFETY: the caller vouches for `size` bytes; `known` is at most that and the size of a `T`, and
    // no less than the first version's, which begins with `size`.
    unsafe {
        ptr::copy_nonoverlapping(from.add(fields), to.add(fields), known - fields);
        to.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

/// The size that a struct says it has.
///
/// # Safety
/// `pointer` is NULL, misaligned, or points to a `T` of any version, with its `size` set.
unsafe fn size<T: Extensible>(pointer: *const T, name: &'static str) -> Result<usize, Error> {
    check(pointer, name)?;
    // SAFETY: neither NULL nor misaligned, so the caller vouches for the first field.
    let size = unsafe { pointer.cast::<usize>().read() };
    if !(T::FIRST_SIZE..=MOST_BYTES).contains(&size) || !size.is_multiple_of(align_of::<T>()) {
        let (of, initializer) = (T::NAME, T::INITIALIZER);
        return Err(Error::Size { name, size, of, initializer });
    }
    Ok(size)
}
