//! Arrays as NumPy writes them (`.npy`, versions 1 to 3).
//!
//! A header is not trusted: its shape is checked against the bytes that the file has for it before
//! anything is allocated, and memory grows only as data arrives.

use std::io::{self, Read};

use half::f16;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

/// The longest header to read; longer than any that NumPy writes for numbers.
const MAX_HEADER: usize = 1 << 16;

/// The number of elements to read at a time.
const PIECE: usize = 1 << 14;

/// The type of an array's elements.
#[derive(Debug, PartialEq)]
pub(crate) struct Header {
    /// NumPy's name of the type, such as `<f4`.
    pub(crate) descr: String,
    /// `None` for other elements: complex numbers, strings, records and objects.
    pub(crate) element: Option<Element>,
    big_endian: bool,
    fortran: bool,
    pub(crate) shape: Vec<usize>,
}

/// The type of a number or a boolean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// A byte, 0 or 1.
    Boolean,
    Signed {
        bytes: usize,
    },
    Unsigned {
        bytes: usize,
    },
    Float {
        bytes: usize,
    },
}

impl Element {
    fn parse(descr: &str) -> Option<Self> {
        let (kind, bytes) = descr.split_at_checked(1)?;
        let bytes = bytes.parse().ok()?;
        match (kind, bytes) {
            ("b", 1) => Some(Self::Boolean),
            ("i", 1 | 2 | 4 | 8) => Some(Self::Signed { bytes }),
            ("u", 1 | 2 | 4 | 8) => Some(Self::Unsigned { bytes }),
            ("f", 2 | 4 | 8) => Some(Self::Float { bytes }),
            _ => None,
        }
    }

    /// The value of an integer's bytes, the least significant first.
    fn integer(self, bytes: &[u8]) -> i128 {
        let unused = 64 - 8 * self.bytes();
        let bits = little_endian(bytes) << unused;
        match self {
            Self::Signed { .. } => i128::from(bits as i64 >> unused),
            _ => i128::from(bits >> unused),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Boolean => 1,
            Self::Signed { bytes } | Self::Unsigned { bytes } | Self::Float { bytes } => bytes,
        }
    }
}

impl Header {
    /// Reads the header of an array that takes `size` bytes, header and all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(reader: &mut impl Read, size: u64) -> Result<Self, String> {
        let mut start = [0; 8];
        read_exact(reader, &mut start)?;
        if start[..6] != *b"\x93NUMPY" {
            return Err("it is not in NumPy's format".into());
        }
        let (fixed, length) = match start[6] {
            1 => {
                let mut length = [0; 2];
                read_exact(reader, &mut length)?;
                (10, usize::from(u16::from_le_bytes(length)))
            }
            2 | 3 => {
                let mut length = [0; 4];
                read_exact(reader, &mut length)?;
                (12, u32::from_le_bytes(length) as usize)
            }
            version => return Err(format!("version {version} of NumPy's format is not known")),
        };
        if length > MAX_HEADER {
            return Err(format!("its header takes {length} bytes, at most {MAX_HEADER} are read"));
        }
        let mut text = vec![0; length];
        read_exact(reader, &mut text)?;
        let header = std::str::from_utf8(&text).ok().and_then(Self::parse);
        let header = header.ok_or("its header cannot be read")?;
        if let Some(element) = header.element {
            let found = size.saturating_sub((fixed + length) as u64);
            header.check_shape(element, found)?;
        }
        Ok(header)
    }

    /// Parses a dictionary as Python writes it:
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.
    fn parse(text: &str) -> Option<Self> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    let (found, after) = quoted(value).or_else(|| bracketed(value))?;
                    descr = Some(found);
                    after
                }
                "shape" => {
                    let (found, after) = value.strip_prefix('(')?.split_once(')')?;
                    let extents = found.split(',').map(str::trim).filter(|text| !text.is_empty());
                    shape = Some(extents.map(|text| text.parse().ok()).collect::<Option<_>>()?);
                    after
                }
                "fortran_order" => {
                    let after_true = value.strip_prefix("True");
                    fortran = Some(after_true.is_some());
                    after_true.or_else(|| value.strip_prefix("False"))?
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if rest.is_empty() => rest,
                None => return None,
            };
        }
        let descr = descr?;
        let plain = descr.trim_start_matches(['<', '>', '|', '=']);
        let big_endian = descr.starts_with('>');
        Some(Self {
            descr: descr.into(),
            element: Element::parse(plain),
            big_endian,
            fortran: fortran?,
            shape: shape?,
        })
    }

    /// Checks that the elements take exactly `found` bytes, and that an array can hold them.
    fn check_shape(&self, element: Element, found: u64) -> Result<(), String> {
        let Self { shape, .. } = self;
        let product = |least: usize| {
            let mut extents = shape.iter().map(|&extent| extent.max(least));
            let product = extents.try_fold(element.bytes(), usize::checked_mul);
            product.filter(|&bytes| isize::try_from(bytes).is_ok())
        };
        // An array without elements must have extents that can be multiplied, too.
        match (product(0), product(1)) {
            (Some(needed), Some(_)) if needed as u64 == found => Ok(()),
            (Some(needed), Some(_)) => {
                Err(format!("its shape {shape:?} takes {needed} bytes, the file has {found}"))
            }
            _ => Err(format!("its shape {shape:?} is larger than any memory")),
        }
    }

    /// Reads the elements; `decode` turns the bytes of each, the least significant first, into a
    /// value.
    ///
    /// # Errors
    /// When the data is too short, too long or damaged, or does not fit into memory.
    pub(crate) fn elements<T: Clone>(
        &self,
        element: Element,
        reader: &mut impl Read,
        decode: impl Fn(&[u8]) -> T,
    ) -> Result<ArrayD<T>, String> {
        let size = element.bytes();
        let count = self.shape.iter().product();
        let mut values = Vec::new();
        let mut piece = vec![0; size * PIECE.min(count)];
        while values.len() < count {
            let bytes = &mut piece[..size * PIECE.min(count - values.len())];
            read_exact(reader, bytes)?;
            if self.big_endian {
                bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
            }
            values.try_reserve(bytes.len() / size).map_err(|error| error.to_string())?;
            values.extend(bytes.chunks_exact(size).map(&decode));
        }
        // Archives check their data at its end.
        if reader.read(&mut [0]).map_err(|error| error.to_string())? != 0 {
            return Err("it holds more data than its header says".into());
        }
        let shape = IxDyn(&self.shape);
        let array = match self.fortran {
            true => ArrayD::from_shape_vec(shape.f(), values)
                .map(|array| array.as_standard_layout().into_owned()),
            false => ArrayD::from_shape_vec(shape, values),
        };
        array.map_err(|error| error.to_string())
    }

    /// Reads the numbers as f32; f64 is rounded to the nearest.
    ///
    /// # Errors
    /// Those of [`Self::elements`].
    pub(crate) fn floats(
        &self,
        bytes: usize,
        reader: &mut impl Read,
    ) -> Result<ArrayD<f32>, String> {
        let decode = |bytes: &[u8]| match *bytes {
            [a, b] => f16::from_le_bytes([a, b]).to_f32(),
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            _ => f64::from_bits(little_endian(bytes)) as f32,
        };
        self.elements(Element::Float { bytes }, reader, decode)
    }

    /// Reads the integers of any type, or booleans as 0 and 1, keeping their values.
    ///
    /// # Errors
    /// Those of [`Self::elements`].
    pub(crate) fn integers(
        &self,
        element: Element,
        reader: &mut impl Read,
    ) -> Result<ArrayD<i128>, String> {
        self.elements(element, reader, |bytes| element.integer(bytes))
    }

    /// Reads integers as [`Self::integers`] does, in half the memory. Those beyond i64 become its largest.
    ///
    /// # Errors
    /// Those of [`Self::elements`].
    pub(crate) fn long_integers(
        &self,
        element: Element,
        reader: &mut impl Read,
    ) -> Result<ArrayD<i64>, String> {
        let integer = |bytes: &[u8]| element.integer(bytes).try_into().unwrap_or(i64::MAX);
        self.elements(element, reader, integer)
    }
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte))
}

