//! A vector file under construction, and the seeds and samples of the vectors.

use crate::case::Case;
use crate::check::Implementation;
use crate::models::Random;
use crate::reference::REFERENCE;
use crate::repository;
use crate::vectors::{
    Expected, ExpectedNode, ModelFile, Pictures, VERSION, Vector, VectorFile, to_base64,
};
use bayes8_core::format::{self, DIGEST_KEY};
use bayes8_core::model::{QuantizedModel, Values};
use bayes8_core::posterior::MAX_SAMPLES;
use std::sync::Arc;

/// Seeds: 0, small ones, one with bits in both halves, the largest.
pub(super) const SEEDS: [u64; 5] = [0, 1, 7, 0x0123_4567_89ab_cdef, u64::MAX];

/// First sample, and the one after the last: from the beginning, later ones, the very last.
pub(super) const SAMPLES: [[u32; 2]; 3] = [[0, 4], [5, 9], [MAX_SAMPLES - 3, MAX_SAMPLES]];

/// A vector file to which models, pictures and vectors are added.
pub(super) struct Draft {
    file: VectorFile,
}

impl Draft {
    pub(super) fn new(name: &str, about: &str) -> Self {
        Self {
            file: VectorFile {
                version: VERSION,
                group: name.into(),
                about: about.into(),
                key_streams: Vec::new(),
                models: Default::default(),
                pictures: Default::default(),
                vectors: Vec::new(),
            },
        }
    }

    /// Adds a model.
    ///
    /// # Panics
    /// If it does not fit a file, or if its name is taken.
    pub(super) fn model(&mut self, name: &str, model: &QuantizedModel) {
        let bytes = format::write(model).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Conformal predictors come only with a digest.
        let bytes = match model.outputs().iter().any(|output| output.conformal.is_some()) {
            true => bytes,
            false => without_digest(&bytes),
        };
        self.model_file(name, ModelFile::Inline { base64: to_base64(&bytes) });
    }

    pub(super) fn model_file(&mut self, name: &str, file: ModelFile) {
        let taken = self.file.models.insert(name.into(), file);
        assert!(taken.is_none(), "two models `{name}`");
    }

    pub(super) fn pictures(&mut self, name: &str, pictures: Pictures) {
        self.file.pictures.insert(name.into(), pictures);
    }

    /// Adds random pictures, one of zeros and one of 255.
    pub(super) fn varied_pictures(&mut self, name: &str, random: usize, elements: usize) {
        let mut bytes = Random::new(elements as u64).bytes(random * elements);
        bytes.resize((random + 1) * elements, 0);
        bytes.resize((random + 2) * elements, 255);
        self.pictures(name, Pictures::Bytes { count: random + 2, base64: to_base64(&bytes) });
    }

    /// Adds a vector with the results of the reference.
    ///
    /// # Panics
    /// If the model or the pictures are missing or do not fit each other.
    pub(super) fn vector(&mut self, model: &str, pictures: &str, seed: u64, samples: [u32; 2]) {
        self.vector_of(model, pictures, Some(seed), samples);
    }

    /// Adds a vector with chosen draws.
    ///
    /// # Panics
    /// If the model has none, or those of [`Self::vector`].
    pub(super) fn chosen(&mut self, model: &str, pictures: &str, samples: [u32; 2]) {
        self.vector_of(model, pictures, None, samples);
    }

