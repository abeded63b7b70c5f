//! The names and units of what the outputs of a network stand for, as people give them.

use std::collections::BTreeMap;
use std::fmt;

use crate::head_kind::HeadKind;

/// The names and units of what the outputs of a network stand for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeadDetails {
    /// Those of the only output, or of the only output with the head that they are for.
    pub common: OutputDetails,
    /// Those of single outputs, by the name of the output.
    pub outputs: BTreeMap<String, OutputDetails>,
}

/// The names and units of what an output stands for. Empty lists leave them open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OutputDetails {
    /// One name per class.
    pub class_names: Vec<String>,
    /// One name per label; of a single label perhaps two, of the case without it and with it.
    pub label_names: Vec<String>,
    /// Names, units and scales of the targets of a regression.
    pub targets: TargetDetails,
}

/// Properties of the targets of a regression, one entry per target. A list of numbers may have one entry
/// for all, and is empty if it is not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetDetails {
    /// Names.
    pub names: Vec<String>,
    /// Units of measurement.
    pub units: Vec<String>,
    /// The standard deviations by which training divided them; 1 by default.
    pub scale: Vec<f32>,
    /// The means that training subtracted; 0 by default.
    pub offset: Vec<f32>,
    /// Standard deviations of noise that the network does not state, in their units; 0 by default.
    pub noise: Vec<f32>,
}

/// One of the lists of [`OutputDetails`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// [`OutputDetails::class_names`].
    ClassNames,
    /// [`OutputDetails::label_names`].
    LabelNames,
    /// [`TargetDetails::names`].
    TargetNames,
    /// [`TargetDetails::units`].
    TargetUnits,
    /// [`TargetDetails::scale`].
    TargetScale,
    /// [`TargetDetails::offset`].
    TargetOffset,
    /// [`TargetDetails::noise`].
    TargetNoise,
}

impl Detail {
    /// All details.
    pub const ALL: [Self; 7] = [
        Self::ClassNames,
        Self::LabelNames,
        Self::TargetNames,
        Self::TargetUnits,
        Self::TargetScale,
        Self::TargetOffset,
        Self::TargetNoise,
    ];

    /// Returns the key of the metadata that holds it: `class_names`, `label_names` or `targets`.
    pub const fn key(self) -> &'static str {
        self.family().key()
    }

    /// Returns its name in an error, or the key of a target in the metadata.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClassNames | Self::LabelNames | Self::TargetNames => "name",
            Self::TargetUnits => "unit",
            Self::TargetScale => "scale",
            Self::TargetOffset => "offset",
            Self::TargetNoise => "noise",
        }
    }

    pub(crate) const fn family(self) -> Family {
        match self {
            Self::ClassNames => Family::Classes,
            Self::LabelNames => Family::Labels,
            Self::TargetNames
            | Self::TargetUnits
            | Self::TargetScale
            | Self::TargetOffset
            | Self::TargetNoise => Family::Targets,
        }
    }
}

/// Details that belong to the same heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Names of classes.
    Classes,
    /// Names of labels.
    Labels,
    /// Properties of the targets of a regression.
    Targets,
}

impl Family {
    pub(crate) const ALL: [Self; 3] = [Self::Classes, Self::Labels, Self::Targets];

    /// Returns the key of the metadata that holds it.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Classes => "class_names",
            Self::Labels => "label_names",
            Self::Targets => "targets",
        }
    }

    /// Returns the meaning of an output that it is for.
    pub(crate) const fn head(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Labels => "labels",
            Self::Targets => "a regression",
        }
    }

    /// Returns whether outputs of this kind have such details.
    pub(crate) fn is_of(self, kind: HeadKind) -> bool {
        match self {
            Self::Classes => kind == HeadKind::Classes,
            Self::Labels => kind == HeadKind::Labels,
            Self::Targets => kind.variance().is_some(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classes => "class names",
            Self::Labels => "label names",
            Self::Targets => "properties of targets",
        })
    }
}

impl OutputDetails {
    /// Returns whether a detail is given.
    pub fn has(&self, detail: Detail) -> bool {
        let Self { class_names, label_names, targets } = self;
        let TargetDetails { names, units, scale, offset, noise } = targets;
        !match detail {
            Detail::ClassNames => class_names.is_empty(),
            Detail::LabelNames => label_names.is_empty(),
            Detail::TargetNames => names.is_empty(),
            Detail::TargetUnits => units.is_empty(),
            Detail::TargetScale => scale.is_empty(),
            Detail::TargetOffset => offset.is_empty(),
            Detail::TargetNoise => noise.is_empty(),
        }
    }

    /// Returns the first given detail of a family.
    pub(crate) fn first(&self, family: Family) -> Option<Detail> {
        Detail::ALL.into_iter().find(|&detail| detail.family() == family && self.has(detail))
    }

    /// Replaces the details of a family by those that `given` has.
    pub(crate) fn replace(&mut self, family: Family, given: &Self) {
        fn replace<T: Clone>(to: &mut Vec<T>, given: &[T]) {
            if !given.is_empty() {
                *to = given.to_vec();
            }
        }
        match family {
            Family::Classes => replace(&mut self.class_names, &given.class_names),
            Family::Labels => replace(&mut self.label_names, &given.label_names),
            Family::Targets => {
                let (to, given) = (&mut self.targets, &given.targets);
                replace(&mut to.names, &given.names);
                replace(&mut to.units, &given.units);
                replace(&mut to.scale, &given.scale);
                replace(&mut to.offset, &given.offset);
                replace(&mut to.noise, &given.noise);
            }
        }
    }
}

impl From<OutputDetails> for HeadDetails {
    fn from(common: OutputDetails) -> Self {
        Self { common, outputs: BTreeMap::new() }
    }
}
