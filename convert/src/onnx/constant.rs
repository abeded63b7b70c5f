//! Constant tensors: initializers, and nodes that fold to constants.

use half::{bf16, f16};
use rten_onnx::onnx::{DataLocation, DataType, TensorProto};

use super::external::External;
use crate::error::ImportError;

/// Numbers of a constant. Integers and booleans of every width are kept as i64.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Float(Vec<f32>),
    Integer(Vec<i64>),
}

impl Data {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Float(v) => v.len(),
            Self::Integer(v) => v.len(),
        }
    }
}

/// The origin of a constant, as long as it holds the same numbers, in any order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub(super) initializer: String,
    /// In the order of the constant's numbers.
    pub(super) sigma: Option<Vec<f32>>,
}

/// A tensor in row-major order, with the number of elements of its shape.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
    pub(super) source: Option<Source>,
}

impl Constant {
    pub(super) fn new(shape: Vec<usize>, data: Data) -> Self {
        Self { shape, data, source: None }
    }

    pub(super) fn integers(values: Vec<i64>) -> Self {
        Self::new(vec![values.len()], Data::Integer(values))
    }

    /// Decodes a tensor, whose raw bytes are freed; `name` is for errors. Floats of every width
    /// become f32. Strings, complex numbers and types of less than 8 bits are refused.
    pub(super) fn decode(
        proto: &TensorProto,
        name: &str,
        external: &mut External<'_>,
    ) -> Result<Self, ImportError> {
        let refuse = |reason: String| ImportError::Tensor { tensor: name.into(), reason };
        let shape = proto.dims.iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>();
        let count = shape.as_deref().ok().and_then(elements);
        let (Ok(shape), Some(count)) = (shape, count) else {
            return Err(refuse(format!("its shape {:?} is negative or too large", proto.dims)));
        };
        let is_external =
            proto.data_location == Some(DataLocation::EXTERNAL) || !proto.external_data.is_empty();
        let raw = if is_external {
            let bytes = (count as u64).saturating_mul(element_size(proto.data_type) as u64);
            Some(external.read(proto, bytes).map_err(refuse)?)
        } else {
            proto.raw_data.as_ref().map(std::cell::RefCell::take)
        };
        let raw = raw.as_deref().filter(|bytes| !bytes.is_empty());
        // Without raw bytes, floats of 16 bits are the lower half of each i32.
        let half = |from: fn(u16) -> f32| match raw {
            Some(b) => numbers(b, |x| from(u16::from_le_bytes(x))),
            None => proto.int32_data.iter().map(|&v| from(v as u16)).collect(),
        };
        let data = match (proto.data_type.unwrap_or(DataType(0)), raw) {
            (DataType::FLOAT, Some(b)) => Data::Float(numbers(b, f32::from_le_bytes)),
            (DataType::FLOAT, None) => Data::Float(proto.float_data.clone()),
            (DataType::DOUBLE, Some(b)) => {
                Data::Float(numbers(b, |x| f64::from_le_bytes(x) as f32))
            }
            (DataType::DOUBLE, None) => {
                Data::Float(proto.double_data.iter().map(|&v| v as f32).collect())
            }
            (DataType::FLOAT16, _) => Data::Float(half(|bits| f16::from_bits(bits).to_f32())),
            (DataType::BFLOAT16, _) => Data::Float(half(|bits| bf16::from_bits(bits).to_f32())),
            (DataType::INT64, Some(b)) => Data::Integer(numbers(b, i64::from_le_bytes)),
            (DataType::INT64, None) => Data::Integer(proto.int64_data.clone()),
            (DataType::INT32, Some(b)) => {
                Data::Integer(numbers(b, |x| i32::from_le_bytes(x).into()))
            }
            (DataType::UINT32, Some(b)) => {
                Data::Integer(numbers(b, |x| u32::from_le_bytes(x).into()))
            }
            (DataType::INT16, Some(b)) => {
                Data::Integer(numbers(b, |x| i16::from_le_bytes(x).into()))
            }
            (DataType::UINT16, Some(b)) => {
                Data::Integer(numbers(b, |x| u16::from_le_bytes(x).into()))
            }
            (DataType::UINT8 | DataType::BOOL, Some(b)) => {
                Data::Integer(numbers(b, |[x]: [u8; 1]| x.into()))
            }
            (DataType::INT8, Some(b)) => Data::Integer(numbers(b, |x| i8::from_le_bytes(x).into())),
            (
                DataType::INT32
                | DataType::INT16
                | DataType::UINT16
                | DataType::INT8
                | DataType::UINT8
                | DataType::BOOL,
                None,
            ) => Data::Integer(proto.int32_data.iter().map(|&v| v.into()).collect()),
            (other, _) => {
                return Err(refuse(format!(
                    "its type is {other}; floats, and integers of 8 to 64 bits, are supported"
                )));
            }
        };
        let whole = raw.is_none_or(|bytes| {
            count.checked_mul(element_size(proto.data_type)) == Some(bytes.len())
        });
        if data.len() != count || !whole {
            return Err(refuse(format!(
                "its shape {shape:?} needs {count} numbers, the file holds {}",
                data.len()
            )));
        }
        Ok(Self::new(shape, data))
    }

