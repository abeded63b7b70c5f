//! Calibration methods and bias correction side by side, on a model of the folder `BAYES8_SHARED`:
//! INT8 against the FP32 results that the training framework recorded.
//!
//! `BAYES8_SHARED=FOLDER cargo run --release -p bayes8-evaluate --example methods -- MODEL SAMPLES [7]`

use std::time::Instant;

use bayes8_convert::HeadDetails;
use bayes8_convert::bias_correction::BiasCorrection;
use bayes8_convert::calibrate::{Observations, RangeMethod, WEIGHT_SAMPLES};
use bayes8_convert::conversion::{ConversionOptions, convert};
use bayes8_core::numerics::ActivationBits;

#[allow(dead_code, reason = "an example uses a part")]
#[path = "../tests/suite/trained.rs"]
mod trained;

use trained::{Comparison, Predictions, Trained};

const METHODS: [RangeMethod; 5] = [
    RangeMethod::MinMax,
    RangeMethod::Percentile(99.99),
    RangeMethod::Percentile(99.999),
    RangeMethod::Mse,
    RangeMethod::Entropy,
];

fn main() {
    let Some(shared) = trained::shared("methods") else { return };
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of a model");
    let samples = arguments.next().expect("a number of samples").parse().expect("a number");
    let bits = match arguments.next().as_deref() {
        Some("7") => ActivationBits::Seven,
        _ => ActivationBits::Eight,
    };
    let trained = Trained::load(&shared, &name);
    let start = Instant::now();
    let pictures = || trained.calibration.view();
    let outputs = trained.network.heads(&HeadDetails::default()).unwrap();
    let observations =
        Observations::new(&trained.network, &outputs, pictures(), WEIGHT_SAMPLES, 0, || ())
            .unwrap();
    println!("{name}: calibration took {:.1} s", start.elapsed().as_secs_f64());
    println!("{:18} {:4} {}  logit error", "method", "bias", Comparison::HEADER);
    for method in METHODS {
        for bias_correction in [BiasCorrection::Off, BiasCorrection::On] {
            let options = ConversionOptions::new()
                .method(method)
                .activation_bits(bits)
                .bias_correction(bias_correction);
            let converted =
                convert(&trained.network, pictures(), &observations, trained.details(), &options)
                    .unwrap();
            let int8 = Predictions::of(converted.model, &trained.test, samples);
            let comparison = Comparison::new(&trained.recorded, &int8, &trained.labels);
            let bias = if converted.correction.is_some() { "on" } else { "off" };
            print!("{:18} {bias:4} {}", method.to_string(), comparison.row());
            match converted.correction {
                Some(c) => println!(
                    "  {:.5} -> {:.5}, gain {:.1} standard errors",
                    c.error_without, c.error_with, c.gain_over_standard_error
                ),
                None => println!(),
            }
        }
    }
}
