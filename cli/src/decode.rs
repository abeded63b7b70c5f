//! Decodes picture files, within a limit that holds before anything is decoded.

mod size;
#[cfg(test)]
mod tests;
mod webp;

use anyhow::{anyhow, bail};
use bayes8_convert::pictures::start;
use bayes8_core::quoted::Brief;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use std::fs::File;
use std::io::{BufReader, Seek};

/// The formats that can be decoded, for messages.
pub(crate) const FORMATS: &str = "PNG, JPEG, WebP, BMP, GIF or TIFF";

/// Memory for data besides pixels, such as colour profiles.
const MAX_METADATA: u64 = 64 << 20;

/// Bytes of a pixel: four channels of f32 at most.
const BYTES_PER_PIXEL: u64 = 16;

/// Decodes a picture, or the first frame of an animation, and turns it as its EXIF orientation says.
///
/// # Errors
/// When it is not a picture of a known format, is damaged, or has more than `max_pixels`.
pub(crate) fn decode(mut file: File, max_pixels: u64) -> anyhow::Result<DynamicImage> {
    let memory = max_pixels.saturating_mul(BYTES_PER_PIXEL).max(MAX_METADATA);
    let length = file.metadata()?.len();
    if length > memory {
        bail!("it has {length} bytes, more than {max_pixels} pixels can take (--max-pixels)");
    }
    // By its contents, not by its name.
    let Ok(format) = image::guess_format(&start(&mut file)?) else {
        bail!("neither a picture in the format {FORMATS} nor an npz archive");
    };
    if format == ImageFormat::WebP {
        webp::check(&mut BufReader::new(&mut file), length, max_pixels)?;
        file.rewind()?;
    }
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_METADATA);
    reader.limits(limits.clone());
    let explained = |error| explained(error, format, max_pixels);
    let mut decoder = reader.into_decoder().map_err(explained)?;
    let (width, height) = decoder.dimensions();
    size::check(width.into(), height.into(), max_pixels)?;
    let orientation = decoder.orientation().map_err(explained)?;
    limits.max_alloc = Some(memory);
    decoder.set_limits(limits).map_err(explained)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(explained)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Adds the known formats, or the option that allows more memory.
fn explained(error: ImageError, format: ImageFormat, max_pixels: u64) -> anyhow::Error {
    match error {
        ImageError::Limits(_) => anyhow!(
            "it takes more memory than {max_pixels} pixels may; raise --max-pixels if there is memory \
             for that"
        ),
        error if format.reading_enabled() => anyhow!("{}", Brief(&error.to_string())),
        error => anyhow!("{}: expected {FORMATS}", Brief(&error.to_string())),
    }
}
