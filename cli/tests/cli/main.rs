//! The real program on a tiny model.

mod evaluate;
mod predict;
mod support;
mod usage;
