//! Tests of the public interface, in one program because linking takes longer than running them.

mod block;
mod chacha;
mod chosen_draws;
mod classes;
mod conformal;
mod container;
mod digest;
mod dropout;
mod executor;
mod format;
mod format_refusals;
mod format_versions;
mod graph_errors;
mod heads;
mod input_size;
mod limits;
mod maps;
mod members;
mod model_errors;
mod naive;
mod noise;
mod normalize;
mod numerics;
mod session;
mod small_model;
mod variance;
