//! The ONNX operators, one file for each family: how nodes of activations become nodes of the
//! graph, how nodes of constants are computed, and what they show about the input's axes.
//!
//! A file declares its operators in a list, which `FAMILIES` registers. Dispatch, refusals and the test of
//! `docs/IMPORT.md` follow from that.

mod arg_max;
mod arithmetic;
mod batch_normalization;
mod cast;
mod choice;
mod clamp;
mod concat;
mod constant;
mod convolution;
mod depth;
mod expand;
mod functions;
mod gather;
mod identity;
mod linear;
mod maximum;
mod mean;
mod normalize;
mod pad;
mod pool;
mod power;
mod random;
mod reshape;
mod resize;
mod shape;
mod slice;
mod softmax;
mod split;
mod stack;
mod transpose;
mod transposed_convolution;

use super::operator::Operator;

/// The operators of all families.
const FAMILIES: &[&[Operator]] = &[
    arg_max::OPERATORS,
    arithmetic::OPERATORS,
    batch_normalization::OPERATORS,
    cast::OPERATORS,
    choice::OPERATORS,
    clamp::OPERATORS,
    concat::OPERATORS,
    constant::OPERATORS,
    convolution::OPERATORS,
    depth::OPERATORS,
    expand::OPERATORS,
    functions::OPERATORS,
    gather::OPERATORS,
    identity::OPERATORS,
    linear::OPERATORS,
    maximum::OPERATORS,
    mean::OPERATORS,
    normalize::OPERATORS,
    pad::OPERATORS,
    pool::OPERATORS,
    power::OPERATORS,
    random::OPERATORS,
    reshape::OPERATORS,
    resize::OPERATORS,
    shape::OPERATORS,
    slice::OPERATORS,
    softmax::OPERATORS,
    split::OPERATORS,
    stack::OPERATORS,
    transpose::OPERATORS,
    transposed_convolution::OPERATORS,
];

/// The operator of this ONNX name, if it is supported.
pub(super) fn operator(name: &str) -> Option<&'static Operator> {
    FAMILIES.iter().copied().flatten().find(|operator| operator.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_operator_once() {
        let text = include_str!("../../../../docs/IMPORT.md");
        let (_, section) = text.split_once("## The operators").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
        let mut listed: Vec<&str> = rows
            .flat_map(|row| row.split(" |").next())
            .flat_map(|names| names.split(", "))
            .collect();
        let mut declared: Vec<&str> =
            FAMILIES.iter().copied().flatten().map(|operator| operator.name).collect();
        listed.sort_unstable();
        declared.sort_unstable();
        assert_eq!(listed, declared);
    }
}
