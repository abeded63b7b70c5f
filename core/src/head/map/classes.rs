//! Maps of classes: each position of a picture has one.
//!
//! Softmax and entropy are those of [classes](crate::head::classes), in f32, with the exponential
//! function and the logarithm of [`single`](crate::head::single), so that they vectorize.

use super::widening::{ONE, Widening, units};
use super::words::Words;
use crate::head::accumulator::{Accumulator, WordsError, add_all, grown, zeros};
use crate::head::classes::MOST_ENTROPY;
use crate::head::exponential::rounded;
use crate::head::fixed::{self, ONE as NAT};
use crate::head::single::{LEAST, exponential, larger, logarithm, surprise};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Positions that are computed together, each in a lane.
const LANES: usize = 16;

/// A number for each position of a tile.
type Lanes = [f32; LANES];

/// Integer sums over the Monte-Carlo samples of one picture with a map of classes.
///
/// # Examples
/// ```
/// use bayes8_core::head::Accumulator;
/// use bayes8_core::head::map::ClassMapSums;
///
/// let mut sums = ClassMapSums::new(2, 3); // 2 positions, 3 classes
/// sums.add(&[2.0, 0.0, -1.0, 0.0, 0.0, 9.0]); // the logits of sample 0
/// sums.add(&[1.5, 0.5, -2.0, 0.0, 1.0, 8.0]); // the logits of sample 1
/// let map = sums.finish();
/// assert_eq!(map.most_likely(), [0, 2]);
/// assert!(map.predictive_entropy[0] > map.predictive_entropy[1]);
/// ```
#[derive(Clone, Debug)]
pub struct ClassMapSums {
    positions: usize,
    classes: usize,
    samples: u64,
    /// Of each position.
    entropies: Vec<i64>,
    /// `[tiles][classes][LANES]`; lanes after the last position mean nothing.
    probabilities: Widening,
    squares: Widening,
}

/// The mean probabilities at each position of a picture and their uncertainty. Entropies and mutual
/// information are in nats. Positions are in the order `[D][H][W]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassMapUncertainty {
    /// Number of Monte-Carlo samples.
    pub samples: u64,
    /// Number of classes.
    pub classes: usize,
    /// Mean probability of each class at each position, `[positions, classes]`.
    pub probabilities: Vec<f32>,
    /// Standard deviation of each probability over the samples, `[positions, classes]`.
    pub std: Vec<f32>,
    /// Total uncertainty of each position: entropy of its mean probabilities.
    pub predictive_entropy: Vec<f32>,
    /// Aleatoric uncertainty of each position: mean of the samples' entropies.
    pub expected_entropy: Vec<f32>,
    /// Epistemic uncertainty of each position: `predictive_entropy - expected_entropy`, at least zero.
    pub mutual_information: Vec<f32>,
}

impl ClassMapUncertainty {
    /// Returns the most likely class of each position; of equally likely ones, the first.
    pub fn most_likely(&self) -> Vec<u16> {
        let most_likely = |probabilities: &[f32]| {
            let more = |best: usize, (class, p): (usize, &f32)| {
                if *p > probabilities[best] { class } else { best }
            };
            // A map has at most 2^16 classes.
            probabilities.iter().enumerate().fold(0, more) as u16
        };
        self.probabilities.chunks_exact(self.classes.max(1)).map(most_likely).collect()
    }

    /// Computes the figures. `sums` has those of the probability and its square for each class of each position.
    fn fill(
        &mut self,
        [positions, classes]: [usize; 2],
        samples: u64,
        entropies: &[i64],
        sums: impl Iterator<Item = (i64, i64)>,
    ) {
        (self.samples, self.classes) = (samples, classes);
        for figures in [&mut self.probabilities, &mut self.std] {
            figures.resize(positions * classes, 0.0);
        }
        let count = samples.max(1) as f64;
        let total = count * f64::from(ONE);
        let figures = self.probabilities.iter_mut().zip(&mut self.std);
        for ((p, std), (probability, square)) in figures.zip(sums) {
            let mean = probability as f64 / total;
            *p = mean as f32;
            *std = fixed::std(square, mean, total) as f32;
        }
        let of_position = self.probabilities.chunks_exact(classes.max(1));
        self.predictive_entropy.clear();
        let entropy = |p: &[f32]| p.iter().fold(0.0, |sum, &p| sum + surprise(p));
        self.predictive_entropy.extend(of_position.map(entropy));
        self.expected_entropy.clear();
        let expected = |&entropy: &i64| (entropy as f64 / (count * NAT)) as f32;
        self.expected_entropy.extend(entropies.iter().map(expected));
        self.mutual_information.clear();
        let both = self.predictive_entropy.iter().zip(&self.expected_entropy);
        self.mutual_information.extend(both.map(|(all, expected)| larger(all - expected, 0.0)));
    }
}

