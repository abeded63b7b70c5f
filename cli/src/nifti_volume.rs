//! Reads volumes of medical scanners: NIfTI-1 files, also compressed by gzip.

use anyhow::{Context, bail};
use bayes8_core::quoted::Brief;
use clap::ValueEnum;
use flate2::bufread::MultiGzDecoder;
use ndarray::{Array4, Axis, Ix4, IxDyn};
use nifti::{InMemNiftiVolume, IntoNdArray, NiftiHeader, NiftiType};
use std::fs::File;
use std::io::{self, BufReader, Read};

/// Which axes of a scan are the planes, rows and columns of a network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VolumeAxes {
    /// Planes along z, rows along y, columns along x, as SimpleITK and nnU-Net read them
    #[default]
    Zyx,
    /// Planes along x, rows along y, columns along z, as nibabel and MONAI read them
    Xyz,
}

/// Bytes of the header and of the flag after it.
const HEADER_BYTES: u64 = 352;

/// The length of the header, which a file begins with, in either order.
const BEGINNINGS: [[u8; 4]; 2] = [348u32.to_le_bytes(), 348u32.to_be_bytes()];

/// Whether a file that begins with `start` is a NIfTI file, or compressed by gzip.
pub(crate) fn is_nifti(start: &[u8]) -> bool {
    is_gzip(start) || BEGINNINGS.iter().any(|beginning| start.starts_with(beginning))
}

fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(&[0x1f, 0x8b])
}

/// Reads the volume of a file that begins with `start`: `[D, H, W, C]`, scaled as its header says. The time or vector
/// axis of a scan becomes its channels.
///
/// # Errors
/// When the file is damaged, holds something else than one volume of real numbers, or has more than `most` voxels.
pub(crate) fn read(
    file: File,
    start: &[u8],
    axes: VolumeAxes,
    most: u64,
) -> anyhow::Result<Array4<f32>> {
    let file = BufReader::new(file);
    let mut source: Box<dyn Read> = match is_gzip(start) {
        true => Box::new(MultiGzDecoder::new(file)),
        false => Box::new(file),
    };
    let header = NiftiHeader::from_reader(&mut source);
    let header = header.map_err(|error| explained(&error)).context("not a NIfTI file")?;
    check(&header, most)?;
    // The header has 348 bytes. Extensions may follow.
    let skipped = header.vox_offset as u64 - (HEADER_BYTES - 4);
    if io::copy(&mut source.by_ref().take(skipped), &mut io::sink())? < skipped {
        bail!("it ends before its voxels");
    }
    let volume = InMemNiftiVolume::from_reader(source, &header);
    let volume = volume.and_then(|volume| volume.into_ndarray::<f32>());
    let mut volume = volume.map_err(|error| explained(&error))?;
    while volume.ndim() > 4 {
        // The check leaves only axes of one voxel.
        let last = Axis(volume.ndim() - 1);
        volume = volume.index_axis_move(last, 0);
    }
    while volume.ndim() < 4 {
        let end = Axis(volume.ndim());
        volume = volume.insert_axis(end);
    }
    let order = match axes {
        VolumeAxes::Zyx => [2, 1, 0, 3],
        VolumeAxes::Xyz => [0, 1, 2, 3],
    };
    let volume = volume.permuted_axes(IxDyn(&order)).into_dimensionality::<Ix4>()?;
    Ok(volume.as_standard_layout().into_owned())
}

/// Checks what the header says before anything is read.
fn check(header: &NiftiHeader, most: u64) -> anyhow::Result<()> {
    let extents = header.dim().map_err(|error| explained(&error))?;
    let voxels = extents.iter().try_fold(1u64, |all, &extent| all.checked_mul(extent.into()));
    if voxels.is_none_or(|voxels| voxels > most) {
        bail!("it has more than {most} voxels (--max-pixels)");
    }
    if extents.iter().skip(4).any(|&extent| extent > 1) {
        bail!("it has {} axes; at most x, y, z and channels are possible", extents.len());
    }
    let kind = header.data_type().map_err(|error| explained(&error))?;
    let is_real = !matches!(
        kind,
        NiftiType::Complex64
            | NiftiType::Complex128
            | NiftiType::Complex256
            | NiftiType::Float128
            | NiftiType::Rgb24
            | NiftiType::Rgba32
    );
    if !is_real {
        bail!("its voxels are {kind:?}; only integers and floats of up to 64 bits can be read");
    }
    if usize::from(header.bitpix.unsigned_abs()) != 8 * kind.size_of() {
        bail!("its header says {} bits for a voxel of type {kind:?}", header.bitpix);
    }
    if !(HEADER_BYTES as f32..=1e9).contains(&header.vox_offset) {
        bail!("its header says that voxels begin at byte {}", header.vox_offset);
    }
    Ok(())
}

/// An error of the library, on one line.
fn explained(error: &nifti::NiftiError) -> anyhow::Error {
    anyhow::anyhow!("{}", Brief(&error.to_string()))
}
