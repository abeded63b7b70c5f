//! The instruction set that runs a model.

mod choice;
mod hidden;
mod name;

pub use choice::{ISA_VARIABLE, IsaError};
pub use hidden::HIDE_VARIABLE;
pub use name::Isa;
