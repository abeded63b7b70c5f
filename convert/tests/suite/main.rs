//! Tests of the public interface, in one program because linking takes longer than running them.

mod archives;
mod broadcasts;
mod common;
mod common_noise;
mod dropout;
mod endings;
mod ensemble;
mod fixtures;
mod functions;
mod golden;
mod heads;
mod layouts;
mod maps;
mod maximum;
mod normalization;
mod normalizations;
mod operator_sets;
mod range_choice;
mod rearrangements;
mod refusals_interface;
mod refusals_normalizations;
mod refusals_operators;
mod refusals_weights;
mod refused_files;
mod regression;
mod shared_models;
