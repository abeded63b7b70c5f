//! PNG files.

use png::{BitDepth, ColorType, Encoder, EncodingError};

/// What the bytes of a pixel mean.
pub(super) enum Pixels<'a> {
    /// A shade of gray.
    Gray,
    /// A colour of this palette, which has three bytes for each.
    Indexed(&'a [u8]),
    /// Red, green and blue.
    Rgb,
}

/// The bytes of a PNG file with 8 bits per channel. `data` has the pixels of `rows` rows and `columns` columns.
///
/// # Errors
/// When PNG does not allow a picture of this size.
pub(super) fn png(
    [rows, columns]: [usize; 2],
    pixels: Pixels<'_>,
    data: &[u8],
) -> Result<Vec<u8>, EncodingError> {
    let mut file = Vec::new();
    // An extent has at most 2^26 positions.
    let mut encoder = Encoder::new(&mut file, columns as u32, rows as u32);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_color(match pixels {
        Pixels::Gray => ColorType::Grayscale,
        Pixels::Indexed(_) => ColorType::Indexed,
        Pixels::Rgb => ColorType::Rgb,
    });
    if let Pixels::Indexed(palette) = pixels {
        encoder.set_palette(palette.to_vec());
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(file)
}

/// Shades of gray from black for 0 to white for `most` and above.
pub(super) fn shades(figures: &[f32], most: f64) -> Vec<u8> {
    let most = most.max(f64::MIN_POSITIVE);
    let shade = |&figure: &f32| (255.0 * (f64::from(figure) / most).clamp(0.0, 1.0)).round() as u8;
    figures.iter().map(shade).collect()
}