impl ClassMapSums {
    /// Creates sums over `positions` positions with `classes` classes each, without samples.
    ///
    /// # Panics
    /// When there is not enough memory.
    pub fn new(positions: usize, classes: usize) -> Self {
        Self::try_new(positions, classes).expect("memory for the sums of a map")
    }

    /// Creates sums without samples.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub(in crate::head) fn try_new(
        positions: usize,
        classes: usize,
    ) -> Result<Self, TryReserveError> {
        let sums = positions.next_multiple_of(LANES) * classes;
        let entropies = zeros(positions)?;
        let (probabilities, squares) = (Widening::try_new(sums)?, Widening::try_new(sums)?);
        Ok(Self { positions, classes, samples: 0, entropies, probabilities, squares })
    }

    /// Returns the number of positions and of classes. Only sums with the same numbers merge.
    pub fn size(&self) -> [usize; 2] {
        [self.positions, self.classes]
    }

    /// Returns the most bytes of the sums.
    pub(in crate::head) const fn bytes(positions: usize, classes: usize) -> usize {
        let sums = positions.next_multiple_of(LANES) * classes;
        size_of::<i64>() * positions + 2 * sums * (size_of::<u32>() + size_of::<i64>())
    }

    /// Returns the number of words.
    pub(in crate::head) const fn words(positions: usize, classes: usize) -> usize {
        Words::count(positions, positions * classes)
    }

    /// Restores sums from the words of [`Accumulator::to_words`].
    ///
    /// # Errors
    /// [`WordsError`] if no samples can have these sums.
    ///
    /// # Panics
    /// When there is not enough memory.
    pub fn from_words(positions: usize, classes: usize, words: &[i64]) -> Result<Self, WordsError> {
        let words = Words::check(words, positions, MOST_ENTROPY, positions * classes)?;
        let mut sums = Self { samples: words.samples, ..Self::new(positions, classes) };
        sums.entropies.copy_from_slice(words.entropies);
        for position in 0..positions {
            for class in 0..classes {
                let (from, to) = (position * classes + class, sums.index(position, class));
                sums.probabilities.set(to, words.probabilities[from]);
                sums.squares.set(to, words.squares[from]);
            }
        }
        Ok(sums)
    }

    /// Computes the figures of [`Self::from_words`] without making sums first.
    ///
    /// # Errors
    /// Those of [`Self::from_words`].
    pub(in crate::head) fn figures(
        positions: usize,
        classes: usize,
        words: &[i64],
    ) -> Result<ClassMapUncertainty, WordsError> {
        let words = Words::check(words, positions, MOST_ENTROPY, positions * classes)?;
        let mut map = ClassMapUncertainty::default();
        map.fill([positions, classes], words.samples, words.entropies, words.sums());
        Ok(map)
    }

    /// Returns where the sums of a class at a position are.
    fn index(&self, position: usize, class: usize) -> usize {
        (position / LANES * self.classes + class) * LANES + position % LANES
    }

    /// Adds a sample. `numbers(first, tile)` fills `tile` with the logits of the positions from `first`
    /// on.
    #[inline(always)]
    pub(super) fn add_positions(&mut self, mut numbers: impl FnMut(usize, &mut [f32])) {
        self.samples = grown(self.samples, 1);
        let mut tile = alloc::vec![0.0; self.classes * LANES];
        let mut lanes = alloc::vec![[0.0; LANES]; self.classes];
        let size = self.classes * LANES;
        let probabilities = self.probabilities.next().chunks_exact_mut(size);
        let sums = probabilities.zip(self.squares.next().chunks_exact_mut(size));
        let entropies = self.entropies.chunks_mut(LANES).enumerate();
        for ((index, entropies), (probabilities, squares)) in entropies.zip(sums) {
            let tile = &mut tile[..self.classes * entropies.len()];
            numbers(index * LANES, tile);
            load(&mut lanes, tile);
            let found = softmax(&mut lanes);
            for (entropy, h) in entropies.iter_mut().zip(found) {
                *entropy += rounded(f64::from(h) * NAT);
            }
            let sums = probabilities.chunks_exact_mut(LANES).zip(squares.chunks_exact_mut(LANES));
            for (p, (sum, square)) in lanes.iter().zip(sums) {
                for lane in 0..LANES {
                    sum[lane] += units(p[lane]);
                    square[lane] += units(p[lane] * p[lane]);
                }
            }
        }
    }

    /// Makes room for `samples` more samples, which [`Self::add_position`] adds to each position.
    pub(super) fn grow(&mut self, samples: u32) {
        self.samples = grown(self.samples, samples.into());
        self.probabilities.grow(samples);
        self.squares.grow(samples);
    }

    /// Adds the sums at position `from` of `other`, which has few samples, to those at position `to`.
    pub(super) fn add_position(&mut self, to: usize, other: &Self, from: usize) {
        self.entropies[to] += other.entropies[from];
        for class in 0..self.classes {
            let (to, from) = (self.index(to, class), other.index(from, class));
            self.probabilities.add(to, &other.probabilities, from);
            self.squares.add(to, &other.squares, from);
        }
    }

    /// Iterates over positions and classes, position by position.
    fn each(&self) -> impl Iterator<Item = usize> {
        let classes = 0..self.classes;
        let positions = 0..self.positions;
        positions.flat_map(move |position| classes.clone().map(move |c| self.index(position, c)))
    }
}

