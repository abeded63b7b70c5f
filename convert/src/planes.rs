//! Two code planes of an input that is numbers: 16 bits where 8 might cost accuracy.

use bayes8_core::graph::{Graph, Op};

/// The sums of a layer over two planes, of which the first weighs 256 times, must stay below this.
const LARGEST_SUM: i64 = i32::MAX as i64 / 257;

/// The smallest room for biases that makes two planes worthwhile: 16 bits.
const LEAST_BIAS: i64 = 1 << 16;

/// Returns the largest code of a bias that leaves room for the products of a layer over two planes.
/// Noise may take a hundredth of it.
pub(crate) fn largest_bias(fan_in: usize) -> i64 {
    let products = (fan_in as i64).saturating_mul(255 * 128);
    (LARGEST_SUM - products) / 100 * 99
}

/// Returns whether only layers read the input, and their sums over two planes fit.
pub(crate) fn two_fit<T>(graph: &Graph<T>) -> bool {
    let nodes = graph.nodes().iter().zip(graph.input_readers());
    nodes.enumerate().all(|(index, (node, reads))| {
        let fits = || largest_bias(graph.fan_in(index)) >= LEAST_BIAS;
        !reads || matches!(node.op, Op::Flatten) || (node.op.is_weighted() && fits())
    })
}
