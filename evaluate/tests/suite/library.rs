//! A program that evaluates without the command line.

use std::path::Path;

use bayes8_evaluate::{Limit, Options, Progress, THRESHOLDS};
use bayes8_native::Model;
use ndarray::{Array1, Array4};
use ndarray_npy::NpzWriter;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/mnist-cnn.safetensors");

/// Writes empty pictures and their labels.
fn write_pictures(path: &Path, count: usize) {
    let byte = |(n, h, w, _)| (n * 57 + h * 31 + w * 11) as u8;
    let mut npz = NpzWriter::new(std::fs::File::create(path).unwrap());
    npz.add_array("x", &Array4::from_shape_fn((count, 28, 28, 1), byte)).unwrap();
    npz.add_array("y", &Array1::from_iter((0..count).map(|n| n as i64 % 10))).unwrap();
    npz.finish().unwrap();
}

#[test]
fn a_report_is_figures_text_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("x.npz");
    write_pictures(&data, 12);
    let model = Model::load(MODEL).unwrap();
    let mut options = Options::new(MODEL, &data);
    options.samples = Some(4);
    options.thresholds.extend(THRESHOLDS.iter().map(|threshold| (threshold, 0.0)));
    let mut open = 0;
    let mut done = 0;
    let observer = &mut |event| match event {
        Progress::Begin { .. } => open += 1,
        Progress::End => open -= 1,
        Progress::Advance(pieces) => done += pieces,
        event => panic!("{event:?}"),
    };
    let report = options.run(&model, observer).unwrap();
    // All samples, then the mean weights.
    assert_eq!((open, done), (0, 12 * 4 + 12));
    assert_eq!((report.pictures, report.samples), (12, 4));
    let name = model.quantized().name();
    assert!(report.text(Default::default()).starts_with(name));
    let page = report.html();
    assert!(page.contains(name) && page.contains("Thresholds"), "{page}");
    // The report did not come from a command line.
    assert!(report.provenance.command.is_none() && !page.contains("<pre>"));
    let missed = report.check().unwrap_err().to_string();
    assert!(missed.contains("OOD AUROC is undefined for these predictions"), "{missed}");
    assert!(missed.contains("difference of accuracy to any peer is undefined"), "{missed}");
}

#[test]
fn the_option_of_a_threshold_says_its_direction() {
    for threshold in &THRESHOLDS {
        let prefix = match (threshold.limit)(0.0) {
            Limit::AtLeast(_) => "min-",
            Limit::AtMost(_) => "max-",
        };
        assert!(threshold.option.starts_with(prefix), "{}", threshold.option);
        let same = THRESHOLDS.iter().filter(|other| other.option == threshold.option);
        assert_eq!(same.count(), 1, "{}", threshold.option);
    }
}
