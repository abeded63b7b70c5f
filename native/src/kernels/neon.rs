//! The kernels of AArch64, whose vector registers have 128 bits. All share [`Neon`]'s registers; they
//! differ in the instructions that multiply.

pub(crate) mod dotprod;
mod elements;
pub(crate) mod i8mm;
mod lanes;
mod plain;

pub(crate) use lanes::Neon;