/// The text between quotation marks, and the text after them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mark = text.chars().next().filter(|mark| ['\'', '"'].contains(mark))?;
    text[1..].split_once(mark)
}

/// The type of a record, brackets included, and the text after it.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let end = text.starts_with('[').then(|| text.rfind(']'))??;
    Some(text.split_at(end + 1))
}

fn read_exact(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), String> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        _ => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An array with this dictionary and this data.
    fn file(dictionary: &str, data: &[u8]) -> Vec<u8> {
        let length = (dictionary.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], dictionary.as_bytes(), data].concat()
    }

    fn read(file: &[u8]) -> Result<Header, String> {
        Header::read(&mut &file[..], file.len() as u64)
    }

    #[test]
    fn headers_are_read_however_they_are_spelled() {
        for dictionary in [
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }          \n",
            r#"{"shape":(2),"fortran_order":True,"descr":"<f4"}"#,
        ] {
            let header = read(&file(dictionary, &[0; 8])).unwrap();
            assert_eq!((&header.shape[..], header.fortran), (&[2][..], true));
            assert_eq!(header.element, Some(Element::Float { bytes: 4 }));
        }
    }

    #[test]
    fn a_shape_that_the_data_does_not_have_is_refused() {
        let refused = |shape: &str, part: &str| {
            let dictionary =
                format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}");
            let error = read(&file(&dictionary, &[0; 8])).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        refused("(3, 3)", "takes 9 bytes, the file has 8");
        refused("(7,)", "takes 7 bytes, the file has 8");
        refused("(1000000000000, 8)", "takes 8000000000000 bytes, the file has 8");
        // Extents whose product is 0, but overflows without the zero.
        refused("(0, 9223372036854775807, 9223372036854775807)", "larger than any memory");
        refused("(9223372036854775807, 2)", "larger than any memory");
        refused("(99999999999999999999,)", "its header cannot be read");
        refused("(-8,)", "its header cannot be read");
    }

    proptest! {
        #[test]
        fn no_header_panics(
            version in 0u8..5,
            length in any::<u16>(),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [b"\x93NUMPY", &[version, 0][..], &length.to_le_bytes(), &rest].concat();
            let _ = read(&bytes);
        }

        #[test]
        fn no_dictionary_panics(text in r"\{?(['\x22(){}\[\],: ]|descr|shape|fortran_order|True|False|<f4|[0-9]{1,20}|é){0,20}\}?") {
            let _ = read(&file(&text, &[0; 8]));
        }
    }
}
