//! Tests of the public interface, in one program because linking takes longer than running them.

mod central_claim;
mod conformal;
mod heads;
mod library;
mod map_sets;
mod maps;
mod no_collapse;
mod regression;
mod shipped_models;
mod stored;
mod targets;
mod trained;
