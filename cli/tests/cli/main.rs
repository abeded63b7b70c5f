//! The real program on a tiny model.

mod evaluate;
mod predict;
mod quantize;
mod support;
mod usage;
