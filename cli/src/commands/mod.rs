//! The subcommands: each has its arguments and a `run`.

pub(crate) mod bench;
pub(crate) mod choose;
pub(crate) mod corrupt;
pub(crate) mod evaluate;
pub(crate) mod inspect;
pub(crate) mod predict;
pub(crate) mod quantize;