    /// The numbers as floats, or `None` for integers.
    pub(super) fn floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::Float(v) => Some(v),
            Data::Integer(_) => None,
        }
    }

    /// The numbers as integers, or `None` for floats.
    pub(super) fn as_integers(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Integer(v) => Some(v),
            Data::Float(_) => None,
        }
    }

    /// The number, if all are equal.
    pub(super) fn uniform(&self) -> Option<f64> {
        fn same<T: PartialEq>(v: &[T]) -> Option<&T> {
            v.first().filter(|first| v.iter().all(|x| x == *first))
        }
        match &self.data {
            Data::Float(v) => same(v).map(|&x| x.into()),
            Data::Integer(v) => same(v).map(|&x| x as f64),
        }
    }

    /// The entries at these positions of an axis, source included.
    pub(super) fn taken(&self, axis: usize, positions: &[usize]) -> Self {
        let outer: usize = self.shape[..axis].iter().product();
        let (extent, inner) = (self.shape[axis], self.shape[axis + 1..].iter().product::<usize>());
        let take = Blocks { outer, extent, inner, positions };
        let data = match &self.data {
            Data::Float(v) => Data::Float(take.of(v)),
            Data::Integer(v) => Data::Integer(take.of(v)),
        };
        let source = self.source.as_ref().map(|source| Source {
            initializer: source.initializer.clone(),
            sigma: source.sigma.as_ref().map(|s| take.of(s)),
        });
        let mut shape = self.shape.clone();
        shape[axis] = positions.len();
        Self { shape, data, source }
    }

    /// The numbers at `layout`'s positions, source included, under a new shape.
    pub(super) fn rearranged(&self, layout: &Strided) -> Self {
        let data = match &self.data {
            Data::Float(v) => Data::Float(layout.gather(v)),
            Data::Integer(v) => Data::Integer(layout.gather(v)),
        };
        let source = self.source.as_ref().map(|source| Source {
            initializer: source.initializer.clone(),
            sigma: source.sigma.as_ref().map(|s| layout.gather(s)),
        });
        Self { shape: layout.shape.clone(), data, source }
    }
}

/// Whether numbers of this type are kept as f32.
pub(super) fn is_float(data_type: DataType) -> bool {
    let floats = [DataType::FLOAT, DataType::FLOAT16, DataType::BFLOAT16, DataType::DOUBLE];
    floats.contains(&data_type)
}

/// Product of extents, or `None` if positions could overflow, even if an axis is empty.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    let reach = shape.iter().try_fold(1isize, |n, &d| n.checked_mul(d.max(1).try_into().ok()?))?;
    Some(if shape.contains(&0) { 0 } else { reach.unsigned_abs() })
}

/// Row-major distances between neighbours of each axis.
pub(super) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis] as isize;
    }
    strides
}

/// A view: element `[i, j, ...]` lies at `offset + i * strides[0] + j * strides[1] + ...`.
pub(super) struct Strided {
    pub(super) shape: Vec<usize>,
    /// One per axis; every position that they reach must lie inside the data.
    pub(super) strides: Vec<isize>,
    pub(super) offset: usize,
}

impl Strided {
    /// Copies the elements in row-major order of the view.
    pub(super) fn gather<T: Copy>(&self, data: &[T]) -> Vec<T> {
        let count = self.shape.iter().product();
        let mut out = Vec::with_capacity(count);
        let mut index = vec![0; self.shape.len()];
        let mut position = self.offset as isize;
        while out.len() < count {
            out.push(data[position as usize]);
            // Counts up like an odometer, the last axis first.
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                position += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                position -= self.strides[axis] * self.shape[axis] as isize;
                index[axis] = 0;
            }
        }
        out
    }
}

