//! Inputs that are larger than a network's, predicted tile by tile.
//!
//! Tiles have the size of the network's input and overlap. Every sample takes each position of a map from one tile. Where two
//! tiles overlap, the border between them depends on the sample, so that the sums over samples blend the tiles,
//! weighted by whole numbers of samples.

use crate::counts::counted;
use crate::graph::{MAX_ELEMENTS, Shape};
use crate::head::Output;
use crate::model::QuantizedModel;
use crate::quoted::Echo;
use crate::session::SampleRange;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use thiserror::Error;

/// Samples in a row with the same borders between tiles.
const SAMPLES: u32 = 4;

/// The borders between tiles take this number of places.
const PLACES: u32 = 8;

/// A division of inputs into overlapping tiles, each as large as the input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiling {
    input: Shape,
    /// Of planes, rows and columns of the input.
    axes: [Axis; 3],
    /// The outputs, with all positions of the input.
    outputs: Arc<[Output]>,
    /// The planes, rows and columns of each output.
    maps: Vec<[Axis; 3]>,
}

/// How tiles cover an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    /// The whole extent.
    extent: usize,
    /// The extent of a tile.
    tile: usize,
    /// How much neighbouring tiles overlap at least.
    overlap: usize,
}

/// Why a network cannot predict inputs in tiles.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TilingError {
    /// An output that is not a map.
    #[error("output `{}` is not a map: only maps can be predicted in tiles", Echo(.0))]
    NoMap(String),
    /// Inputs that are smaller than a tile, or too large.
    #[error(
        "inputs of {found:?} planes, rows and columns cannot be divided into tiles of {tile}: they must be at \
         least as large, and have at most 2^26 elements"
    )]
    Size {
        /// Planes, rows and columns of the inputs.
        found: [usize; 3],
        /// Shape of a tile.
        tile: Shape,
    },
    /// A map with too many numbers.
    #[error(
        "output `{output}` would have {positions:?} positions with {}: at most 2^26 numbers are possible; divide \
         the input and predict its parts", counted(*count, "number"), output = Echo(output)
    )]
    Map {
        /// The output.
        output: String,
        /// Its planes, rows and columns.
        positions: [usize; 3],
        /// The numbers at each position.
        count: usize,
    },
    /// Tiles that overlap too much.
    #[error("tiles of {tile} cannot overlap by {overlap}: more than half of an axis")]
    Overlap {
        /// Shape of a tile.
        tile: Shape,
        /// The overlap.
        overlap: usize,
    },
    /// A map whose positions would not match the tiles.
    #[error(
        "output `{output}` has {positions:?} positions for a tile of {tile}: the input and the overlap must make \
         whole numbers of positions, too", output = Echo(output)
    )]
    Positions {
        /// The output.
        output: String,
        /// Its planes, rows and columns for a tile.
        positions: [usize; 3],
        /// Shape of a tile.
        tile: Shape,
    },
}

impl Tiling {
    /// Divides inputs with `size` planes, rows and columns into tiles of the size that `model` takes. Along each axis
    /// with more than one element, neighbours overlap by `overlap`, and the last one by as much as is left.
    ///
    /// # Errors
    /// [`TilingError`].
    pub fn new(
        model: &QuantizedModel,
        size: [usize; 3],
        overlap: usize,
    ) -> Result<Self, TilingError> {
        let tile = model.graph().input();
        let [depth, height, width] = size;
        let input = Shape { depth, height, width, ..tile };
        let fits = |(&extent, tile): (&usize, usize)| extent >= tile && (tile > 1 || extent == 1);
        let is_large = size.iter().zip(tile.axes()).all(fits);
        if !is_large || input.checked().is_none() {
            return Err(TilingError::Size { found: size, tile });
        }
        if tile.axes().iter().any(|&extent| extent > 1 && overlap > extent / 2) {
            return Err(TilingError::Overlap { tile, overlap });
        }
        let axes = [0, 1, 2].map(|axis| {
            let (extent, tile) = (size[axis], tile.axes()[axis]);
            Axis { extent, tile, overlap: if tile > 1 { overlap } else { 0 } }
        });
        let mut maps = Vec::new();
        let mut outputs = Vec::new();
        for output in model.outputs() {
            if !output.is_map() {
                return Err(TilingError::NoMap(output.name.clone()));
            }
            let (name, positions) = (output.name.clone(), output.positions);
            let [planes, rows, columns] = [0, 1, 2].map(|axis| axes[axis].scaled(positions[axis]));
            let error = || TilingError::Positions { output: name, positions, tile };
            let (Some(planes), Some(rows), Some(columns)) = (planes, rows, columns) else {
                return Err(error());
            };
            let map = [planes, rows, columns];
            let positions = map.map(|axis| axis.extent);
            let numbers =
                positions.iter().try_fold(output.head.outputs(), |n, &e| n.checked_mul(e));
            if numbers.is_none_or(|numbers| numbers > MAX_ELEMENTS) {
                let (output, count) = (output.name.clone(), output.head.outputs());
                return Err(TilingError::Map { output, positions, count });
            }
            maps.push(map);
            // Sets and intervals were calibrated for inputs of the size of a tile.
            let conformal = output.conformal.clone().filter(|_| size == tile.axes());
            outputs.push(Output { positions, resize: None, conformal, ..output.clone() });
        }
        Ok(Self { input, axes, outputs: outputs.into(), maps })
    }

