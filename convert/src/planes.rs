//! Two code planes of an input that is numbers: 16 bits where 8 might cost accuracy.

use bayes8_core::graph::{Graph, Op};
use bayes8_core::quoted::Echo;
use thiserror::Error;

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

/// The largest number of weights of a sum over two planes: 253.
const MOST_WEIGHTS: usize = ((LARGEST_SUM - LEAST_BIAS * 100 / 99 - 100) / (255 * 128)) as usize;

/// Why an input cannot have two planes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanesError {
    /// The input is pixels.
    #[error("an input of 16 bits is for numbers, but pixels have 8: 8 bits lose nothing")]
    Bytes,
    /// A layer is too wide.
    #[error(
        "node `{node}` reads the input and has sums of {weights} products, but an input of 16 bits \
         allows {MOST_WEIGHTS}: use 8 bits", node = Echo(node)
    )]
    TooWide {
        /// The layer.
        node: String,
        /// The number of weights of each of its sums.
        weights: usize,
    },
    /// Something else than a layer reads the input.
    #[error(
        "node `{node}` reads the input and is not a layer with weights, but only these take an input of \
         16 bits: use 8 bits", node = Echo(node)
    )]
    NotALayer {
        /// The node.
        node: String,
    },
}

/// Checks that only layers read the input, and that their sums over two planes fit.
///
/// # Errors
/// [`PlanesError`], which names the first node that does not fit.
pub(crate) fn check<T>(graph: &Graph<T>) -> Result<(), PlanesError> {
    let nodes = graph.nodes().iter().zip(graph.input_readers()).enumerate();
    for (index, (node, _)) in nodes.filter(|(_, (_, reads))| *reads) {
        let name = || node.name.clone();
        match node.op {
            Op::Flatten => {}
            _ if !node.op.is_weighted() => return Err(PlanesError::NotALayer { node: name() }),
            _ if graph.fan_in(index) > MOST_WEIGHTS => {
                let weights = graph.fan_in(index);
                return Err(PlanesError::TooWide { node: name(), weights });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_sum_leaves_room_for_16_bits_of_bias() {
        assert!(largest_bias(MOST_WEIGHTS) >= LEAST_BIAS);
        assert!(largest_bias(MOST_WEIGHTS + 1) < LEAST_BIAS);
    }
}
