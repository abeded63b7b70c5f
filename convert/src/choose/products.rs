//! Products of what two draws predict, relative to the mean of the pool.

use super::features::Features;
use super::sites::Kind;
use ndarray::{Array2, Axis, linalg::general_mat_mul};
use rayon::prelude::*;

/// 1 in the units of distances, which are rounded to whole ones.
const ONE: f64 = 16_384.0;

/// The largest distance. Sums of at most 2^16 products of two are below 2^53: f64 holds them exactly, in whatever
/// order they are added.
const MOST: f64 = 131_072.0;

/// Columns that are multiplied together.
const COLUMNS: usize = 512;

/// Rows of a thread at a time.
const ROWS: usize = 128;

/// `[draws][draws]`: the sum over features of the product of two draws' distances from the mean of the pool.
pub(super) struct Products(Array2<f64>);

impl Products {
    /// Sums over the pictures that `takes` names.
    pub(super) fn new(
        features: &Features,
        weights: &Weights,
        takes: impl Fn(usize) -> bool,
    ) -> Self {
        let pool = features.pool();
        let mut sums = Array2::zeros((pool, pool));
        let mut columns: Vec<Vec<f64>> = Vec::new();
        for picture in (0..features.sites().pictures()).filter(|&picture| takes(picture)) {
            for site in features.sites().of_picture() {
                let count = site.kind.features();
                let distances = features.distances(picture, site);
                let factor = ONE * weights.of(&distances, site.kind);
                for feature in 0..count {
                    let column = distances.iter().skip(feature).step_by(count);
                    let rounded = column.map(|x| libm::rint(x * factor).clamp(-MOST, MOST));
                    columns.push(rounded.collect());
                }
                if columns.len() >= COLUMNS {
                    add(&mut sums, &mut columns);
                }
            }
        }
        add(&mut sums, &mut columns);
        Self(sums)
    }

    /// Adds the sums over other pictures.
    pub(super) fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// Whether no draw differs from the mean.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|&x| x == 0.0)
    }

    /// The sums.
    pub(super) fn sums(&self) -> &Array2<f64> {
        &self.0
    }
}

/// Adds the products of columns, and empties these.
fn add(sums: &mut Array2<f64>, columns: &mut Vec<Vec<f64>>) {
    if columns.is_empty() {
        return;
    }
    let pool = sums.nrows();
    let matrix = Array2::from_shape_fn((pool, columns.len()), |(row, column)| columns[column][row]);
    let rows = sums.axis_chunks_iter_mut(Axis(0), ROWS).zip(matrix.axis_chunks_iter(Axis(0), ROWS));
    rows.collect::<Vec<_>>().into_par_iter().for_each(|(mut sums, rows)| {
        general_mat_mul(1.0, &rows, &matrix.t(), 1.0, &mut sums);
    });
    columns.clear();
}

/// Weights of sites, so that a few of which draws disagree most do not decide alone.
pub(super) struct Weights {
    /// The median over sites of classes and labels of the variance of their probabilities.
    median: f64,
}

impl Weights {
    pub(super) fn new(features: &Features) -> Self {
        let sites = features.sites();
        let mut variances = Vec::new();
        for picture in 0..sites.pictures() {
            let of_picture = sites.of_picture().iter();
            for site in of_picture.filter(|site| !matches!(site.kind, Kind::Target(_))) {
                variances.push(variance(&features.distances(picture, site), site.kind));
            }
        }
        variances.sort_unstable_by(f64::total_cmp);
        Self { median: variances.get(variances.len() / 2).copied().unwrap_or(0.0) }
    }

    /// The weight of a site with these distances.
    fn of(&self, distances: &[f64], kind: Kind) -> f64 {
        if matches!(kind, Kind::Target(_)) {
            return 1.0;
        }
        let sum = variance(distances, kind) + self.median;
        if sum > 0.0 { (2.0 * self.median / sum).sqrt() } else { 0.0 }
    }
}

/// The variance of the probabilities of a site, summed over its classes.
fn variance(distances: &[f64], kind: Kind) -> f64 {
    let count = kind.features();
    let rows = distances.chunks(count);
    let squares = rows.map(|row| row[..count - 1].iter().map(|x| x * x).sum::<f64>());
    squares.sum::<f64>() / (distances.len() / count) as f64
}
