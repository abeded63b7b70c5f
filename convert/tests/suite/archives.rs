//! npz archives as NumPy writes them, and hostile ones.

use std::io::Write;
use std::path::{Path, PathBuf};

use bayes8_convert::{Inputs, LabelledPictures};
use ndarray::{ArrayD, array};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn data(folder: &str, name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder).join(name)
}

fn load(name: &str) -> Result<Inputs, String> {
    Inputs::load(&data("arrays", name)).map_err(|error| error.to_string())
}

#[test]
fn every_type_and_order_of_numpy_gives_the_same_numbers() {
    let bytes = ArrayD::from_shape_vec(vec![2, 3, 2], (0u8..12).collect()).unwrap();
    let labels = array![-1, 300];
    for name in ["bytes.npz", "bytes_compressed.npz", "bytes_fortran.npz"] {
        let set = LabelledPictures::load(&data("arrays", name)).unwrap();
        assert_eq!(set.pictures, Inputs::Bytes(bytes.clone()), "{name}");
        assert_eq!(set.labels, labels, "{name}");
    }
    let floats = bytes.mapv(|byte| f32::from(byte) / 8.0);
    let names = ["float16.npz", "float32.npz", "float32_fortran_big_endian.npz", "float64.npz"];
    for name in names {
        assert_eq!(load(name).unwrap(), Inputs::Numbers(floats.clone()), "{name}");
    }
}

#[test]
fn what_is_not_a_finite_number_is_refused_by_its_place() {
    for (name, part) in [
        ("nan.npz", "array `x`: it holds NaN at [1, 0, 1]"),
        ("too_large.npz", "array `x`: it holds inf, or a number beyond float32, at [1, 0, 1]"),
        ("records.npz", "array `x`: its type is '[('a', '<f4'), ('b', '<i2', (2,))]'"),
        ("objects.npz", "array `x`: its type is '|O'"),
        ("booleans.npz", "array `x`: its type is '|b1', expected uint8 [N, H, W, C]"),
        ("scalar.npz", "array `x`: its shape is [], expected [N, H, W, C]"),
    ] {
        let error = load(name).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn an_array_larger_than_its_file_is_not_allocated() {
    for (name, part) in [
        ("npz-x-1e12.npz", "array `x`: its shape [1000000000000, 8] takes 8000000000000 bytes"),
        ("npz-zero-shape.npz", "array `x`: its shape [0, 9223372036854775807, 92233"),
    ] {
        let path = data("hostile", name);
        let error = Inputs::load(&path).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()) && error.contains(part), "{error}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_unfolds() {
    let x = npy("'|u1'", "(2147483648, 1)", &[0; 100]);
    let size = |unfolded: u32| {
        let npz = declared(archive(&[("x", x.clone())], true), unfolded);
        load_bytes(&npz).unwrap_err()
    };
    let header = x.len() as u32 - 100;
    let error = size(header + (1 << 31));
    assert!(error.contains("array `x`: its ") && error.contains("16 times as many"), "{error}");
    // Within the limit, but missing: memory grows with the data that arrives.
    let x = npy("'|u1'", "(1000000000, 1)", &[0; 100]);
    let npz = declared(archive(&[("x", x.clone())], true), x.len() as u32 - 100 + 1_000_000_000);
    let error = load_bytes(&npz).unwrap_err();
    assert!(error.contains("array `x`: it is cut off"), "{error}");
}

#[test]
fn no_changed_byte_and_no_lost_end_is_more_than_an_error() {
    let x = npy("'|u1'", "(2, 3)", &[1, 2, 3, 4, 5, 6]);
    let y = npy("'<i2'", "(2,)", &[0, 0, 1, 0]);
    for compressed in [false, true] {
        let good = archive(&[("x", x.clone()), ("y", y.clone())], compressed);
        let expected = load_bytes(&good).unwrap();
        let (mut same, mut refused) = (0, 0);
        for place in 0..good.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[place] ^= change;
                match load_bytes(&bad) {
                    // The time of an entry, or a comment in its header.
                    Ok(set) if set == expected => same += 1,
                    Ok(set) => panic!("byte {place}: {set:?}"),
                    Err(_) => refused += 1,
                }
            }
            let _ = load_bytes(&good[..place]).unwrap_err();
        }
        assert!(same > 0 && refused > same, "{same} as before, {refused} refused");
    }
}

/// An array in NumPy's format.
fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

fn archive(arrays: &[(&str, Vec<u8>)], compressed: bool) -> Vec<u8> {
    let method = if compressed { CompressionMethod::Deflated } else { CompressionMethod::Stored };
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, array) in arrays {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(array).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The archive with a false unfolded size for its only entry.
fn declared(mut npz: Vec<u8>, unfolded: u32) -> Vec<u8> {
    let entry = npz.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    npz[entry + 24..entry + 28].copy_from_slice(&unfolded.to_le_bytes());
    npz
}

fn load_bytes(npz: &[u8]) -> Result<LabelledPictures, String> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(npz).unwrap();
    LabelledPictures::read(Path::new("x.npz"), file).map_err(|error| error.to_string())
}