/// Picks entries of an axis, each of `inner` numbers.
struct Blocks<'p> {
    outer: usize,
    extent: usize,
    inner: usize,
    positions: &'p [usize],
}

impl Blocks<'_> {
    fn of<T: Copy>(&self, values: &[T]) -> Vec<T> {
        let Self { outer, extent, inner, positions } = *self;
        let mut taken = Vec::with_capacity(outer * positions.len() * inner);
        for o in 0..outer {
            for position in positions {
                taken.extend_from_slice(&values[(o * extent + position) * inner..][..inner]);
            }
        }
        taken
    }
}

fn numbers<T, const N: usize>(bytes: &[u8], from: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks().0.iter().map(|b| from(*b)).collect()
}

fn element_size(data_type: Option<DataType>) -> usize {
    match data_type {
        Some(DataType::DOUBLE | DataType::INT64) => 8,
        Some(DataType::FLOAT | DataType::INT32 | DataType::UINT32) => 4,
        Some(DataType::FLOAT16 | DataType::BFLOAT16 | DataType::INT16 | DataType::UINT16) => 2,
        _ => 1,
    }
}

/// Positions `start, start + step, ...` (`count` of them) that an ONNX Slice takes of an axis.
///
/// Negative bounds count from the end, bounds beyond the axis are cut, and a negative step walks
/// backwards, where an end of "before the first" is any bound below `-extent`. `None` for step 0.
pub(super) fn slice_axis(extent: usize, start: i64, end: i64, step: i64) -> Option<(usize, usize)> {
    let extent = i64::try_from(extent).ok()?;
    let from_front = |i: i64| if i < 0 { i.saturating_add(extent) } else { i };
    let (start, end) = (from_front(start), from_front(end));
    let (start, span) = match step {
        0 => return None,
        1.. => {
            let start = start.clamp(0, extent);
            (start, end.clamp(0, extent) - start)
        }
        _ => {
            let start = start.clamp(-1, extent - 1);
            (start, start - end.clamp(-1, extent - 1))
        }
    };
    let count = span.max(0).unsigned_abs().div_ceil(step.unsigned_abs());
    Some((usize::try_from(start.max(0)).ok()?, usize::try_from(count).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn slices_like_numpy() {
        let taken = |extent: usize, start, end, step: i64| {
            let (first, count) = slice_axis(extent, start, end, step).unwrap();
            (0..count as i64).map(|i| first as i64 + i * step).collect::<Vec<_>>()
        };
        assert_eq!(taken(5, 0, i64::MAX, 2), [0, 2, 4]);
        assert_eq!(taken(5, -2, i64::MAX, 1), [3, 4]);
        assert_eq!(taken(5, 1, -1, 1), [1, 2, 3]);
        assert_eq!(taken(3, -1, -i64::MAX, -1), [2, 1, 0]);
        assert_eq!(taken(3, -1, i64::MIN, -1), [2, 1, 0]);
        assert_eq!(taken(5, 3, 0, -2), [3, 1]);
        assert!(taken(5, 4, 2, 1).is_empty());
        assert!(taken(0, 0, i64::MAX, 1).is_empty());
        assert!(taken(0, -1, i64::MIN, -1).is_empty());
        assert!(slice_axis(5, 0, 1, 0).is_none());
    }

    #[test]
    fn lengths_must_match_shapes() {
        let tensor = |dims: &[i64], bytes: usize| TensorProto {
            dims: dims.to_vec(),
            data_type: Some(DataType::FLOAT),
            raw_data: Some(RefCell::new(vec![0; bytes])),
            ..TensorProto::default()
        };
        let decode = |dims: &[i64], bytes| {
            Constant::decode(&tensor(dims, bytes), "w", &mut External::refused())
        };
        assert_eq!(decode(&[2, 3], 24).unwrap().floats().unwrap().len(), 6);
        assert_eq!(decode(&[0], 0).unwrap().data.len(), 0);
        for (dims, bytes) in [
            (&[2, 3][..], 23),
            (&[2, 3], 25),
            (&[2, 3], 28),
            (&[-1, 3], 24),
            (&[i64::MAX, i64::MAX], 24),
        ] {
            let error = decode(dims, bytes).unwrap_err();
            assert!(error.to_string().contains("tensor `w`"), "{error}");
        }
    }
}
