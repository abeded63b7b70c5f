//! The files of maps: pictures for people, and arrays with the figures.

use super::images::{Pixels, png, shades};
use super::names;
use super::overlay::{overlay, seen};
use super::palette::Palette;
use crate::atomic_file::Pending;
use anyhow::{Context, bail};
use bayes8_native::core::conformal::ClassSetMap;
use bayes8_native::core::head::Output;
use bayes8_native::core::head::gaussian::TargetUncertainty;
use bayes8_native::core::head::map::{ClassMapUncertainty, LabelMapUncertainty, MapUncertainty};
use bayes8_native::{Model, Pictures};
use ndarray::{ArrayViewD, IxDyn};
use ndarray_npy::{WritableElement, WriteNpyExt};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The most colours of a PNG file.
const MOST_COLOURS: usize = 256;

/// White stands for this share of the largest possible mutual information, and for more.
const WHITE_SHARE: f64 = 0.25;

/// Writes the maps of a batch into a folder.
pub(in crate::commands::predict) struct MapFiles<'a> {
    folder: &'a Path,
    model: &'a Model,
    palette: Palette,
    /// How the names of the files of each picture and each output begin.
    names: Vec<Vec<String>>,
    /// The files that are read, by their real paths: these are not replaced.
    inputs: HashMap<PathBuf, &'a Path>,
}

/// The files of a map.
struct Writer<'a> {
    files: &'a MapFiles<'a>,
    /// How their names begin.
    name: &'a str,
    /// Extents of the map, without leading ones.
    extents: &'a [usize],
    /// Paths of the files that are complete.
    written: Vec<String>,
}

impl<'a> MapFiles<'a> {
    /// Creates the folder. `pictures` are the names of the pictures, and `inputs` the files that are read.
    ///
    /// # Errors
    /// When the folder cannot be made, or no file in it.
    pub(in crate::commands::predict) fn new(
        folder: &'a Path,
        model: &'a Model,
        palette: Palette,
        pictures: &[String],
        inputs: impl Iterator<Item = &'a Path>,
    ) -> anyhow::Result<Self> {
        if folder.exists() && !folder.is_dir() {
            bail!("cannot write to the folder {}: it is a file", folder.display());
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        // Before hours of work are lost.
        tempfile::tempfile_in(folder)
            .with_context(|| format!("cannot write to the folder {}", folder.display()))?;
        let outputs: Vec<&str> =
            model.outputs().iter().map(|output| output.name.as_str()).collect();
        let names = names::unique(pictures, &outputs);
        let real = |input: &'a Path| Some((fs::canonicalize(input).ok()?, input));
        let inputs = inputs.filter_map(real).collect();
        Ok(Self { folder, model, palette, names, inputs })
    }

    /// Writes the files of a map and its prediction sets, those of a picture and an output by their indices.
    /// Returns the paths.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(in crate::commands::predict) fn write(
        &self,
        [picture, output]: [usize; 2],
        pixels: &Pictures<'_, IxDyn>,
        map: &MapUncertainty,
        sets: Option<&ClassSetMap>,
    ) -> anyhow::Result<Vec<String>> {
        let name = &self.names[picture][output];
        let output = &self.model.outputs()[output];
        let extents = output.axes();
        let mut writer = Writer { files: self, name, extents, written: Vec::new() };
        match map {
            MapUncertainty::Classes(map) => writer.classes(pixels, map)?,
            MapUncertainty::Labels(map) => writer.labels(map)?,
            MapUncertainty::Gaussian(map) => writer.targets(map)?,
        }
        if let Some(sets) = sets {
            writer.sets(sets)?;
        }
        Ok(writer.written)
    }
}

/// Whether the classes of a map have more colours than a PNG file.
pub(in crate::commands::predict) fn has_too_many_colours(output: &Output) -> bool {
    output.is_map()
        && output.axes().len() == 2
        && output.head.classes().is_some_and(|classes| classes.count > MOST_COLOURS)
}

