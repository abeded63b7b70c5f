//! Models with maps for tests, pictures for them, and the files of their maps.

use crate::support::{Finished, Fixture};
use bayes8_conformance::models::{Builder, Kind};
use bayes8_native::core::graph::{Shape, Value, Window};
use bayes8_native::core::head::Head;
use bayes8_native::core::head::classes::Classes;
use bayes8_native::core::head::gaussian::{Gaussian, Target, Variance};
use bayes8_native::core::head::labels::Labels;
use bayes8_native::core::model::QuantizedModel;
use ndarray::{Array, ArrayD, Axis};
use ndarray_npy::{ReadNpyExt, ReadableElement, WriteNpyExt};
use png::{ColorType, Decoder, Transformations};
use std::fs::File;
use std::io::BufReader;

pub(crate) const MODEL: &str = "model.safetensors";

pub(crate) fn classes(count: usize, names: &[&str]) -> Head {
    let names = names.iter().map(|&name| name.into()).collect();
    Head::Classes(Classes { count, names }.into())
}

pub(crate) fn labels(names: &[&str]) -> Head {
    let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
    Head::Labels(Labels { count: names.len(), names }.into())
}

pub(crate) fn gaussian() -> Head {
    let target = |name: &str, unit: &str| Target {
        name: name.into(),
        unit: unit.into(),
        scale: 4.0,
        offset: 10.0,
        noise: 0.5,
        exponent: -20,
    };
    let targets = vec![target("depth", "m"), target("height", "m")];
    Head::Gaussian(Gaussian { variance: Variance::Log, targets }.into())
}

/// A model in which every output is a map with one position for each position of the input.
pub(crate) fn model(input: Shape, outputs: &[(&str, Head)]) -> QuantizedModel {
    let mut b = Builder::new(5, input);
    let pixel = Window::new([1, 1]);
    let hidden = b.conv(Value::Input, 9, 1, pixel, Kind::Bayesian).unwrap();
    for (name, head) in outputs {
        let value = b.conv(hidden, head.outputs(), 1, pixel, Kind::Bayesian).unwrap();
        b.output(name, &[value], 4.0, head.clone());
    }
    b.finish()
}

/// Two pictures of `shape`.
pub(crate) fn pictures(shape: Shape) -> ArrayD<u8> {
    let extents = [2, shape.depth, shape.height, shape.width, shape.channels];
    let byte = |(n, d, h, w, c)| (n * 57 + d * 91 + h * 31 + w * 113 + c * 83) as u8;
    let mut pictures = Array::from_shape_fn(extents, byte).into_dyn();
    while pictures.ndim() > 3 && pictures.shape()[1] == 1 {
        pictures = pictures.index_axis_move(Axis(1), 0);
    }
    pictures
}

/// A folder with such a model, and two pictures in `x.npy`.
pub(crate) fn fixture(input: Shape, outputs: &[(&str, Head)]) -> Fixture {
    let fixture = Fixture::of(&model(input, outputs));
    pictures(input).write_npy(File::create(fixture.path("x.npy")).unwrap()).unwrap();
    fixture
}

pub(crate) fn run(fixture: &Fixture, more: &[&str]) -> Finished {
    fixture.run(&[&["predict", MODEL, "x.npy", "--samples", "8"], more].concat())
}

/// The array of an npy file.
pub(crate) fn array<T: ReadableElement>(fixture: &Fixture, name: &str) -> ArrayD<T> {
    ArrayD::read_npy(File::open(fixture.path(name)).unwrap()).unwrap()
}

/// The colours, the size and the bytes of a PNG file with eight bits per channel, and its palette.
pub(crate) fn png(fixture: &Fixture, name: &str) -> (ColorType, [u32; 2], Vec<u8>, Vec<u8>) {
    let mut decoder = Decoder::new(BufReader::new(File::open(fixture.path(name)).unwrap()));
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut bytes).unwrap();
    let info = reader.info();
    let palette = info.palette.as_ref().map(|palette| palette.to_vec()).unwrap_or_default();
    (info.color_type, [info.width, info.height], bytes, palette)
}

/// The names of the files in a folder, sorted.
pub(crate) fn files(fixture: &Fixture, folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(fixture.path(folder)).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
