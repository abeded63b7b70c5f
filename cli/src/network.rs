//! The FP32 network that `quantize` and `evaluate` read: its files, what varies in it, and its input.

use crate::args::{UsageError, positive};
use anyhow::anyhow;
use bayes8_convert::{
    HeadKind, ImportOptions, InputLayout, McDropout, MemberFiles, OutputChoice, PosteriorSource,
};
use bayes8_native::core::graph::{MAX_ELEMENTS, Shape};
use bayes8_native::core::model::MAX_MEMBERS;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args};
use std::path::{Path, PathBuf};

/// The files of a network or of the members of an ensemble, and what varies in them.
#[derive(Args)]
#[command(group(ArgGroup::new("fp32").args(["network", "members"])))]
#[command(group(
    ArgGroup::new("spread").args(["posterior", "moped", "deterministic"]).requires("fp32")
))]
pub(crate) struct NetworkArguments {
    /// The trained FP32 network, every weight at its mean
    #[arg(long, value_name = "ONNX")]
    network: Option<PathBuf>,

    /// A member of an ensemble, instead of --network; give this option once for each of the 2 to 64
    /// members, which have one architecture. Samples take the members in turn
    #[arg(long = "member", value_name = "ONNX")]
    members: Vec<PathBuf>,

    /// Standard deviations of the weights, and perhaps the weights of several members; with --member,
    /// once for each member, in their order
    #[arg(long, value_name = "SAFETENSORS")]
    posterior: Vec<PathBuf>,

    /// Standard deviations as this share of each weight's magnitude
    #[arg(long, value_name = "D", allow_hyphen_values = true, value_parser = positive)]
    pub(crate) moped: Option<f32>,

    /// No standard deviations: without dropout and members, a network of the mean weights alone, to
    /// compare with
    #[arg(long)]
    deterministic: bool,

    /// Activate dropout that the file has in evaluation mode: all, or the nodes with these names;
    /// followed by =P, with this probability. Dropout in training mode is active anyway
    #[arg(long, value_name = "all|NAME,..[=P]", requires = "fp32")]
    mc_dropout: Option<McDropout>,

    /// The axes of the network's input, one letter each: n the batch, c channels, d planes, h rows, w
    /// columns, l positions [default: as the network uses them]
    #[arg(long, value_name = "ORDER", requires = "fp32", value_parser = layout_parser())]
    input_layout: Option<InputLayout>,

    /// The size of one picture, rows x columns x channels (of a sequence: positions x channels), such as
    /// 224x224x3; for a network that leaves it open
    #[arg(long, value_name = "HxWxC", requires = "fp32", value_parser = shape)]
    input_shape: Option<Shape>,

    /// What the outputs are, where neither a final Softmax (classes) nor Sigmoid (labels) says so:
    /// gaussian-mean are the targets of a regression; the others are the mean of each target, then the
    /// logarithm of its variance, or its variance before a softplus
    #[arg(long, value_name = "HEAD", requires = "fp32", value_parser = head_parser())]
    head: Option<HeadKind>,

    /// An output of the network that the model has; may be repeated. NAME+NAME is one output whose
    /// numbers follow each other, such as mean+log_variance; =HEAD says what they are
    #[arg(long = "output-name", value_name = "NAME[+NAME][=HEAD]", requires = "fp32")]
    output_names: Vec<OutputChoice>,
}

/// The library options that the arguments give.
pub(crate) struct GivenNetwork {
    /// The files of the network, or those of each member.
    pub(crate) members: Vec<MemberFiles>,
    /// What they leave open.
    pub(crate) import: ImportOptions,
    /// Whether something has to vary from sample to sample.
    pub(crate) must_vary: bool,
}