    /// Returns the shape of the inputs.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// Returns the outputs, with all positions of the inputs.
    pub fn outputs(&self) -> &Arc<[Output]> {
        &self.outputs
    }

    /// Returns the number of tiles.
    pub fn count(&self) -> usize {
        self.axes.iter().map(Axis::count).product()
    }

    /// Appends the elements of tile `tile` of an input `[planes of codes][D][H][W][C]` to `codes`.
    pub fn cut(&self, input: &[u8], tile: usize, codes: &mut Vec<u8>) {
        let index = self.index(tile);
        let [depths, rows, columns] = [0, 1, 2].map(|axis| {
            let start = self.axes[axis].start(index[axis]);
            start..start + self.axes[axis].tile
        });
        let Shape { height, width, channels, .. } = self.input;
        for plane in input.chunks_exact(self.input.elements()) {
            for depth in depths.clone() {
                for row in rows.clone() {
                    let line = (depth * height + row) * width;
                    codes.extend(
                        &plane[(line + columns.start) * channels..(line + columns.end) * channels],
                    );
                }
            }
        }
    }

    /// Divides a range of samples into ranges in which the borders between tiles stay.
    pub fn ranges(&self, samples: SampleRange) -> impl Iterator<Item = SampleRange> + use<> {
        samples.aligned_chunks(SAMPLES)
    }

    /// Iterates over the positions that samples take from tile `tile` for an output: the position in the whole map, and
    /// the one in the tile's. `sample` is the first of a range of [`Self::ranges`].
    pub fn positions(
        &self,
        output: usize,
        tile: usize,
        sample: u32,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let map = self.maps[output];
        let index = self.index(tile);
        let place = sample / SAMPLES % PLACES;
        let [planes, rows, columns] = [0, 1, 2].map(|axis| map[axis].part(index[axis], place));
        let starts = [0, 1, 2].map(|axis| map[axis].start(index[axis]));
        let at = |[z, y, x]: [usize; 3], [height, width]: [usize; 2]| (z * height + y) * width + x;
        planes.flat_map(move |z| {
            let columns = columns.clone();
            rows.clone().flat_map(move |y| {
                columns.clone().map(move |x| {
                    let whole = at([z, y, x], [map[1].extent, map[2].extent]);
                    let own = [z - starts[0], y - starts[1], x - starts[2]];
                    (whole, at(own, [map[1].tile, map[2].tile]))
                })
            })
        })
    }

    /// Returns the indices of a tile along the axes.
    fn index(&self, tile: usize) -> [usize; 3] {
        let [_, rows, columns] = self.axes.map(|axis| axis.count());
        [tile / columns / rows, tile / columns % rows, tile % columns]
    }
}

impl Axis {
    /// Returns the axis of a map that has `tile` positions for a tile; `None` if the rest would not be whole.
    fn scaled(&self, tile: usize) -> Option<Self> {
        let scaled = |extent: usize| {
            let product = extent as u64 * tile as u64;
            let is_whole = product.is_multiple_of(self.tile as u64);
            is_whole.then_some((product / self.tile as u64) as usize)
        };
        Some(Self { extent: scaled(self.extent)?, tile, overlap: scaled(self.overlap)? })
    }

    /// Returns the step between neighbouring tiles.
    fn step(&self) -> usize {
        self.tile - self.overlap
    }

    /// Returns the number of tiles.
    fn count(&self) -> usize {
        (self.extent - self.overlap).div_ceil(self.step()).max(1)
    }

    /// Returns the first element of tile `index`. The last tile ends with the axis.
    fn start(&self, index: usize) -> usize {
        (index * self.step()).min(self.extent - self.tile)
    }

    /// Returns the elements that belong to tile `index` if borders have place `place` of [`PLACES`].
    fn part(&self, index: usize, place: u32) -> Range<usize> {
        // The middle half of the overlap, in an order that spreads few places well.
        let turned = place.reverse_bits() >> (u32::BITS - PLACES.ilog2());
        let part = (2 * turned + 1) as usize;
        let offset = self.overlap / 4 + self.overlap / 2 * part / (2 * PLACES as usize);
        let border = |index: usize| match index {
            0 => 0,
            index if index == self.count() => self.extent,
            index => index * self.step() + offset,
        };
        border(index)..border(index + 1)
    }
}
