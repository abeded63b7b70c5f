//! Checks the sizes that a WebP file declares. Its decoder allocates memory for chunks and frames before
//! it checks that the file has them, and has no limit.

use super::size;
use anyhow::bail;
use std::io::{BufRead, Read, Seek, SeekFrom};

/// Bytes before the first chunk of the file, and of a frame of an animation.
const FILE_HEADER: u64 = 12;
const FRAME_HEADER: u64 = 16;

/// Bytes of a chunk's name and length.
const CHUNK_HEADER: u64 = 8;

/// Checks that the chunks of a file of `length` bytes end within it, and that each bitstream has at
/// most `max_pixels`.
///
/// # Errors
/// When a chunk or a bitstream is larger.
pub(super) fn check(
    file: &mut (impl BufRead + Seek),
    length: u64,
    max_pixels: u64,
) -> anyhow::Result<()> {
    // Later bytes are not part of the picture.
    let mut size = [0; 4];
    file.seek(SeekFrom::Start(4))?;
    file.read_exact(&mut size)?;
    let end = 8 + u64::from(u32::from_le_bytes(size));
    check_chunks(file, FILE_HEADER, end.min(length), max_pixels, 0)
}

/// Checks the chunks between two positions: those of the file, or of a frame at depth 1.
fn check_chunks(
    file: &mut (impl BufRead + Seek),
    mut place: u64,
    end: u64,
    max_pixels: u64,
    depth: u32,
) -> anyhow::Result<()> {
    while place + CHUNK_HEADER <= end {
        file.seek(SeekFrom::Start(place))?;
        let mut header = [0; CHUNK_HEADER as usize];
        file.read_exact(&mut header)?;
        let [name, size] = [0, 4].map(|at| [0, 1, 2, 3].map(|i| header[at + i]));
        let size = u64::from(u32::from_le_bytes(size));
        let data = place + CHUNK_HEADER;
        if data + size > end {
            bail!("its chunk `{}` of {size} bytes is cut off", name.escape_ascii());
        }
        let mut start = Vec::new();
        file.by_ref().take(10.min(size)).read_to_end(&mut start)?;
        match (&name, &start[..]) {
            // Lossy: a tag and a start code of 3 bytes each, then both sides in 14 bits.
            (b"VP8 ", &[_, _, _, _, _, _, w0, w1, h0, h1]) => {
                let side = |bytes| u64::from(u16::from_le_bytes(bytes) & 0x3fff);
                size::check(side([w0, w1]), side([h0, h1]), max_pixels)?;
            }
            // Lossless: a signature, then both sides minus 1 in 14 bits.
            (b"VP8L", &[_, a, b, c, d, ..]) => {
                let bits = u64::from(u32::from_le_bytes([a, b, c, d]));
                size::check((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1, max_pixels)?;
            }
            // Frames hold no frames.
            (b"ANMF", _) if depth == 0 => {
                check_chunks(file, data + FRAME_HEADER, data + size, max_pixels, depth + 1)?;
            }
            _ => {}
        }
        place = data + size + size % 2;
    }
    Ok(())
}