impl NetworkArguments {
    /// The options that these arguments of `command` give; `None` without a network.
    ///
    /// # Errors
    /// [`UsageError`] when the numbers of members and posteriors do not fit.
    pub(crate) fn given(&self, command: &'static str) -> Result<Option<GivenNetwork>, UsageError> {
        let refuse = |message| Err(UsageError { command, message });
        let networks: Vec<&PathBuf> = self.network.iter().chain(&self.members).collect();
        let (count, posteriors) = (networks.len(), self.posterior.len());
        if count == 0 {
            return Ok(None);
        }
        if self.network.is_none() && !(2..=MAX_MEMBERS).contains(&count) {
            return refuse(format!(
                "--member is given {}, but an ensemble has 2 to {MAX_MEMBERS} members; --network \
                 takes a single network",
                times(count)
            ));
        }
        if posteriors > 0 && posteriors != count {
            let expected = match &self.network {
                Some(_) => "--network takes one".into(),
                None => format!("{count} members take one each, in the same order"),
            };
            return refuse(format!("--posterior is given {}, but {expected}", times(posteriors)));
        }
        let posterior = |member: usize| match (self.posterior.get(member), self.moped) {
            (Some(path), _) => PosteriorSource::File(path.clone()),
            (None, Some(delta)) => PosteriorSource::Moped { delta },
            (None, None) => PosteriorSource::Deterministic,
        };
        let files = networks.into_iter().enumerate().map(|(member, network)| MemberFiles {
            network: network.clone(),
            posterior: posterior(member),
        });
        let import = ImportOptions::new()
            .input_layout(self.input_layout)
            .input_shape(self.input_shape)
            .mc_dropout(self.mc_dropout.clone())
            .outputs(self.output_names.clone())
            .head(self.head);
        Ok(Some(GivenNetwork { members: files.collect(), import, must_vary: !self.deterministic }))
    }

    /// All files that they name.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let files = self.network.iter().chain(&self.members).chain(&self.posterior);
        files.map(PathBuf::as_path)
    }

    /// The networks, for messages.
    pub(crate) fn networks(&self) -> String {
        list(self.network.iter().chain(&self.members))
    }

    /// The files of standard deviations, for messages; `None` if there are none.
    pub(crate) fn posteriors(&self) -> Option<String> {
        (!self.posterior.is_empty()).then(|| list(&self.posterior))
    }
}

/// The error of a network whose samples are all the same, although `--deterministic` is not given.
/// `reason` names the network.
pub(crate) fn nothing_varies(command: &'static str, reason: &impl ToString) -> UsageError {
    let reason = reason.to_string();
    let message = format!(
        "{reason}. What varies is given by --posterior or --moped (a spread of the weights), by \
         --mc-dropout or a file with dropout in training mode, or by several --member that differ \
         (an ensemble); --deterministic makes a network to compare with"
    );
    UsageError { command, message }
}

/// The error of a network that leaves the extents of its input open, with the option that gives them.
pub(crate) fn open_extents(error: &anyhow::Error) -> anyhow::Error {
    anyhow!("{error:#}: --input-shape HxWxC, such as 224x224x3")
}

fn times(count: usize) -> String {
    match count {
        1 => "once".into(),
        _ => format!("{count} times"),
    }
}

fn list<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> String {
    let paths: Vec<String> = paths.into_iter().map(|path| path.display().to_string()).collect();
    match &*paths {
        [first, _, _, ..] => format!("{first} and {} others", paths.len() - 1),
        _ => paths.join(" and "),
    }
}

fn head_parser() -> impl TypedValueParser<Value = HeadKind> {
    let names = HeadKind::ALL.map(HeadKind::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<HeadKind>())
}

fn layout_parser() -> impl TypedValueParser<Value = InputLayout> {
    let names = InputLayout::ALL.map(InputLayout::name);
    PossibleValuesParser::new(names).try_map(|name| name.parse::<InputLayout>())
}

/// Extents of a picture, channels last.
fn shape(text: &str) -> Result<Shape, String> {
    let extent = |part: &str| part.parse().ok().filter(|n| (1..=MAX_ELEMENTS).contains(n));
    let extents = text.split('x').map(extent).collect::<Option<Vec<usize>>>();
    match extents.as_deref() {
        Some(&[channels]) => Ok(Shape::vector(channels)),
        Some(&[length, channels]) => Ok(Shape::new(1, length, channels)),
        Some(&[height, width, channels]) => Ok(Shape::new(height, width, channels)),
        Some(&[depth, height, width, channels]) => {
            Ok(Shape::volume(depth, height, width, channels))
        }
        _ => Err("expected extents such as 224x224x3, the channels last".into()),
    }
}
