//! Arguments that several commands take.

use anyhow::anyhow;
use bayes8_native::core::limits::Limits;
use bayes8_native::core::posterior::MAX_SAMPLES;
use bayes8_native::{Isa, LoadError, ModelOptions, Threads};
use bytesize::ByteSize;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

/// Which weights to draw.
#[derive(Args)]
pub(crate) struct Sampling {
    /// Monte-Carlo samples: how often each picture is predicted, each time with other weights
    /// [default: one for each member of an ensemble in which nothing else varies; otherwise 32, rounded
    /// up to a multiple of the members]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    #[arg(value_parser = sample_count())]
    pub(crate) samples: Option<u32>,

    /// Seed of the weights; the same seed gives the same result, bit for bit, on every machine [default: 0]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    #[arg(value_parser = seed())]
    pub(crate) seed: Option<u64>,
}

impl Sampling {
    /// The seed, or the one by default.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }
}

/// Inputs of another size.
#[derive(Args, Clone, Copy)]
pub(crate) struct InputSize {
    /// Size of inputs, such as 384x512 [rows x columns], if the network fits others than that of the model file:
    /// planes x rows x columns of volumes, and the length of sequences
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = extents)]
    pub(crate) input_size: Option<[usize; 3]>,
}

/// Inputs of another size, or larger ones in tiles.
#[derive(Args)]
pub(crate) struct Tiles {
    #[command(flatten)]
    pub(crate) size: InputSize,

    /// Divide inputs of --input-size into tiles of the size in the model file, of which neighbours overlap by N
    /// rows and columns, at most half of a tile
    #[arg(long, value_name = "N", allow_hyphen_values = true, requires = "input_size")]
    #[arg(value_parser = whole::<u32>(0..=1 << 26))]
    pub(crate) tile_overlap: Option<u32>,
}

impl From<InputSize> for Tiles {
    fn from(size: InputSize) -> Self {
        Self { size, tile_overlap: None }
    }
}

/// What to run on.
#[derive(Args)]
pub(crate) struct Machine {
    /// Number of threads [default: all processors]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    #[arg(value_parser = whole::<u16>(1..=Threads::MAX as u64))]
    pub(crate) threads: Option<u16>,

    /// Instruction set [default: BAYES8_ISA, or the fastest that BAYES8_HIDE does not hide]
    #[arg(long, value_name = "ISA", value_parser = isa_parser())]
    pub(crate) isa: Option<Isa>,

    /// Memory to keep weight samples for reuse, such as 512MiB; changes no result
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, default_value = "0B")]
    #[arg(value_parser = size)]
    pub(crate) bank: ByteSize,

    /// Most memory for activations, such as 8GiB; a model whose single picture takes more is refused
    /// [default: 2GiB]
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true, value_parser = size)]
    pub(crate) max_memory: Option<ByteSize>,

    /// Most steps per picture and weight sample, as `bayes8 inspect` shows them; a model that takes
    /// more is refused [default: 4398046511104, which is 2^42]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    #[arg(value_parser = whole::<u64>(1..=u64::MAX))]
    pub(crate) max_steps: Option<u64>,
}

impl Machine {
    /// The library options that these arguments give.
    ///
    /// # Errors
    /// [`LoadError::Threads`].
    pub(crate) fn options(&self) -> Result<ModelOptions, LoadError> {
        let threads = match self.threads {
            Some(count) => Threads::new(count.into())?,
            None => Threads::Caller,
        };
        let bank_bytes = usize::try_from(self.bank.as_u64()).unwrap_or(usize::MAX);
        Ok(ModelOptions::new()
            .isa(self.isa)
            .threads(threads)
            .bank_bytes(bank_bytes)
            .limits(self.limits()))
    }

    /// The memory and steps that a model may take.
    fn limits(&self) -> Limits {
        let Limits { memory_bytes, steps, .. } = Limits::default();
        Limits::new()
            .memory_bytes(self.max_memory.map_or(memory_bytes, |size| size.as_u64()))
            .steps(self.max_steps.unwrap_or(steps))
    }

