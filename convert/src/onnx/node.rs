//! One ONNX node: typed access to its attributes and inputs, and errors that name it.

use rten_onnx::onnx::{AttributeProto, AttributeType, DataType, NodeProto};

use crate::error::ImportError;

/// A special property of an activation that only some operators understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// Bytes of a `uint8` input.
    Bytes,
    /// Axes that a Reshape split or joined.
    Groups,
    /// The result of a dropped Softmax.
    Probabilities,
    /// The result of a dropped LogSoftmax.
    LogProbabilities,
    /// The result of a dropped ArgMax.
    Indices,
}

impl Special {
    pub(super) const ALL: &[Self] =
        &[Self::Bytes, Self::Groups, Self::Probabilities, Self::LogProbabilities, Self::Indices];
}

/// A node, with its name in errors and in the network.
pub(super) struct OnnxNode<'a> {
    pub(super) proto: &'a NodeProto,
    /// The ONNX node's name, or that of its output.
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    /// What its operator understands; nothing until the operator is known.
    pub(super) takes: &'static [Special],
}

impl<'a> OnnxNode<'a> {
    pub(super) fn new(proto: &'a NodeProto) -> Self {
        let not_empty = |name: &'a Option<String>| name.as_deref().filter(|n| !n.is_empty());
        let name = not_empty(&proto.name)
            .or_else(|| proto.output.first().map(String::as_str))
            .unwrap_or("without name or output");
        let op = not_empty(&proto.op_type).unwrap_or("no operator");
        Self { proto, name, op, takes: &[] }
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> ImportError {
        ImportError::Node { node: self.name.into(), op: self.op.into(), reason: reason.into() }
    }

    /// The name of input `i`, or `None` if the node leaves it out.
    pub(super) fn input(&self, i: usize) -> Option<&'a str> {
        self.proto.input.get(i).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of its first output, empty if there is none.
    pub(super) fn name_of_output(&self) -> &'a str {
        self.proto.output.first().map_or("", String::as_str)
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.proto.attribute.iter().find(|a| a.name.as_deref() == Some(name))
    }

    /// The attribute, if its declared type is `expected`. Old writers may declare none.
    fn typed(
        &self,
        name: &str,
        expected: AttributeType,
    ) -> Result<Option<&'a AttributeProto>, ImportError> {
        match self.attribute(name) {
            Some(AttributeProto { r#type: Some(found), .. })
                if *found != expected && *found != AttributeType::UNDEFINED =>
            {
                let [found, expected] = [*found, expected].map(type_name);
                Err(self
                    .refuse(format!("attribute `{name}` has type {found}, expected {expected}")))
            }
            other => Ok(other),
        }
    }

    /// An integer attribute. Protobuf writers may leave out a value of 0.
    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, ImportError> {
        let found = self.typed(name, AttributeType::INT)?;
        Ok(found.map_or(default, |a| a.i.unwrap_or(0)))
    }

    /// An attribute that names the type of a tensor's numbers.
    pub(super) fn data_type(&self, name: &str) -> Result<DataType, ImportError> {
        let number = self.int(name, 0)?;
        let known = i32::try_from(number).map(DataType);
        known.map_err(|_| self.refuse(format!("attribute `{name}` is {number}, not a type")))
    }

    /// A float attribute, which must be finite.
    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, ImportError> {
        match self.bound(name, default)? {
            value if value.is_finite() => Ok(value),
            value => {
                Err(self.refuse(format!("attribute `{name}` is {value}, expected a finite number")))
            }
        }
    }

    /// A float attribute, which may be infinite, but not NaN.
    pub(super) fn bound(&self, name: &str, default: f32) -> Result<f32, ImportError> {
        let found = self.typed(name, AttributeType::FLOAT)?;
        match found.map_or(default, |a| a.f.unwrap_or(0.0)) {
            value if value.is_nan() => Err(self.refuse(format!("attribute `{name}` is NaN"))),
            value => Ok(value),
        }
    }

    pub(super) fn string(&self, name: &str) -> Result<Option<&'a str>, ImportError> {
        let found = self.typed(name, AttributeType::STRING)?;
        Ok(found.map(|a| a.s.as_deref().unwrap_or("")))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, ImportError> {
        Ok(self.typed(name, AttributeType::INTS)?.map(|a| a.ints.as_slice()))
    }

    pub(super) fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, ImportError> {
        Ok(self.typed(name, AttributeType::FLOATS)?.map(|a| a.floats.as_slice()))
    }

    /// The axis that a number, possibly negative, refers to.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, ImportError> {
        from_front(axis, rank)
            .ok_or_else(|| self.refuse(format!("axis {axis} is outside of {rank} dimensions")))
    }

    /// The element that an index, possibly negative, refers to, of an axis with `extent` elements.
    pub(super) fn element(&self, index: i64, extent: usize) -> Result<usize, ImportError> {
        from_front(index, extent)
            .ok_or_else(|| self.refuse(format!("index {index} is outside of 0..{extent}")))
    }
}

/// The position among `count` that a number refers to; a negative number counts from the end.
fn from_front(position: i64, count: usize) -> Option<usize> {
    let position = if position < 0 { position.checked_add(count as i64)? } else { position };
    usize::try_from(position).ok().filter(|&position| position < count)
}

fn type_name(attribute: AttributeType) -> String {
    let name = match attribute {
        AttributeType::FLOAT => "FLOAT",
        AttributeType::INT => "INT",
        AttributeType::STRING => "STRING",
        AttributeType::TENSOR => "TENSOR",
        AttributeType::GRAPH => "GRAPH",
        AttributeType::FLOATS => "FLOATS",
        AttributeType::INTS => "INTS",
        AttributeType::STRINGS => "STRINGS",
        AttributeType(other) => return format!("number {other}"),
    };
    name.into()
}
