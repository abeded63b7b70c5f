//! The estimate for one picture.

use crate::executor::OutOfMemory;
use crate::head::map::MapSums;
use crate::head::{Output, Sums};
use alloc::{sync::Arc, vec::Vec};

/// The sums over the samples of one picture so far, one for each output of the model, and the
/// numbers of the samples for which they were kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    outputs: Arc<[Output]>,
    sums: Vec<Sums>,
    numbers: Vec<f32>,
}

impl Estimate {
    /// Creates an estimate without samples.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(outputs: &Arc<[Output]>) -> Result<Self, OutOfMemory> {
        let mut sums = Vec::new();
        sums.try_reserve_exact(outputs.len())?;
        for output in outputs.iter() {
            sums.push(output.accumulator()?);
        }
        Ok(Self { outputs: Arc::clone(outputs), sums, numbers: Vec::new() })
    }

    /// Forgets all samples and starts a new estimate for `outputs`, reusing the memory.
    ///
    /// # Errors
    /// [`OutOfMemory`], but only if the outputs change; the estimate is unchanged then.
    pub fn reset(&mut self, outputs: &Arc<[Output]>) -> Result<(), OutOfMemory> {
        if !Arc::ptr_eq(&self.outputs, outputs) && self.outputs != *outputs {
            *self = Self::new(outputs)?;
        }
        self.sums.iter_mut().for_each(Sums::clear);
        self.numbers.clear();
        Ok(())
    }

    /// Returns how many numbers a sample has: those of all outputs.
    pub fn numbers_per_sample(&self) -> usize {
        self.outputs.iter().map(Output::numbers).sum()
    }

    /// Reserves memory for the numbers of `samples` more samples.
    ///
    /// # Errors
    /// [`OutOfMemory`]; the estimate is unchanged.
    pub fn reserve(&mut self, samples: usize) -> Result<(), OutOfMemory> {
        Ok(self.numbers.try_reserve(samples.saturating_mul(self.numbers_per_sample()))?)
    }

    /// Adds the numbers of one sample, those of all outputs one after the other, and keeps them if
    /// `keep`.
    ///
    /// # Panics
    /// When there are other numbers than the outputs have, or the sums are full already
    /// ([`Sums::add`]).
    pub fn add(&mut self, numbers: &[f32], keep: bool) {
        self.add_with(numbers, keep, MapSums::add);
    }

    /// Does what [`Self::add`] does, with a function that adds to maps
    /// ([`Backend::add_to_map`](crate::backend::Backend::add_to_map)).
    ///
    /// # Panics
    /// Those of [`Self::add`].
    pub fn add_with(
        &mut self,
        numbers: &[f32],
        keep: bool,
        add_to_map: impl Fn(&mut MapSums, &[f32]),
    ) {
        let add = |sums: &mut Sums, numbers: &[f32]| match sums {
            Sums::Map(sums) => add_to_map(sums, numbers),
            sums => sums.add(numbers),
        };
        if let [only] = &mut self.sums[..] {
            add(only, numbers);
        } else {
            let mut rest = numbers;
            for (output, sums) in self.outputs.iter().zip(&mut self.sums) {
                let (own, after) = rest.split_at(output.numbers());
                add(sums, own);
                rest = after;
            }
        }
        if keep {
            self.numbers.extend_from_slice(numbers);
        }
    }

    /// Adds the samples of `later`, and appends the numbers that it kept.
    ///
    /// # Panics
    /// When the outputs differ, or the two have too many samples together ([`Sums::merge`]).
    pub fn merge(&mut self, later: &Self) {
        assert_eq!(self.sums.len(), later.sums.len(), "the same outputs");
        self.sums.iter_mut().zip(&later.sums).for_each(|(sums, later)| sums.merge(later));
        self.numbers.extend_from_slice(&later.numbers);
    }

    /// Makes room in the maps for `samples` more samples, which [`Self::add_tile`] adds to each position.
    ///
    /// # Panics
    /// When they are too many.
    pub fn grow(&mut self, samples: u32) {
        self.maps_mut().for_each(|sums| sums.grow(samples));
    }

    /// Adds samples of a tile to the maps. `positions` returns for each output the positions that the samples take from
    /// the tile ([`Tiling::positions`](crate::tiling::Tiling::positions)).
    ///
    /// # Panics
    /// When the outputs differ, or the tile has more than 255 samples.
    pub fn add_tile<P: Iterator<Item = (usize, usize)>>(
        &mut self,
        tile: &Self,
        positions: impl Fn(usize) -> P,
    ) {
        for ((output, sums), tile) in self.maps_mut().enumerate().zip(&tile.sums) {
            let Sums::Map(tile) = tile else { panic!("outputs that are maps") };
            sums.add_part(tile, positions(output));
        }
    }

    /// Iterates over the sums of outputs that are all maps.
    fn maps_mut(&mut self) -> impl Iterator<Item = &mut MapSums> {
        self.sums.iter_mut().map(|sums| match sums {
            Sums::Map(sums) => sums,
            _ => panic!("outputs that are maps"),
        })
    }

    /// Returns the outputs of the model, at least one.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Returns the integer sums over the samples, for each output.
    pub fn sums(&self) -> &[Sums] {
        &self.sums
    }

    /// Returns the numbers that were kept, `[samples, numbers of all outputs]`, in the order in which
    /// they were added.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    /// Forgets the numbers that were kept and frees their memory. The sums are unchanged.
    pub fn forget_numbers(&mut self) {
        self.numbers = Vec::new();
    }
}
