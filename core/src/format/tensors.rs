//! Reads the tensors that nodes own.

use super::{FormatError, SINCE_RESIDUALS, TABLE_SIZE, layer_prefix, residual};
use crate::graph::Node;
use crate::layer::{Affine, Bias, Layer, transpose};
use crate::numerics::Table;
use crate::ops::Filters;
use crate::posterior::{PerMember, Posterior, gaussian::Gaussian};
use alloc::{collections::BTreeSet, format, string::String, string::ToString, sync::Arc, vec::Vec};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

/// The tensors of a file, and those that nodes have asked for so far.
pub(super) struct Tensors<'a> {
    header: &'a Metadata,
    data: &'a [u8],
    version: u32,
    members: usize,
    used: BTreeSet<String>,
}

impl<'a> Tensors<'a> {
    /// The tensors of a file of this version for this number of members, none of them used yet.
    pub(super) fn new(header: &'a Metadata, data: &'a [u8], version: u32, members: usize) -> Self {
        Self { header, data, version, members, used: BTreeSet::new() }
    }

    /// Reads the layer of a node: of each member if the file has them, or else of all.
    pub(super) fn members(
        &mut self,
        node: &Node,
        filters: Filters,
    ) -> Result<PerMember<Arc<Layer>>, FormatError> {
        let channels = node.shape.channels;
        let first = format!("{}.mu", layer_prefix(&node.name, Some(0)));
        let several = self.members > 1 && self.header.info(&first).is_some();
        let mut layers = Vec::new();
        for member in 0..if several { self.members } else { 1 } {
            let prefix = layer_prefix(&node.name, several.then_some(member));
            layers.push(Arc::new(self.layer(&prefix, channels, filters)?));
        }
        Ok(PerMember::new(layers).expect("at least one"))
    }

    /// Reads the layer whose tensors have this prefix.
    fn layer(
        &mut self,
        name: &str,
        channels: usize,
        filters: Filters,
    ) -> Result<Layer, FormatError> {
        let depthwise = filters.is_depthwise();
        let shape = filters.weight_shape();
        let channels = [channels];
        let missing = |suffix: &str| FormatError::MissingTensor(format!("{name}.{suffix}"));

        let mu = self.numbers(name, "mu", &shape, i8::from_le_bytes)?;
        let mut mu = mu.ok_or_else(|| missing("mu"))?;
        let scale = self.numbers(name, "scale", &channels, f32::from_le_bytes)?;
        let scale = scale.ok_or_else(|| missing("scale"))?;
        let sigma = match self.numbers(name, "sigma", &shape, u8::from_le_bytes)? {
            None if self.version >= SINCE_RESIDUALS => self.residual(name, channels[0], &mu)?,
            sigma => sigma,
        };
        let multiplier = self.numbers(name, "noise_multiplier", &channels, i16::from_le_bytes)?;
        let mut posterior = match (sigma, multiplier) {
            (None, None) => None,
            (Some(sigma), Some(noise_multiplier)) => {
                Some(Posterior::Gaussian(Gaussian { sigma, noise_multiplier }))
            }
            _ => return Err(FormatError::HalfPosterior(name.into())),
        };
        if depthwise {
            mu = transpose(&mu, channels[0]);
            let by_tap = |codes: &[u8]| transpose(codes, channels[0]);
            posterior = posterior.map(|posterior| posterior.reordered(by_tap));
        }
        let bias_mu = self.numbers(name, "bias.mu", &channels, i32::from_le_bytes)?;
        let bias_sigma = self.numbers(name, "bias.sigma", &channels, i32::from_le_bytes)?;
        let bias = match (bias_mu, bias_sigma) {
            (Some(mu), sigma) => Some(Bias { mu, sigma }),
            (None, Some(_)) => return Err(FormatError::BiasWithoutMean(name.into())),
            (None, None) => None,
        };
        Ok(Layer { index: 0, out_channels: channels[0], depthwise, mu, posterior, scale, bias })
    }