    fn vector_of(&mut self, model: &str, pictures: &str, seed: Option<u64>, samples: [u32; 2]) {
        let unknown = Expected(String::new());
        let [first, end] = samples;
        let draws = seed.map_or("chosen draws".into(), |seed| format!("seed {seed}"));
        let mut vector = Vector {
            name: format!("{model}, {pictures}, {draws}, samples {first}..{end}"),
            model: model.into(),
            pictures: pictures.into(),
            seed,
            samples,
            logits: unknown.clone(),
            sums: unknown.clone(),
            uncertainty: unknown,
            trace: Vec::new(),
        };
        let failed = |error| panic!("{}: {error}", vector.name);
        let bytes = self.file.models[model].bytes(&repository()).unwrap_or_else(failed);
        let set = &self.file.pictures[pictures];
        let reference = REFERENCE;
        let case = Case {
            name: vector.name.clone(),
            model: bytes.into(),
            count: set.count(),
            pictures: Arc::from(set.bytes().unwrap_or_else(failed)),
            vector: vector.clone(),
        };
        let outcome = reference.run(&case).unwrap_or_else(|error| panic!("{error}"));
        let trace = reference.trace(&case, first).unwrap_or_else(|error| panic!("{error}"));
        vector.logits = Expected::new(&outcome.logits);
        vector.sums = Expected::new(&outcome.sums);
        vector.uncertainty = Expected::new(&outcome.uncertainty);
        for node in trace {
            let output = Expected::new(&node.bytes);
            vector.trace.push(ExpectedNode { node: node.node, output });
        }
        self.file.vectors.push(vector);
    }

    /// Adds random numbers, most of which have codes that are not the first or the last, zeros, and
    /// numbers beyond both ends.
    fn varied_numbers(&mut self, name: &str, elements: usize) {
        let mut random = Random::new(elements as u64);
        let mut numbers: Vec<f32> = (0..3 * elements).map(|_| random.real(-4.0, 4.0)).collect();
        numbers.resize(4 * elements, 0.0);
        numbers.extend((0..elements).map(|i| if i % 2 == 0 { 1e30 } else { -1e30 }));
        let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        self.pictures(name, Pictures::Bytes { count: 5, base64: to_base64(&bytes) });
    }

    /// Adds a model and a vector over random pictures, one of zeros and one of 255. Returns the name
    /// of the pictures.
    ///
    /// # Panics
    /// If the model does not fit a file, or if its name is taken.
    pub(super) fn model_and_vector(&mut self, name: &str, model: &QuantizedModel) -> String {
        self.model(name, model);
        let elements = model.graph().input().elements();
        let pictures = match model.preprocessing().values {
            Values::Bytes => format!("{elements} bytes"),
            Values::Numbers => format!("{elements} numbers"),
        };
        match model.preprocessing().values {
            Values::Bytes => self.varied_pictures(&pictures, 3, elements),
            Values::Numbers => self.varied_numbers(&pictures, elements),
        }
        self.next_vector(name, &pictures);
        pictures
    }

    /// Adds a vector with the next combination of seed and samples.
    pub(super) fn next_vector(&mut self, model: &str, pictures: &str) {
        let number = self.file.vectors.len();
        self.vector(model, pictures, SEEDS[number % SEEDS.len()], SAMPLES[number % SAMPLES.len()]);
    }

    pub(super) fn finish(self) -> VectorFile {
        self.file
    }
}

/// The model file without its digest, as files were once written. Readers must still accept such
/// files, and the vectors stay unchanged.
fn without_digest(file: &[u8]) -> Vec<u8> {
    const WRITTEN: &str = "a model file with a digest";
    let (length, rest) = file.split_first_chunk().expect(WRITTEN);
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = std::str::from_utf8(header).expect(WRITTEN).trim_end();
    let (description, digest) =
        header.split_once(&format!("\",\"{DIGEST_KEY}\":\"")).expect(WRITTEN);
    let (_, tensors) = digest.split_once('"').expect(WRITTEN);
    let description = description.trim_end();
    // The data begins at a multiple of 8.
    let aligned = |spaces: usize| {
        let header = format!("{description}{:spaces$}\"{tensors}", "");
        format!("{header:width$}", width = header.len().next_multiple_of(8))
    };
    let header = aligned(0);
    // Readers refuse a header that is too crowded, so white space may follow the description.
    let items = header.matches(',').count();
    let missing = if items > 1024 { (8 * items).saturating_sub(header.len()) } else { 0 };
    let header = aligned(missing);
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}
