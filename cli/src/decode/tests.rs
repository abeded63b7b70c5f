//! Pictures of every format that `tests/pictures/make.py` writes, and hostile files.

use super::*;
use bayes8_core::fit_picture::fit;
use bayes8_core::graph::Shape;
use image::{GrayAlphaImage, ImageBuffer, LumaA, Rgba, RgbaImage};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const MAX_PIXELS: u64 = 100_000_000;

fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures")
}

/// Decodes a file of these bytes.
fn decoded(bytes: &[u8]) -> anyhow::Result<DynamicImage> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    decode(file, MAX_PIXELS)
}

/// The error that a file of these bytes gives.
#[track_caller]
fn refused(bytes: &[u8]) -> String {
    format!("{:#}", decoded(bytes).unwrap_err())
}

#[test]
fn every_format_has_its_pixels_over_white_and_upright() {
    let expected = std::fs::read_to_string(pictures().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Vec<Vec<[u8; 3]>>> = serde_json::from_str(&expected).unwrap();
    for (name, rows) in &expected {
        let picture = decode(File::open(pictures().join(name)).unwrap(), MAX_PIXELS).unwrap();
        let (height, width) = (rows.len(), rows[0].len());
        assert_eq!((picture.width(), picture.height()), (width as u32, height as u32), "{name}");
        let pixels = fit(picture, Shape::new(height, width, 3)).unwrap();
        // Lossy formats keep a plain colour within a few steps, and decoders of CMYK differ.
        let lossy = name.ends_with(".jpg") || name == "lossy.webp";
        let tolerance = if lossy { 4 } else { u8::from(name.starts_with("cmyk")) };
        let wanted = rows.concat();
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= tolerance;
        assert!(
            pixels.iter().zip(wanted.as_flattened()).all(near),
            "{name}: {pixels:?}, expected {wanted:?}"
        );
    }
    let count = std::fs::read_dir(pictures()).unwrap().count();
    assert_eq!(expected.len() + 2, count, "every picture is in expected.json");
}

#[test]
fn sixteen_bits_of_transparency_are_laid_over_white() {
    let gray = GrayAlphaImage::from_pixel(2, 2, LumaA([100, 51]));
    let wide = ImageBuffer::from_pixel(2, 2, LumaA([100 * 257u16, 51 * 257]));
    let colour = ImageBuffer::from_pixel(2, 2, Rgba([100 * 257u16, 0, 65535, 51 * 257]));
    for (picture, rgb) in [
        (DynamicImage::from(gray), [224, 224, 224]),
        (DynamicImage::ImageLumaA16(wide), [224, 224, 224]),
        (DynamicImage::ImageRgba16(colour), [224, 204, 255]),
    ] {
        let mut file = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut file, ImageFormat::Png).unwrap();
        let decoded = decoded(file.get_ref()).unwrap();
        assert_eq!(fit(decoded.clone(), Shape::new(1, 1, 3)).unwrap(), rgb);
        let luma = (2126 * u32::from(rgb[0]) + 7152 * u32::from(rgb[1]) + 722 * u32::from(rgb[2]))
            / 10_000;
        let gray = fit(decoded, Shape::new(1, 1, 1)).unwrap();
        assert!(gray[0].abs_diff(luma as u8) <= 1, "{gray:?} instead of {luma}");
    }
}

/// A PNG of zeros, 1 bit gray; `data` are the chunks after its header.
fn png(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([1, 0, 0, 0, 0]);
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], data, &chunk(b"IEND", b"")].concat()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [&name[..], data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &named, &crc32(&named).to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    let byte = |crc: u32, &byte: &u8| (0..8).fold(crc ^ u32::from(byte), |crc, _| bit(crc));
    !bytes.iter().fold(!0, byte)
}

