//! Tests of the public interface, in one program because linking takes longer than running them.

mod limits;
mod loading;
mod observed;
mod profile;
mod small_model;
mod stream;
mod tiles;
mod until;