    /// Gives the FP32 network this number of threads; once per process.
    ///
    /// # Errors
    /// When they cannot start.
    pub(crate) fn start_threads(&self) -> anyhow::Result<()> {
        if let Some(threads) = self.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads));
            // It prints its cause and also returns it.
            pool.build_global().map_err(|error| anyhow!("cannot start threads: {error}"))?;
        }
        Ok(())
    }
}

fn isa_parser() -> impl TypedValueParser<Value = Isa> {
    PossibleValuesParser::new(Isa::ALL.map(Isa::name)).try_map(|name| name.parse::<Isa>())
}

/// A whole number within a range, which its error names.
pub(crate) fn whole<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            format!("expected a whole number from {} to {}", range.start(), range.end())
        })
    }
}

/// A label of a map, which need not be that of a class.
pub(crate) fn label(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "expected a whole number, such as 255".into())
}

/// A number of Monte-Carlo samples.
pub(crate) fn sample_count() -> impl Fn(&str) -> Result<u32, String> + Clone {
    whole(1..=u64::from(MAX_SAMPLES))
}

/// A seed.
pub(crate) fn seed() -> impl Fn(&str) -> Result<u64, String> + Clone {
    whole(0..=u64::MAX)
}

/// A size in bytes.
fn size(text: &str) -> Result<ByteSize, String> {
    text.parse().map_err(|_| "expected a size, 0 or above, such as 512MiB or 2GB".to_string())
}

/// Planes, rows and columns, of which the first may be left out.
fn extents(text: &str) -> Result<[usize; 3], String> {
    let extent = |text: &str| text.parse().ok().filter(|&extent: &usize| extent > 0);
    let found: Option<Vec<_>> = text.split('x').map(extent).collect();
    match found.as_deref() {
        Some(&[columns]) => Ok([1, 1, columns]),
        Some(&[rows, columns]) => Ok([1, rows, columns]),
        Some(&[planes, rows, columns]) => Ok([planes, rows, columns]),
        _ => Err("expected numbers above 0, such as 384x512, 64x128x128 or 1000".into()),
    }
}

/// A number of nats.
pub(crate) fn nats(text: &str) -> Result<f64, String> {
    at_least_zero(text, "a finite number of nats, 0 or above")
}

/// A number of seconds.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.0, 86_400.0)
}

/// A number above 0.
pub(crate) fn positive(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|x: &f32| x.is_finite() && *x > 0.0);
    number.ok_or_else(|| "expected a finite number above 0".to_string())
}

/// A percentage that keeps at least half.
pub(crate) fn percent(text: &str) -> Result<f64, String> {
    within(text, 50.0, 100.0)
}

/// A share, or a difference of two shares.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    within(text, 0.0, 1.0)
}

/// A correlation, or a share that may be a gain or a loss.
pub(crate) fn signed_share(text: &str) -> Result<f64, String> {
    within(text, -1.0, 1.0)
}

/// A number without an upper limit.
pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    at_least_zero(text, "a finite number, 0 or above")
}

/// The probability of an interval.
pub(crate) fn level(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    // The upper end of the interval is finite.
    let number = number.filter(|&level: &f64| level > 0.0 && 0.5 + level / 2.0 < 1.0);
    number.ok_or_else(|| "expected a number above 0 and below 1, such as 0.95".to_string())
}

/// Any number.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| x.is_finite());
    number.ok_or_else(|| "expected a finite number".to_string())
}

fn within(text: &str, low: f64, high: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| (low..=high).contains(x));
    number.ok_or_else(|| format!("expected a number between {low} and {high}"))
}

fn at_least_zero(text: &str, expected: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    number.ok_or_else(|| format!("expected {expected}"))
}

/// A wrong usage that only several arguments together show.
#[derive(Debug)]
pub(crate) struct UsageError {
    pub(crate) command: &'static str,
    pub(crate) message: String,
}

impl Error for UsageError {}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