    /// Reads the sigma codes of a layer that has residuals, given its mean codes.
    fn residual(
        &mut self,
        name: &str,
        channels: usize,
        mu: &[i8],
    ) -> Result<Option<Vec<u8>>, FormatError> {
        let packed = self.header.info(&format!("{name}.sigma_residual"));
        let bytes = packed.map_or(0, |info| info.data_offsets.1 - info.data_offsets.0);
        let packed = self.numbers(name, "sigma_residual", &[bytes], u8::from_le_bytes)?;
        let lines = self.numbers(name, "sigma_line", &[channels, 2], i16::from_le_bytes)?;
        match (packed, lines) {
            (Some(packed), Some(lines)) => {
                let codes = residual::unpack(lines.as_chunks().0, mu, &packed);
                codes.map(Some).ok_or_else(|| FormatError::Residual(name.into()))
            }
            (None, None) => Ok(None),
            _ => Err(FormatError::HalfResidual(name.into())),
        }
    }

    /// Reads the weights and biases of the channels of a node.
    pub(super) fn affine(&mut self, node: &Node) -> Result<Affine, FormatError> {
        let mut channels = |suffix| {
            let numbers = [node.shape.channels];
            let numbers = self.numbers(&node.name, suffix, &numbers, f32::from_le_bytes)?;
            numbers.ok_or_else(|| FormatError::MissingTensor(format!("{}.{suffix}", node.name)))
        };
        Ok(Affine { weight: channels("weight")?, bias: channels("bias")? })
    }

    /// Reads the table of a node.
    pub(super) fn table(&mut self, node: &Node) -> Result<Table, FormatError> {
        let name = &node.name;
        let table = self.numbers(name, "table", &[TABLE_SIZE], u8::from_le_bytes)?;
        // Its shape was checked.
        let table = table.and_then(|table| table.try_into().ok());
        table.ok_or_else(|| FormatError::MissingTensor(format!("{name}.table")))
    }

    /// Reads the tensor `NODE.SUFFIX` as numbers. Returns `None` if the file does not have it.
    fn numbers<T: Element, const N: usize>(
        &mut self,
        node: &str,
        suffix: &str,
        shape: &[usize],
        from_bytes: fn([u8; N]) -> T,
    ) -> Result<Option<Vec<T>>, FormatError> {
        let name = format!("{node}.{suffix}");
        let Some(info) = self.header.info(&name) else { return Ok(None) };
        let TensorInfo { dtype, shape: found, data_offsets: (start, end) } = info;
        if *dtype != T::DTYPE {
            let found = dtype.to_string();
            return Err(FormatError::TensorType { tensor: name, found, expected: T::NAME });
        }
        if found != shape {
            let (found, expected) = (found.clone(), shape.to_vec());
            return Err(FormatError::TensorShape { tensor: name, found, expected });
        }
        self.used.insert(name);
        // The container's reader has checked the offsets against the file.
        let (numbers, _) = self.data[*start..*end].as_chunks::<N>();
        Ok(Some(numbers.iter().map(|&bytes| from_bytes(bytes)).collect()))
    }

    /// Succeeds if every tensor belongs to a node.
    pub(super) fn check_all_used(&self) -> Result<(), FormatError> {
        // The first by name, so that the same file always gets the same message.
        let names = self.header.offset_keys().into_iter();
        match names.filter(|name| !self.used.contains(name)).min() {
            Some(name) => Err(FormatError::UnexpectedTensor(name)),
            None => Ok(()),
        }
    }
}

trait Element {
    const DTYPE: Dtype;
    const NAME: &'static str;
}

macro_rules! element {
    ($($type:ty, $dtype:ident;)*) => {$(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
            const NAME: &'static str = stringify!($dtype);
        }
    )*};
}

element! { i8, I8; u8, U8; i16, I16; i32, I32; f32, F32; }
