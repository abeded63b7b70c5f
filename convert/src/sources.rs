//! The files that a model is made from, and the answers to what they leave open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bayes8_core::graph::GraphError;
use bayes8_core::head::Output;
use bayes8_core::model::Preprocessing;
use bayes8_native::file;

use crate::details::{HeadDetails, OutputDetails};
use crate::error::LoadError;
use crate::given_heads::{GivenHeads, HeadOrigin};
use crate::head_error::HeadFault;
use crate::metadata::{Metadata, MetadataError};
use crate::network::Network;
use crate::onnx::ImportOptions;
use crate::pictures::Open;
use crate::posterior::{MemberFiles, PosteriorSource};
use crate::preprocessing;
use crate::quantization_error::QuantizationError;

/// The files that a model is made from, and the answers to what they leave open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sources {
    /// The ONNX network with its mean weights, and the standard deviations of these; for an
    /// ensemble, those of all members.
    pub members: Vec<MemberFiles>,
    /// Properties of the network's input that its file leaves open, and the dropout to activate.
    pub import: ImportOptions,
    /// Whether a network is refused if nothing in it varies from sample to sample.
    pub must_vary: bool,
    /// The npz archive of pictures that show which activations occur.
    pub calibration: PathBuf,
    /// A JSON file with names of classes, labels or targets, and preprocessing ([`Metadata::load`]).
    pub metadata: Option<PathBuf>,
    /// Names and properties of what the outputs stand for, each of which replaces that of the metadata if
    /// it is given.
    pub details: OutputDetails,
    /// Opens the archive.
    pub open: Open,
}

impl Sources {
    /// Creates the sources of a network whose files leave nothing else open.
    pub fn new(
        network: impl Into<PathBuf>,
        posterior: PosteriorSource,
        calibration: impl Into<PathBuf>,
    ) -> Self {
        let network = network.into();
        Self::of_members(vec![MemberFiles { network, posterior }], calibration)
    }

    /// Creates the sources of an ensemble, or of a network, whose files leave nothing else open.
    pub fn of_members(members: Vec<MemberFiles>, calibration: impl Into<PathBuf>) -> Self {
        Self {
            members,
            import: ImportOptions::default(),
            must_vary: false,
            calibration: calibration.into(),
            metadata: None,
            details: OutputDetails::default(),
            open: file::open,
        }
    }
}

impl Sources {
    /// The file of the network, or of the first member.
    pub(crate) fn first_network(&self) -> PathBuf {
        self.members.first().map(|member| member.network.clone()).unwrap_or_default()
    }

    pub(crate) fn import_error(&self, source: GraphError) -> LoadError {
        LoadError::Import { path: self.first_network(), source: source.into() }
    }

    /// The metadata, of which nothing is given without a file.
    pub(crate) fn metadata(&self) -> Result<Metadata, MetadataError> {
        match &self.metadata {
            Some(path) => Metadata::load(path),
            None => Ok(Metadata { head: None, heads: HeadDetails::default(), preprocessing: None }),
        }
    }

    /// The options for the import, with the head of the metadata for outputs that have no other.
    pub(crate) fn options(&self, metadata: &Metadata) -> ImportOptions {
        let options = self.import.clone();
        let outputs = &options.outputs;
        let is_open = outputs.is_empty() || outputs.iter().any(|output| output.head.is_none());
        let head = options.head.or(metadata.head.filter(|_| is_open));
        options.head(head)
    }

    /// The preprocessing of the metadata, with one number per channel.
    pub(crate) fn preprocessing(
        &self,
        metadata: &Metadata,
        network: &Network,
    ) -> Result<Option<Preprocessing>, QuantizationError> {
        let given = metadata.preprocessing.as_ref();
        let checked = given.map(|given| preprocessing::checked(network, given)).transpose();
        checked.map_err(|reason| {
            let origin = self.metadata.as_deref().unwrap_or(Path::new("")).display().to_string();
            QuantizationError::Unfit { origin, reason }
        })
    }

    /// The outputs and what they mean.
    pub(crate) fn heads(
        &self,
        metadata: &HeadDetails,
        network: &Network,
    ) -> Result<Arc<[Output]>, QuantizationError> {
        let heads = GivenHeads { metadata, arguments: &self.details };
        network.heads(&heads.joined()).map_err(|reason| {
            let origin = match (reason.detail, &reason.fault, &self.metadata) {
                (Some(detail), ..) if heads.is_argument(detail, reason.output.as_deref()) => {
                    HeadOrigin::Argument(detail)
                }
                (Some(_), _, Some(path)) | (None, HeadFault::UnknownOutput { .. }, Some(path)) => {
                    HeadOrigin::File(path.clone())
                }
                (None, HeadFault::Odd(_), _) if self.import.head.is_some() => HeadOrigin::Head,
                _ => HeadOrigin::File(self.first_network()),
            };
            QuantizationError::Heads { origin, reason }
        })
    }
}
