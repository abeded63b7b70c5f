//! Checks the protobuf framing of an ONNX file before the parser sees it.
//!
//! rten-onnx trusts lengths: it allocates what a field claims and recurses into nested messages.
//! Here every length must lie within its message and nesting is bounded. Afterwards the parser can
//! neither allocate more than a small multiple of the file nor exhaust the stack.

use crate::error::ImportError;

/// Deeper than the subgraphs of any real model.
const MAX_DEPTH: usize = 32;

/// The messages that rten-onnx descends into.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    SequenceType,
    Shape,
    /// Messages of scalars and strings only.
    Flat,
}

/// The content of a length-delimited field.
enum Content {
    Message(Message),
    /// Packed numbers of this many bytes each.
    Fixed(usize),
    /// Packed varints.
    Varints,
    Bytes,
}

fn content(message: Message, field: u64) -> Content {
    use Content::{Bytes, Fixed, Message as Nested, Varints};
    match (message, field) {
        (Message::Model, 7) | (Message::Attribute, 6) => Nested(Message::Graph),
        (Message::Model, 8 | 14) | (Message::Tensor, 13) => Nested(Message::Flat),
        (Message::Graph, 1) => Nested(Message::Node),
        (Message::Graph, 5) | (Message::Attribute, 5) => Nested(Message::Tensor),
        (Message::Graph, 11..=13) => Nested(Message::ValueInfo),
        (Message::Node, 5) => Nested(Message::Attribute),
        (Message::Tensor, 4) => Fixed(4),
        (Message::Tensor, 10) => Fixed(8),
        (Message::Tensor, 5 | 7) => Varints,
        (Message::ValueInfo, 2) | (Message::SequenceType, 1) => Nested(Message::Type),
        (Message::Type, 1) => Nested(Message::TensorType),
        (Message::Type, 4) => Nested(Message::SequenceType),
        (Message::TensorType, 2) => Nested(Message::Shape),
        (Message::Shape, 1) => Nested(Message::Flat),
        _ => Bytes,
    }
}

/// Succeeds when the framing of a `ModelProto` is sound.
pub(super) fn check(bytes: &[u8]) -> Result<(), ImportError> {
    check_message(bytes, Message::Model, 0).map_err(|reason| ImportError::NotOnnx(reason.into()))
}

fn check_message(mut bytes: &[u8], message: Message, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("messages nest too deeply");
    }
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => {
                varint(&mut bytes)?;
            }
            1 => {
                take(&mut bytes, 8)?;
            }
            2 => {
                let length = varint(&mut bytes)?;
                let body = take(&mut bytes, usize::try_from(length).map_err(|_| CUT_OFF)?)?;
                match content(message, tag >> 3) {
                    Content::Message(nested) => check_message(body, nested, depth + 1)?,
                    Content::Fixed(size) if body.len().is_multiple_of(size) => {}
                    Content::Fixed(_) => return Err("packed numbers are cut off"),
                    Content::Varints => {
                        let mut body = body;
                        while !body.is_empty() {
                            varint(&mut body)?;
                        }
                    }
                    Content::Bytes => {}
                }
            }
            5 => {
                take(&mut bytes, 4)?;
            }
            _ => return Err("a field has a wire type that ONNX does not use"),
        }
    }
    Ok(())
}

const CUT_OFF: &str = "a field reaches beyond its message (is the file cut off?)";

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], &'static str> {
    let (head, tail) = bytes.split_at_checked(count).ok_or(CUT_OFF)?;
    *bytes = tail;
    Ok(head)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)?[0];
        if shift == 63 && byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a number is longer than 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field.
    fn field(number: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = body.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn lengths_stay_inside_their_message() {
        assert!(check(&field(7, &field(1, b""))).is_ok());
        // A node that claims 2^40 bytes.
        assert!(check(&field(7, &[1 << 3 | 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20])).is_err());
        // A length beyond its parent, though inside of the file.
        let mut bytes = field(7, &[1 << 3 | 2, 4]);
        bytes.extend([0; 8]);
        assert!(check(&bytes).is_err());
        assert!(check(&[0xff; 11]).is_err());
        assert!(check(&[3]).is_err());
    }

    #[test]
    fn nesting_is_bounded() {
        let mut graph = Vec::new();
        for _ in 0..2000 {
            graph = field(1, &field(5, &field(6, &graph)));
        }
        let error = check(&field(7, &graph)).unwrap_err();
        assert!(error.to_string().contains("nest too deeply"), "{error}");
    }

    #[test]
    fn packed_numbers_are_whole() {
        let model = |tensor: &[u8]| field(7, &field(5, tensor));
        assert!(check(&model(&field(4, &[0; 8]))).is_ok());
        assert!(check(&model(&field(4, &[0; 7]))).is_err());
        assert!(check(&model(&field(7, &[0x80]))).is_err());
    }
}
