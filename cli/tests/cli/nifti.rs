//! `bayes8 predict` of NIfTI volumes, whose bytes are made by hand.

use crate::support::Fixture;
use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::{Array5, ArrayD, Axis};
use ndarray_npy::{NpzWriter, WriteNpyExt};
use std::fs::File;
use std::io::Write;

/// The extents of a scan: x, y, z and two channels.
const SCAN: [i16; 4] = [4, 6, 5, 2];

/// A field of the header.
#[derive(Clone)]
enum Field {
    Int(i32),
    Shorts(Vec<i16>),
    Float(f32),
    Text(&'static [u8]),
}

/// The bytes of a scan of i16, with the fields of its header at their places, in one order of bytes or the other.
fn scan(is_big: bool, changes: &[(usize, Field)]) -> Vec<u8> {
    let [x, y, z, channels] = SCAN;
    let mut fields = vec![
        (0, Field::Int(348)),
        (40, Field::Shorts(vec![4, x, y, z, channels, 1, 1, 1])),
        (70, Field::Shorts(vec![4, 16])),
        (108, Field::Float(368.0)),
        (112, Field::Float(0.5)),
        (116, Field::Float(-3.0)),
        (344, Field::Text(b"n+1\0")),
    ];
    fields.extend(changes.iter().cloned());
    // 16 bytes stand between the header's end and the voxels.
    let mut bytes = vec![0; 368];
    for (place, field) in fields {
        let field: Vec<u8> = match (field, is_big) {
            (Field::Int(int), true) => int.to_be_bytes().into(),
            (Field::Int(int), false) => int.to_le_bytes().into(),
            (Field::Float(float), true) => float.to_be_bytes().into(),
            (Field::Float(float), false) => float.to_le_bytes().into(),
            (Field::Shorts(shorts), true) => shorts.iter().flat_map(|s| s.to_be_bytes()).collect(),
            (Field::Shorts(shorts), false) => shorts.iter().flat_map(|s| s.to_le_bytes()).collect(),
            (Field::Text(text), _) => text.into(),
        };
        bytes[place..][..field.len()].copy_from_slice(&field);
    }
    for index in 0..voxels() {
        let voxel = voxel(index);
        bytes.extend(if is_big { voxel.to_be_bytes() } else { voxel.to_le_bytes() });
    }
    bytes
}

fn voxels() -> usize {
    SCAN.iter().map(|&extent| extent as usize).product()
}

fn voxel(index: usize) -> i16 {
    (index * 37 % 101) as i16 - 40
}

/// The scan as `[1, z, y, x, channels]`, scaled.
fn expected() -> Array5<f32> {
    let [x, y, z, _] = SCAN.map(|extent| extent as usize);
    // x varies fastest in the file.
    Array5::from_shape_fn((1, z, y, x, 2), |(_, plane, row, column, channel)| {
        f32::from(voxel(((channel * z + plane) * y + row) * x + column)) * 0.5 - 3.0
    })
}

/// A folder with a model of 5x6x4 voxels in two channels, and the scan as `scan.npy`.
fn fixture() -> Fixture {
    let fixture = Fixture::with_network("volume");
    let elements = 9 * voxels();
    let bytes = (0..elements).map(|i| (i * 97 % 251) as u8).collect();
    let x = ArrayD::from_shape_vec(vec![9, 5, 6, 4, 2], bytes).expect("pictures");
    let mut npz = NpzWriter::new(File::create(fixture.path("x.npz")).expect("a file"));
    npz.add_array("x", &x).expect("an array");
    npz.finish().expect("an archive");
    let quantize = ["quantize", "--network", "network.onnx", "--moped", "0.1", "--calibration"];
    fixture.run(&[&quantize[..], &["x.npz", "-o", "model.safetensors"]].concat()).succeeded();
    let npy = File::create(fixture.path("scan.npy")).expect("a file");
    expected().write_npy(npy).expect("an array");
    fixture
}

fn write(fixture: &Fixture, name: &str, bytes: &[u8]) {
    std::fs::write(fixture.path(name), bytes).expect("a file");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("memory");
    gzip.finish().expect("memory")
}

#[test]
fn a_scan_is_the_array_of_its_scaled_voxels() {
    let fixture = fixture();
    write(&fixture, "scan.nii", &scan(false, &[]));
    write(&fixture, "big.nii", &scan(true, &[]));
    write(&fixture, "scan.nii.gz", &gzip(&scan(false, &[])));
    let digest = |name: &str, more: &[&str]| {
        let arguments = ["predict", "model.safetensors", name, "--json"];
        fixture.json(&[&arguments[..], more].concat())[0]["logits_digest"].clone()
    };
    let array = digest("scan.npy", &[]);
    assert!(array.is_string());
    for name in ["scan.nii", "big.nii", "scan.nii.gz"] {
        assert_eq!(digest(name, &[]), array, "{name}");
    }
    // The first axis of this one has the planes.
    let [x, y, z, channels] = SCAN;
    let turned = [(40, Field::Shorts(vec![4, z, y, x, channels, 1, 1, 1]))];
    write(&fixture, "turned.nii", &scan(false, &turned));
    let xyz = digest("turned.nii", &["--volume-axes", "xyz"]);
    // The same voxels in the order of the file.
    let [x, y, z, _] = SCAN.map(|extent| extent as usize);
    let turned = Array5::from_shape_fn((1, z, y, x, 2), |(_, plane, row, column, channel)| {
        f32::from(voxel(((channel * x + column) * y + row) * z + plane)) * 0.5 - 3.0
    });
    let npy = File::create(fixture.path("turned.npy")).expect("a file");
    turned.write_npy(npy).expect("an array");
    assert_eq!(xyz, digest("turned.npy", &[]));
    assert_ne!(xyz, array);
    assert_eq!(turned.len_of(Axis(1)), 5);
}

#[test]
fn scans_that_cannot_be_read_are_refused_by_name() {
    let fixture = fixture();
    let predict = |name: &str, bytes: &[u8], more: &[&str], parts: &[&str]| {
        write(&fixture, name, bytes);
        let arguments = ["predict", "model.safetensors", name];
        let parts = [&[name], parts].concat();
        fixture.run(&[&arguments[..], more].concat()).failed(&parts);
    };
    let whole = scan(false, &[]);
    predict("cut.nii", &whole[..whole.len() - 1], &[], &["cannot read"]);
    predict("header.nii", &whole[..300], &[], &["not a NIfTI file"]);
    predict("early.nii", &whole[..360], &[], &["ends before its voxels"]);
    predict("cut.nii.gz", &gzip(&whole)[..200], &[], &["cannot read"]);
    predict("text.nii.gz", &gzip(b"no scan"), &[], &["not a NIfTI file"]);
    let turned = ["4x6x5x2", "5x6x4x2", "--volume-axes"];
    predict("turned.nii", &whole, &["--volume-axes", "xyz"], &turned);
    predict(
        "many.nii",
        &whole,
        &["--max-pixels", "239"],
        &["more than 239 voxels", "--max-pixels"],
    );
    for (name, change, part) in [
        ("huge.nii", (40, Field::Shorts(vec![7; 8])), "axes"),
        ("vast.nii", (40, Field::Shorts(vec![4, 32_767, 32_767, 32_767, 9])), "--max-pixels"),
        ("none.nii", (40, Field::Shorts(vec![4, 4, 0, 5, 2])), "none.nii"),
        ("rank.nii", (40, Field::Shorts(vec![9])), "rank.nii"),
        ("complex.nii", (70, Field::Shorts(vec![32, 64])), "Complex64"),
        ("colour.nii", (70, Field::Shorts(vec![128, 24])), "Rgb24"),
        ("bits.nii", (70, Field::Shorts(vec![4, 8])), "8 bits"),
        ("kind.nii", (70, Field::Shorts(vec![5, 16])), "kind.nii"),
        ("offset.nii", (108, Field::Float(f32::NAN)), "NaN"),
        ("before.nii", (108, Field::Float(-1e30)), "begin at byte"),
        ("infinite.nii", (112, Field::Float(f32::INFINITY)), "infinite.nii"),
    ] {
        predict(name, &scan(false, &[change]), &[], &[part]);
    }
}
