//! Inputs in tiles: each sample takes each position from one tile, and tiles change nothing where they cannot.

use bayes8_conformance::{Builder, Kind, Random};
use bayes8_core::graph::{Padding, Shape, Value, Window};
use bayes8_core::head::Head;
use bayes8_core::head::classes::Classes;
use bayes8_core::head::labels::Labels;
use bayes8_core::model::QuantizedModel;
use bayes8_core::ops::{Coordinates, Interpolation, Resize};
use bayes8_core::tiling::TilingError;
use bayes8_native::{
    LoadError, Model, ModelOptions, Pictures, PredictError, PredictOptions, Prediction, Threads,
};
use ndarray::{Array5, s};

/// A network over volumes that looks at one position at a time, with two maps. One has half the rows and columns.
fn pointwise() -> QuantizedModel {
    let mut b = Builder::new(9, Shape::volume(4, 8, 6, 2));
    let x = b.conv(Value::Input, 5, 1, Window::new([1, 1]), Kind::BayesianBias).unwrap();
    let whole = b.conv(x, 3, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    let classes = Head::Classes(Classes { count: 3, names: Vec::new() }.into());
    b.output("classes", &[whole], 3.0, classes);
    let halves = Window { stride: [2, 2], ..Window::new([1, 1]) };
    let half = b.conv(x, 2, 1, halves, Kind::Bayesian).unwrap();
    b.output("labels", &[half], 3.0, Head::Labels(Labels { count: 2, names: Vec::new() }.into()));
    b.finish()
}

/// A network that sees neighbours, and ends in a map that is resized.
fn convolution() -> QuantizedModel {
    let mut b = Builder::new(9, Shape::new(16, 16, 2));
    let window = Window { padding: Padding::uniform(1), stride: [2, 2], ..Window::new([3, 3]) };
    let x = b.conv(Value::Input, 4, 1, window, Kind::Bayesian).unwrap();
    let x = b.conv(x, 3, 1, Window::new([1, 1]), Kind::Bayesian).unwrap();
    let classes = Head::Classes(Classes { count: 3, names: Vec::new() }.into());
    b.output("classes", &[x], 3.0, classes);
    let (mode, coordinates) = (Interpolation::Linear, Coordinates::HalfPixel);
    b.resize_output(Resize { size: [1, 16, 16], mode, coordinates, steps: None });
    b.finish()
}

fn pictures(count: usize, size: [usize; 3], channels: usize) -> Array5<u8> {
    let [depth, height, width] = size;
    let extents = (count, depth, height, width, channels);
    let mut random = Random::new(3);
    Array5::from_shape_simple_fn(extents, || random.byte())
}

fn predict(model: &Model, pictures: &Array5<u8>, samples: std::ops::Range<u32>) -> Vec<Prediction> {
    let options = PredictOptions::new().samples(samples).seed(5);
    model.predict(Pictures::Bytes(pictures.view()), &options).unwrap()
}

fn words(predictions: &[Prediction]) -> Vec<Vec<i64>> {
    let of_one = |of: &Prediction| of.outputs().flat_map(|(_, sums)| sums.to_words()).collect();
    predictions.iter().map(of_one).collect()
}

fn tiled(model: QuantizedModel, size: [usize; 3], overlap: usize) -> Model {
    let options = ModelOptions::new().input_size(size).tile_overlap(overlap);
    Model::new(model, options).unwrap()
}

#[test]
fn tiles_change_a_network_that_sees_one_position_at_a_time() {
    for (size, overlap) in [([4, 8, 6], 2), ([7, 14, 12], 2), ([9, 20, 8], 0), ([4, 10, 6], 2)] {
        let whole = Model::new(pointwise(), ModelOptions::new().input_size(size)).unwrap();
        let tiled = tiled(pointwise(), size, overlap);
        assert_eq!(tiled.input(), whole.input());
        assert_eq!(tiled.outputs()[1].positions, whole.outputs()[1].positions);
        let pictures = pictures(2, size, 2);
        // More samples than 32 bits hold.
        for samples in [0..1, 3..300] {
            let [tiled, whole] =
                [&tiled, &whole].map(|model| predict(model, &pictures, samples.clone()));
            assert_eq!(words(&tiled), words(&whole), "{size:?}, overlap {overlap}");
            assert!(tiled[0].uncertainty() == whole[0].uncertainty());
        }
    }
}

#[test]
fn tiles_depend_on_threads_batches_or_ranges_of_samples() {
    let size = [1, 37, 50];
    let model = tiled(convolution(), size, 8);
    let pictures = pictures(3, size, 2);
    let all = predict(&model, &pictures, 0..45);
    for threads in [Threads::One, Threads::new(3).unwrap()] {
        let options = ModelOptions::new().input_size(size).tile_overlap(8).threads(threads);
        let model = Model::new(convolution(), options).unwrap();
        assert!(predict(&model, &pictures, 0..45) == all);
    }
    let second = pictures.slice(s![1..2, .., .., .., ..]).to_owned();
    assert!(predict(&model, &second, 0..45)[0] == all[1]);
    let [first, last] =
        [0..7, 7..45].map(|range| words(&predict(&model, &second, range)).remove(0));
    let sum: Vec<i64> = first.iter().zip(&last).map(|(a, b)| a + b).collect();
    assert_eq!(sum, words(&all)[1]);
    let options = PredictOptions::new().samples(0..45).seed(5);
    let stream = model.stream(Pictures::Bytes(pictures.view()), &options).unwrap().every(7);
    assert!(stream.last().unwrap().unwrap() == all);
}

/// The border between two tiles moves from sample to sample, but stays in the middle half of the overlap.
#[test]
fn samples_take_positions_from_tiles_that_do_not_see_their_surroundings() {
    let size = [1, 16, 24];
    let model = tiled(convolution(), size, 8);
    let parts = Model::new(convolution(), ModelOptions::new()).unwrap();
    let picture = pictures(1, size, 2);
    let [left, right] =
        [0..16, 8..24].map(|columns| picture.slice(s![.., .., .., columns, ..]).to_owned());
    let mut borders = Vec::new();
    for sample in 0..32 {
        let of = |model, picture| {
            let map = predict(model, picture, sample..sample + 1)[0].uncertainty();
            map.map().unwrap().figures()
        };
        let [whole, left, right] = [of(&model, &picture), of(&parts, &left), of(&parts, &right)];
        let row = |figures: &[f64], columns: usize, column: usize| {
            let start = (5 * columns + column) * 3;
            figures[start..start + 3].to_vec()
        };
        let is_left = |&column: &usize| row(&whole, 24, column) == row(&left, 16, column);
        // Both tiles may have the same figures at a position.
        let border = (0..16).take_while(is_left).count();
        assert!(border >= 10, "border at {border}");
        for column in border.min(14)..24 {
            assert_eq!(row(&whole, 24, column), row(&right, 16, column - 8), "{sample}, {column}");
        }
        borders.push(border);
    }
    let (first, last) = (borders.iter().min(), borders.iter().max());
    assert!(first < last, "the border stays at {first:?}");
}

#[test]
fn impossible_tiles_are_accepted() {
    let error = |model: QuantizedModel, size, overlap| {
        let options = ModelOptions::new().input_size(size).tile_overlap(overlap);
        match Model::new(model, options) {
            Err(LoadError::Tiling { source, .. }) => *source,
            other => panic!("{size:?}, overlap {overlap}: {other:?}"),
        }
    };
    for size in [[1, 15, 16], [2, 16, 16], [0, 16, 16], [1, 1 << 26, 1 << 26], [1, usize::MAX, 16]]
    {
        assert!(matches!(error(convolution(), size, 4), TilingError::Size { .. }), "{size:?}");
    }
    for overlap in [9, 16, usize::MAX] {
        let error = error(convolution(), [1, 32, 32], overlap);
        assert!(matches!(error, TilingError::Overlap { .. }), "{error}");
    }
    for (size, overlap) in [([4, 9, 6], 2), ([4, 10, 6], 1)] {
        let error = error(pointwise(), size, overlap);
        assert!(matches!(error, TilingError::Positions { .. }), "{error}");
    }
    let mut b = Builder::new(1, Shape::new(8, 8, 1));
    b.linear(Value::Input, 3, Kind::Bayesian).unwrap();
    assert!(matches!(error(b.finish(), [1, 16, 16], 2), TilingError::NoMap(_)));
}

#[test]
fn numbers_of_single_samples_are_made_up_for_tiles() {
    let model = tiled(convolution(), [1, 32, 32], 4);
    let pictures = pictures(1, [1, 32, 32], 2);
    let bytes = || Pictures::Bytes(pictures.view());
    let kept = PredictOptions::new().keep_logits(true);
    assert_eq!(model.predict(bytes(), &kept), Err(PredictError::Tiled));
    assert_eq!(model.trace(bytes(), None, 0), Err(PredictError::Tiled));
    assert!(matches!(model.stream(bytes(), &kept), Err(PredictError::Tiled)));
}
