//! Pictures of maps, for pages.

use bayes8_convert::Inputs;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndarray::{Array3, ArrayView3, ArrayViewD, Axis, Ix4};

use super::colours::Colour;

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The colour of each position, row by row.
    pub pixels: Vec<Colour>,
}

impl Picture {
    /// Returns the middle plane of a map with these planes, rows and columns; `colour` gives the colour of
    /// a position by its index.
    pub fn of_map([planes, rows, columns]: [usize; 3], colour: impl Fn(usize) -> Colour) -> Self {
        let first = planes / 2 * rows * columns;
        let pixels = (first..first + rows * columns).map(colour).collect();
        Self { width: columns, height: rows, pixels }
    }

    /// Returns the middle plane of an input that is a picture or a volume; `None` for others. Three
    /// channels are red, green and blue; of other numbers of channels only the first is shown. Numbers are
    /// spread over all shades from the least to the largest.
    pub fn of_input(inputs: &Inputs, index: usize) -> Option<Self> {
        match inputs {
            Inputs::Bytes(bytes) => {
                plane(bytes.view(), index).map(|plane| Self::shades(plane.view()))
            }
            Inputs::Numbers(numbers) => {
                let plane = plane(numbers.view(), index)?;
                let ends = [f32::INFINITY, f32::NEG_INFINITY];
                let [least, most] =
                    plane.iter().fold(ends, |[low, high], &x| [low.min(x), high.max(x)]);
                // Equal numbers are black.
                let width = (most - least).max(f32::MIN_POSITIVE);
                Some(Self::shades(plane.mapv(|x| ((x - least) / width * 255.0) as u8).view()))
            }
        }
    }

    /// Rows, columns and channels.
    fn shades(plane: ArrayView3<'_, u8>) -> Self {
        let (height, width, channels) = plane.dim();
        let at = |[row, column, channel]: [usize; 3]| {
            plane[[row, column, if channels == 3 { channel } else { 0 }]]
        };
        let pixel = |i: usize| [0, 1, 2].map(|channel| at([i / width, i % width, channel]));
        Self { width, height, pixels: (0..width * height).map(pixel).collect() }
    }

    /// Returns the picture as a PNG file.
    pub fn png(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let encoder = PngEncoder::new(&mut file);
        let [width, height] = [self.width, self.height].map(|extent| extent as u32);
        let written =
            encoder.write_image(self.pixels.as_flattened(), width, height, ExtendedColorType::Rgb8);
        match written {
            Ok(()) => file,
            // Only of a picture of 2^32 rows or columns, which no memory holds.
            Err(_) => Vec::new(),
        }
    }

    /// Returns the picture as the address of a PNG that holds the file itself.
    pub fn data_uri(&self) -> String {
        format!("data:image/png;base64,{}", base64(&self.png()))
    }
}

/// The middle plane `[rows, columns, channels]` of an input.
fn plane<T: Clone>(inputs: ArrayViewD<'_, T>, index: usize) -> Option<Array3<T>> {
    let input = inputs.index_axis_move(Axis(0), index);
    match input.ndim() {
        3 => input.into_dimensionality().ok().map(|plane| plane.to_owned()),
        4 => {
            let volume = input.into_dimensionality::<Ix4>().ok()?;
            let middle = volume.len_of(Axis(0)) / 2;
            Some(volume.index_axis(Axis(0), middle).to_owned())
        }
        _ => None,
    }
}

/// Encodes bytes as text, by RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(if digit <= three.len() { DIGITS[value as usize].into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array4, Array5};

    #[test]
    fn text_matches_the_examples_of_the_standard() {
        let pairs =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in pairs {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn files_hold_the_pixels() {
        let map = Picture::of_map([3, 1, 2], |i| [i as u8, 7, 9]);
        assert_eq!(map.pixels, [[2, 7, 9], [3, 7, 9]]);
        let decoded = image::load_from_memory(&map.png()).unwrap().to_rgb8();
        assert_eq!(decoded.dimensions(), (2, 1));
        assert_eq!(decoded.into_raw(), [2, 7, 9, 3, 7, 9]);
        assert!(map.data_uri().starts_with("data:image/png;base64,iVBOR"));
    }

    #[test]
    fn inputs_are_shown_as_they_are() {
        let rgb = Array4::from_shape_fn((2, 1, 2, 3), |(n, _, x, c)| (100 * n + 10 * x + c) as u8);
        let shown = Picture::of_input(&Inputs::Bytes(rgb.into_dyn()), 1).unwrap();
        assert_eq!((shown.width, shown.height), (2, 1));
        assert_eq!(shown.pixels, [[100, 101, 102], [110, 111, 112]]);
        let volume = Array5::from_shape_fn((1, 3, 1, 2, 1), |(_, z, _, x, _)| (z * 2 + x) as f32);
        let shown = Picture::of_input(&Inputs::Numbers(volume.into_dyn()), 0).unwrap();
        assert_eq!(shown.pixels, [[0; 3], [255; 3]]);
        let line = Inputs::Numbers(ndarray::ArrayD::zeros(vec![1, 5]));
        assert_eq!(Picture::of_input(&line, 0), None);
    }
}
