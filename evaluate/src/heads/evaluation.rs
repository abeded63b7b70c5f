//! A whole evaluation of any head, from files to a report.

use bayes8_convert::Inputs;
use bayes8_convert::pictures;
use bayes8_convert::progress::Observer;
use bayes8_native::Model;

use super::examples::Examples;
use super::measure::{Measured, measure};
use super::report::{Evaluation, HeadPeer, HeadReport};
use super::verdicts::verdicts;
use crate::candidate::{Candidate, Engine};
use crate::conformal::ConformalReport;
use crate::error::EvaluateError;
use crate::evaluation::Options;
use crate::maps::picture::Picture;
use crate::provenance::Provenance;
use crate::randomness::RandomnessReport;
use crate::report::Fp32Noise;
use crate::selected::Selected;

impl Options {
    /// Measures an output of `model` with any head, and its peers. `observer` sees the progress.
    ///
    /// # Errors
    /// [`EvaluateError`], which names the file.
    pub fn evaluate(
        &self,
        model: &Model,
        observer: Observer<'_>,
    ) -> Result<Evaluation, EvaluateError> {
        let output = Selected::find(model.outputs(), self.output.as_deref())?;
        match output.head.classes() {
            Some(_) if !output.is_map() => {
                Ok(Evaluation::Classes(Box::new(self.run(model, observer)?)))
            }
            _ => Ok(Evaluation::Head(Box::new(self.run_head(model, &output, observer)?))),
        }
    }

    /// Measures targets, labels or maps.
    fn run_head(
        &self,
        model: &Model,
        output: &Selected,
        observer: Observer<'_>,
    ) -> Result<HeadReport, EvaluateError> {
        let head = output.head.name();
        self.check_map(output)?;
        for (what, is_given) in [
            ("a set of corrupted pictures", self.drift.is_some()),
            ("a file of recorded predictions", self.golden.is_some()),
        ] {
            if is_given {
                return Err(EvaluateError::OnlyClasses { what, head });
            }
        }
        let (samples, seed) = (self.samples.unwrap_or_else(|| model.default_samples()), self.seed);
        let fp32_samples = self.fp32.as_ref().and_then(|fp32| fp32.samples).unwrap_or(samples);
        if fp32_samples != samples {
            return Err(EvaluateError::Fp32Samples { fp32: fp32_samples, int8: samples, head });
        }
        let (quantized, shape) = (model.quantized(), model.input());
        if self.fp32.is_some() && shape != quantized.graph().input() {
            return Err(EvaluateError::Fp32Tiles);
        }
        let examples = Examples::load(&self.data, self.open, shape, output, self.ignore_index)?;
        let unknown = match &self.ood {
            Some(path) => {
                let inputs = Inputs::read(path, pictures::open(path, self.open)?)?;
                inputs.check(path, shape)?;
                Some((path.clone(), inputs))
            }
            None => None,
        };
        let fp32 = self.load_fp32(quantized, observer)?;
        let noise = match &fp32 {
            Some((fp32, network)) => Some(fp32.common_noise(network, quantized, &self.model)?),
            None => None,
        };

        let conformal =
            self.measure_conformal(model, output, Some(&examples), samples, observer)?;
        let mut run = |engine| {
            let candidate = Candidate { engine, output };
            measure(&candidate, &examples, unknown.as_ref(), samples, seed, observer)
        };
        let Measured { figures, seconds } = run(Engine::Int8(model, self.machine.clone()))?;
        let fp32 = match &fp32 {
            Some((fp32, network)) => {
                let noise = noise.filter(|_| fp32.noise == Fp32Noise::Int8);
                let measured = run(Engine::Fp32(network, quantized, noise))?;
                let agreement = figures.agreement(&measured.figures);
                let Measured { figures, seconds } = measured;
                Some(HeadPeer { figures, noise: fp32.noise, seconds, agreement })
            }
            None => None,
        };
        let mut report = HeadReport {
            model_digest: model.digest().to_string(),
            output: output.name.clone(),
            head,
            randomness: RandomnessReport::new(&quantized.randomness()),
            int8: figures,
            fp32,
            examples: examples.inputs.count(),
            ignore_index: self.ignore_index,
            samples,
            seed,
            kernel: model.kernel(),
            threads: model.threads(),
            seconds,
            provenance: Provenance::new(self.command.clone(), &self.files(), self.open)?,
            conformal,
            thresholds: Vec::new(),
            model: quantized.clone(),
            pictures: match output.is_map() {
                true => self.shown(&examples),
                false => Vec::new(),
            },
            truth: examples.truth,
        };
        report.thresholds = verdicts(&report, &self.thresholds);
        report.thresholds.extend(report.conformal.iter().flat_map(ConformalReport::verdicts));
        Ok(report)
    }

    /// Checks that `output` is a map of classes if it is a map, and that these options are for it.
    fn check_map(&self, output: &Selected) -> Result<(), EvaluateError> {
        let name = || output.name.clone();
        if !output.is_map() {
            return match self.ignore_index {
                Some(_) => Err(EvaluateError::OnlyMaps { what: "an ignore index", output: name() }),
                None => Ok(()),
            };
        }
        if output.head.classes().is_none() {
            return Err(EvaluateError::MapHead { output: name(), head: output.head.name() });
        }
        let parts = [
            ("a set of corrupted pictures", self.drift.is_some()),
            ("a file of recorded predictions", self.golden.is_some()),
            ("a set of another distribution", self.ood.is_some()),
        ];
        match parts.into_iter().find(|(_, is_given)| *is_given) {
            Some((what, _)) => Err(EvaluateError::NotForMaps { what, output: name() }),
            None => Ok(()),
        }
    }

    /// The inputs to show, if they are pictures.
    fn shown(&self, examples: &Examples) -> Vec<Picture> {
        let shown = 0..self.shown_pictures.min(examples.inputs.count());
        shown.filter_map(|index| Picture::of_input(&examples.inputs, index)).collect()
    }
}
