//! The real program on a tiny model.

mod choose;
mod comparison;
mod conformal;
mod corrupt;
mod documents;
mod evaluate;
mod evaluate_heads;
mod files;
mod heads;
mod inputs;
mod layouts;
mod limits;
mod map_models;
mod map_refusals;
mod map_sets;
mod maps;
mod numbers;
mod output_details;
mod predict;
mod profile;
mod quantize;
mod randomness;
mod recorded;
mod shipped;
mod support;
mod usage;