impl Writer<'_> {
    fn classes(
        &mut self,
        picture: &Pictures<'_, IxDyn>,
        map: &ClassMapUncertainty,
    ) -> anyhow::Result<()> {
        let classes = map.most_likely();
        let limit = (map.classes as f64).ln();
        let bytes: Option<Vec<u8>> = classes.iter().map(|&class| class.try_into().ok()).collect();
        let bytes = bytes.filter(|_| map.classes <= MOST_COLOURS);
        let flat = <[usize; 2]>::try_from(self.extents).ok();
        match (&bytes, flat) {
            (Some(bytes), Some(size)) => {
                let palette = self.files.palette.first(map.classes);
                self.picture("classes.png", size, Pixels::Indexed(palette), bytes)?;
            }
            (Some(bytes), None) => self.array("classes.npy", bytes, &[])?,
            (None, _) => self.array("classes.npy", &classes, &[])?,
        }
        if let Some(size) = flat {
            let total = shades(&map.predictive_entropy, limit);
            self.picture("uncertainty.png", size, Pixels::Gray, &total)?;
            let epistemic = shades(&map.mutual_information, WHITE_SHARE * limit);
            self.picture("mutual_information.png", size, Pixels::Gray, &epistemic)?;
            self.overlay(picture, map, &classes, size)?;
        }
        self.array("predictive_entropy.npy", &map.predictive_entropy, &[])?;
        self.array("mutual_information.npy", &map.mutual_information, &[])
    }

    /// Writes the picture with the colours of its classes, if it is one for people.
    fn overlay(
        &mut self,
        picture: &Pictures<'_, IxDyn>,
        map: &ClassMapUncertainty,
        classes: &[u16],
        map_size: [usize; 2],
    ) -> anyhow::Result<()> {
        let input = self.files.model.input();
        if input.depth != 1 || !matches!(input.channels, 1 | 3) {
            return Ok(());
        }
        let size = [input.height, input.width];
        let seen = seen(picture, self.files.model.quantized().preprocessing());
        let rgb = overlay(&seen, size, map, classes, map_size, &self.files.palette);
        self.picture("overlay.png", size, Pixels::Rgb, &rgb)
    }

    fn sets(&mut self, map: &ClassSetMap) -> anyhow::Result<()> {
        if let Ok(size) = <[usize; 2]>::try_from(self.extents) {
            let sizes: Vec<f32> = map.sizes().map(|size| size as f32).collect();
            let sizes = shades(&sizes, map.classes as f64);
            self.picture("set_size.png", size, Pixels::Gray, &sizes)?;
        }
        self.array("set.npy", &map.members, &[map.classes])
    }

    fn labels(&mut self, map: &LabelMapUncertainty) -> anyhow::Result<()> {
        self.array("probabilities.npy", &map.probabilities, &[map.labels])?;
        self.array("mutual_information.npy", &map.mutual_information, &[map.labels])
    }

    fn targets(&mut self, map: &TargetUncertainty) -> anyhow::Result<()> {
        let positions: usize = self.extents.iter().product();
        let single = |figures: &[f64]| figures.iter().map(|&x| x as f32).collect::<Vec<_>>();
        let all = [("mean", &map.mean), ("std", &map.std), ("epistemic_std", &map.epistemic_std)];
        for (name, figures) in all {
            let last = [figures.len() / positions];
            self.array(&format!("{name}.npy"), &single(figures), &last)?;
        }
        Ok(())
    }

    fn picture(
        &mut self,
        end: &str,
        size: [usize; 2],
        pixels: Pixels<'_>,
        data: &[u8],
    ) -> anyhow::Result<()> {
        let complaint = || format!("cannot make {}.{end}", self.name);
        let file = png(size, pixels, data).with_context(complaint)?;
        self.file(end, &file)
    }

    /// Writes an array with the extents of the map and `more` extents.
    fn array<T: WritableElement>(
        &mut self,
        end: &str,
        elements: &[T],
        more: &[usize],
    ) -> anyhow::Result<()> {
        let complaint = || format!("cannot make {}.{end}", self.name);
        let extents = [self.extents, more].concat();
        let array = ArrayViewD::from_shape(extents, elements).with_context(complaint)?;
        let mut file = Vec::new();
        array.write_npy(&mut file).with_context(complaint)?;
        self.file(end, &file)
    }

    fn file(&mut self, end: &str, contents: &[u8]) -> anyhow::Result<()> {
        let path = self.files.folder.join(format!("{}.{end}", self.name));
        let replaced = fs::canonicalize(&path).ok();
        let read = replaced.and_then(|real| self.files.inputs.get(&real).copied());
        let pending = Pending::create(&path, read.as_slice())?;
        pending.write(contents)?;
        pending.commit()?;
        self.written.push(path.to_string_lossy().into_owned());
        Ok(())
    }
}