/// Equal if the sums of all positions are; lanes without a position do not count.
impl PartialEq for ClassMapSums {
    fn eq(&self, other: &Self) -> bool {
        let same = |index| {
            self.probabilities.get(index) == other.probabilities.get(index)
                && self.squares.get(index) == other.squares.get(index)
        };
        (self.size(), self.samples) == (other.size(), other.samples)
            && self.entropies == other.entropies
            && self.each().all(same)
    }
}

impl Accumulator for ClassMapSums {
    type Summary = ClassMapUncertainty;

    fn samples(&self) -> u64 {
        self.samples
    }

    fn clear(&mut self) {
        self.samples = 0;
        self.entropies.fill(0);
        self.probabilities.clear();
        self.squares.clear();
    }

    #[inline(always)]
    fn add(&mut self, logits: &[f32]) {
        assert_eq!(logits.len(), self.positions * self.classes, "one logit per position and class");
        let classes = self.classes;
        self.add_positions(|first, tile| {
            tile.copy_from_slice(&logits[first * classes..][..tile.len()]);
        });
    }

    fn merge(&mut self, other: &Self) {
        assert_eq!(other.size(), self.size(), "maps of the same size");
        self.samples = grown(self.samples, other.samples);
        add_all(&mut self.entropies, &other.entropies);
        self.probabilities.merge(&other.probabilities);
        self.squares.merge(&other.squares);
    }

    /// Returns `[samples, entropies..., probabilities..., squares...]`, position by position.
    fn to_words(&self) -> Vec<i64> {
        let mut words = Vec::with_capacity(Self::words(self.positions, self.classes));
        // At most MAX_SAMPLES.
        words.push(self.samples as i64);
        words.extend(&self.entropies);
        words.extend(self.each().map(|index| self.probabilities.get(index)));
        words.extend(self.each().map(|index| self.squares.get(index)));
        words
    }

    fn finish_into(&self, map: &mut ClassMapUncertainty) {
        let sums = self.each().map(|i| (self.probabilities.get(i), self.squares.get(i)));
        map.fill(self.size(), self.samples, &self.entropies, sums);
    }
}

/// Loads the logits of the positions of a tile, a position to a lane. Lanes without a position are 0.
#[inline(always)]
fn load(tile: &mut [Lanes], logits: &[f32]) {
    let classes = tile.len();
    if logits.len() < classes * LANES {
        tile.fill([0.0; LANES]);
    }
    for (lane, logits) in logits.chunks_exact(classes).enumerate() {
        tile.iter_mut().zip(logits).for_each(|(lanes, &logit)| lanes[lane] = logit);
    }
}

/// Turns the logits of each lane into probabilities. Returns their entropies.
#[inline(always)]
fn softmax(tile: &mut [Lanes]) -> Lanes {
    let mut largest = [f32::NEG_INFINITY; LANES];
    for logits in tile.iter() {
        for lane in 0..LANES {
            largest[lane] = larger(logits[lane], largest[lane]);
        }
    }
    let (mut sum, mut weighted) = ([0.0f32; LANES], [0.0f32; LANES]);
    for logits in tile.iter_mut() {
        for lane in 0..LANES {
            let below = larger(logits[lane] - largest[lane], LEAST);
            let e = exponential(below);
            logits[lane] = e;
            sum[lane] += e;
            weighted[lane] += e * below;
        }
    }
    let mut entropies = [0.0; LANES];
    for lane in 0..LANES {
        let share = 1.0 / sum[lane];
        entropies[lane] = larger(logarithm(sum[lane]) - weighted[lane] * share, 0.0);
        sum[lane] = share;
    }
    for p in tile.iter_mut() {
        for lane in 0..LANES {
            p[lane] *= sum[lane];
        }
    }
    entropies
}