#[test]
fn pixels_are_counted_before_they_are_decoded() {
    let dimensions = "60000 x 60000 pixels, more than 100000000";
    let frames = chunk(b"acTL", &[0, 0, 0, 9, 0, 0, 0, 0]);
    assert!(refused(&png(60_000, 60_000, &chunk(b"IDAT", b""))).contains(dimensions));
    assert!(
        refused(&png(60_000, 60_000, &[frames, chunk(b"IDAT", b"")].concat())).contains(dimensions)
    );
    // JPEG, progressive or not.
    for frame in [0xc0, 0xc2] {
        let jpeg = [
            &[0xff, 0xd8, 0xff, frame, 0, 11, 8][..],
            &60_000u16.to_be_bytes(),
            &60_000u16.to_be_bytes(),
            &[1, 1, 0x11, 0],
            &[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0],
        ];
        assert!(refused(&jpeg.concat()).contains(dimensions), "{}", refused(&jpeg.concat()));
    }
    let sides = [60_000u16.to_le_bytes(); 2].concat();
    let gif = [&b"GIF89a"[..], &sides, &[0, 0, 0, b',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 0, b';']];
    assert!(refused(&gif.concat()).contains(dimensions), "{}", refused(&gif.concat()));
    let bmp = [
        &b"BM"[..],
        &[0; 8],
        &[54, 0, 0, 0, 40, 0, 0, 0],
        &60_000u32.to_le_bytes(),
        &60_000u32.to_le_bytes(),
        &[1, 0, 24, 0],
        &[0; 24],
    ];
    assert!(refused(&bmp.concat()).contains(dimensions), "{}", refused(&bmp.concat()));
    let tiff = refused(&tiff(&[(256, 60_000), (257, 60_000), (278, 60_000)]));
    assert!(tiff.contains(dimensions), "{tiff}");
}

#[test]
fn a_picture_as_large_as_the_limit_is_decoded() {
    let mut file = std::io::Cursor::new(Vec::new());
    RgbaImage::new(20, 50).write_to(&mut file, ImageFormat::Png).unwrap();
    let open = || {
        let mut plain = tempfile::tempfile().unwrap();
        plain.write_all(file.get_ref()).unwrap();
        plain.rewind().unwrap();
        plain
    };
    decode(open(), 1000).unwrap();
    let error = decode(open(), 999).unwrap_err().to_string();
    assert!(error.contains("20 x 50 pixels") && error.contains("--max-pixels"), "{error}");
}

/// A TIFF of one strip, 8-bit gray; `tags` replace the necessary ones or add to them.
fn tiff(tags: &[(u16, u32)]) -> Vec<u8> {
    let mut entries = BTreeMap::from([
        (256, 1),
        (257, 1),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 1),
        (279, 1),
    ]);
    entries.extend(tags.iter().copied());
    let mut file =
        [&b"II*\0"[..], &8u32.to_le_bytes(), &(entries.len() as u16).to_le_bytes()].concat();
    for (tag, value) in entries {
        file.extend(u16::to_le_bytes(tag));
        file.extend([4, 0, 1, 0, 0, 0]);
        file.extend(u32::to_le_bytes(value));
    }
    file.extend([0; 4]);
    file
}

#[test]
fn absurd_strips_and_chunks_are_errors() {
    let most = u32::MAX;
    // A strip often declares more rows than the picture has.
    assert_eq!(decoded(&tiff(&[(278, most)])).unwrap().as_bytes(), [9]);
    for tags in [
        &[(279, most)][..],
        &[(273, most)],
        &[(257, 9_000), (256, 9_000), (278, 9_000), (279, most)],
        &[(257, 100_000_000), (278, 1)],
        &[(322, most), (323, most), (324, 8), (325, most)],
        &[(322, 60_000), (323, 60_000), (324, 8), (325, 1)],
        &[(277, 60_000)],
    ] {
        assert!(!refused(&tiff(tags)).is_empty());
    }
    let webp = |chunks: &[u8]| {
        let size = (4 + chunks.len() as u32).to_le_bytes();
        refused(&[&b"RIFF"[..], &size, b"WEBP", chunks].concat())
    };
    let part = |name: &[u8], size: u32, data: &[u8]| [name, &size.to_le_bytes(), data].concat();
    let lossy = [&[0, 0, 0, 0x9d, 1, 0x2a][..], &[16_000u16.to_le_bytes(); 2].concat()].concat();
    let lossless = [&[0x2f][..], &(15_999u32 | 15_999 << 14).to_le_bytes()].concat();
    let dimensions = "16000 x 16000 pixels";
    // An EXIF chunk, and frames that are larger than the picture claims to be.
    let small = part(b"VP8X", 10, &[0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let exif = part(b"EXIF", 4_000_000_000, b"");
    assert!(webp(&[&small[..], &exif].concat()).contains("chunk `EXIF` of 4000000000 bytes"));
    let trailed = [&std::fs::read(pictures().join("rgb.webp")).unwrap()[..], &exif].concat();
    decoded(&trailed).unwrap();
    for bitstream in [part(b"VP8 ", 10, &lossy), [part(b"VP8L", 5, &lossless), vec![0]].concat()] {
        assert!(webp(&bitstream).contains(dimensions), "{}", webp(&bitstream));
        let nested = [&small[..], &bitstream].concat();
        assert!(webp(&nested).contains(dimensions), "{}", webp(&nested));
        let frame =
            part(b"ANMF", 16 + bitstream.len() as u32, &[&[0; 16][..], &bitstream].concat());
        assert!(webp(&[&small[..], &frame].concat()).contains(dimensions));
    }
}

#[test]
fn no_changed_byte_of_a_picture_is_more_than_an_error() {
    for entry in std::fs::read_dir(pictures()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension == "json" || extension == "py") {
            continue;
        }
        let good = std::fs::read(&path).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        for place in 0..good.len() {
            for change in [0x01, 0xff] {
                let mut bad = good.clone();
                bad[place] ^= change;
                file.rewind().unwrap();
                file.set_len(0).unwrap();
                file.write_all(&bad).unwrap();
                let mut again = file.try_clone().unwrap();
                again.rewind().unwrap();
                let _ = decode(again, 10_000);
            }
        }
    }
}

#[test]
fn what_is_not_decoded_says_what_is() {
    for bytes in [&b"hello"[..], b"", b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf", b"P5 1 1 255 a"] {
        let error = refused(bytes);
        assert!(error.contains("PNG, JPEG, WebP, BMP, GIF or TIFF"), "{error}");
    }
}
