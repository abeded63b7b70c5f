//! The operations that a node can compute, one file each.
//!
//! A file has everything specific to its operation: its parameters as in the model file, the shape
//! of its output, the grids that its output may have, the cost of running it, and its loop over
//! codes. [`Op`] is the closed list of operations; its dispatch is generated from the list below.

mod error;
mod filters;
mod invent;
mod operation;
mod rescale;
mod size_change;

mod add;
mod average_pool;
mod concat;
mod conv2d;
mod dropout;
mod flatten;
mod global_average_pool;
mod global_max_pool;
mod linear;
mod max_pool;
mod multiply;
mod normalize;
mod pad;
mod pad_channels;
mod requantize;
mod resize;
mod slice;
mod table;

pub use dropout::{DropoutKind, DropoutProbability};
pub use error::GraphError;
pub use filters::Filters;
pub use invent::Dice;
pub use normalize::{Epsilon, EpsilonError, Over};
pub use operation::{Arity, GridRule, Operation, Random, Real, RealValue, Weighted, Weightless};
pub(crate) use operation::{Inputs, Operand, STEPS_PER_ELEMENT, Site, View};
pub use rescale::Rescale;
pub use resize::{Coordinates, Interpolation};
pub use size_change::SizeChange;

use crate::chacha::{ChaCha8, Group};
use crate::error::ModelError;
use crate::geometry::Shape;
use crate::posterior::Draw;
use serde::{Deserialize, Serialize};

/// Generates [`Op`], [`Job`] and the dispatch from the list of operations.
///
/// The name on the left is that of the file, and of the operation in model files. The type after
/// the colon holds its parameters. The type after the arrow, if there is one, is a loop that no
/// other operation has.
macro_rules! operations {
    (
        weighted {
            $($(#[$weighted_doc:meta])+ $weighted_name:ident: $weighted:ident,)*
        }
        with_parameters {
            $($(#[$doc:meta])+ $name:ident: $type:ident $(=> $job:ident)?,)*
        }
        without_parameters {
            $($(#[$unit_doc:meta])+ $unit_name:ident: $unit:ident $(=> $unit_job:ident)?,)*
        }
        affine {
            $($(#[$affine_doc:meta])+ $affine_name:ident: $affine:ident => $affine_job:ident,)*
        }
        with_table { $(#[$table_doc:meta])+ $table_name:ident: $table:ident => $table_job:ident, }
        random {
            $($(#[$random_doc:meta])+ $random_name:ident: $random:ident => $random_job:ident,)*
        }
    ) => {
        $(pub use $weighted_name::$weighted;)*
        $(pub use $name::$type; $(pub use $name::$job;)?)*
        $(pub use $unit_name::$unit; $(pub use $unit_name::$unit_job;)?)*
        $(pub use $affine_name::{$affine, $affine_job};)*
        pub use $table_name::{$table, $table_job};
        $(pub use $random_name::{$random, $random_job};)*

        /// An operation that a node computes.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum Op {
            $($(#[$weighted_doc])+ $weighted($weighted),)*
            $($(#[$doc])+ $type($type),)*
            $($(#[$unit_doc])+ $unit,)*
            $($(#[$affine_doc])+ $affine($affine),)*
            $(#[$table_doc])+ $table,
            $($(#[$random_doc])+ $random($random),)*
        }

        impl Op {
            /// The number of operations.
            pub const COUNT: usize = [
                $(stringify!($weighted),)* $(stringify!($type),)* $(stringify!($unit),)*
                $(stringify!($affine),)* stringify!($table), $(stringify!($random),)*
            ].len();

            /// Returns the name of the operation, as in the model file.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$weighted(_) => stringify!($weighted_name),)*
                    $(Self::$type(_) => stringify!($name),)*
                    $(Self::$unit => stringify!($unit_name),)*
                    $(Self::$affine(_) => stringify!($affine_name),)*
                    Self::$table => stringify!($table_name),
                    $(Self::$random(_) => stringify!($random_name),)*
                }
            }

            /// Returns what all operations have in common.
            #[doc(hidden)]
            pub fn operation(&self) -> &dyn Operation {
                match self {
                    $(Self::$weighted(operation) => operation,)*
                    $(Self::$type(operation) => operation,)*
                    $(Self::$unit => &$unit,)*
                    $(Self::$affine(operation) => operation,)*
                    Self::$table => &$table,
                    $(Self::$random(operation) => operation,)*
                }
            }

            /// Returns the operation with the same meaning in a network whose inputs have another size.
            ///
            /// # Errors
            /// What keeps it from that, as the end of a sentence.
            pub(crate) fn at_size(&self, change: &SizeChange) -> Result<Self, &'static str> {
                Ok(match self {
                    $(Self::$weighted(operation) => operation.at_size(change)?.into(),)*
                    $(Self::$type(operation) => operation.at_size(change)?.into(),)*
                    $(Self::$unit => Self::$unit,)*
                    $(Self::$affine(operation) => operation.at_size(change)?.into(),)*
                    Self::$table => Self::$table,
                    $(Self::$random(operation) => operation.at_size(change)?.into(),)*
                })
            }

            /// Returns how a weighted operation sees an input of shape `input`; `None` for other
            /// operations.
            pub fn filters(&self, input: Shape) -> Option<Filters> {
                match self {
                    $(Self::$weighted(operation) => Some(operation.filters(input)),)*
                    $(Self::$type(_) => None,)*
                    $(Self::$unit => None,)*
                    $(Self::$affine(_) => None,)*
                    Self::$table => None,
                    $(Self::$random(_) => None,)*
                }
            }

            /// Returns whether the node has a weight and a bias for each channel
            /// ([`Affine`](crate::layer::Affine)).
            pub fn is_affine(&self) -> bool {
                match self {
                    $(Self::$weighted(_) => false,)*
                    $(Self::$type(_) => false,)*
                    $(Self::$unit => false,)*
                    $(Self::$affine(_) => true,)*
                    Self::$table => false,
                    $(Self::$random(_) => false,)*
                }
            }

            /// Returns whether the output depends on the sample even if no weight does.
            pub fn is_random(&self) -> bool {
                match self {
                    $(Self::$weighted(_) => false,)*
                    $(Self::$type(_) => false,)*
                    $(Self::$unit => false,)*
                    $(Self::$affine(_) => false,)*
                    Self::$table => false,
                    $(Self::$random(_) => true,)*
                }
            }

            /// Returns the work of the node, with all parameters derived and checked.
            ///
            /// # Errors
            /// A [`ModelError`] that names the node, if the grids do not fit together.
            pub(crate) fn work(&self, site: &Site<'_>) -> Result<Work, ModelError> {
                Ok(match self {
                    $(Self::$weighted(operation) => operation.filters(site.inputs[0].shape).into(),)*
                    $(Self::$type(operation) => operation.job(site)?.into(),)*
                    $(Self::$unit => $unit.job(site)?.into(),)*
                    $(Self::$affine(operation) => operation.job(site)?.into(),)*
                    Self::$table => $table.job(site)?.into(),
                    $(Self::$random(operation) => operation.job(site)?.into(),)*
                })
            }

            /// Returns the operation over real numbers; `None` if it depends on parameters of the node or
            /// on the sample.
            #[doc(hidden)]
            pub fn real(&self) -> Option<&dyn Real> {
                match self {
                    $(Self::$weighted(_) => None,)*
                    $(Self::$type(operation) => Some(operation),)*
                    $(Self::$unit => Some(&$unit),)*
                    $(Self::$affine(_) => None,)*
                    Self::$table => None,
                    $(Self::$random(_) => None,)*
                }
            }

            /// Invents an operation for tests: number `number`, below [`Self::COUNT`], with
            /// parameters from `dice` that may not suit an input of shape `input`.
            #[doc(hidden)]
            pub fn invent(number: usize, input: Shape, dice: &mut Dice<'_>) -> Self {
                let all: [fn(Shape, &mut Dice<'_>) -> Self; Self::COUNT] = [
                    $(|input, dice| Self::$weighted($weighted::invent(input, dice)),)*
                    $(|input, dice| Self::$type($type::invent(input, dice)),)*
                    $(|_, _| Self::$unit,)*
                    $(|input, dice| Self::$affine($affine::invent(input, dice)),)*
                    |_, _| Self::$table,
                    $(|input, dice| Self::$random($random::invent(input, dice)),)*
                ];
                all[number](input, dice)
            }
        }

        $(impl From<$weighted> for Op {
            fn from(operation: $weighted) -> Self {
                Self::$weighted(operation)
            }
        })*
        $(impl From<$type> for Op {
            fn from(operation: $type) -> Self {
                Self::$type(operation)
            }
        })*
        $(impl From<$affine> for Op {
            fn from(operation: $affine) -> Self {
                Self::$affine(operation)
            }
        })*
        $(impl From<$random> for Op {
            fn from(operation: $random) -> Self {
                Self::$random(operation)
            }
        })*

        $($(impl From<$job> for Work {
            fn from(job: $job) -> Self {
                Self::Loop(Job::$job(job))
            }
        })?)*
        $($(impl From<$unit_job> for Work {
            fn from(job: $unit_job) -> Self {
                Self::Loop(Job::$unit_job(job))
            }
        })?)*
        $(impl From<$affine_job> for Work {
            fn from(job: $affine_job) -> Self {
                Self::Loop(Job::$affine_job(job))
            }
        })*
        impl From<$table_job> for Work {
            fn from(job: $table_job) -> Self {
                Self::Loop(Job::$table_job(job))
            }
        }
        $(impl From<$random_job> for Work {
            fn from(job: $random_job) -> Self {
                Self::Loop(Job::$random_job(job))
            }
        })*

        /// The loop over codes of an operation without weights, with all parameters derived. Each
        /// back end compiles it for its own vector unit
        /// ([`Backend::run`](crate::backend::Backend::run)).
        #[derive(Clone, Debug)]
        pub enum Job {
            $($(#[doc = concat!("The loop of [`", stringify!($type), "`].")] $job($job),)?)*
            $($(#[doc = concat!("The loop of [`", stringify!($unit), "`].")] $unit_job($unit_job),)?)*
            $(#[doc = concat!("The loop of [`", stringify!($affine), "`].")] $affine_job($affine_job),)*
            #[doc = concat!("The loop of [`", stringify!($table), "`].")]
            $table_job($table_job),
            $(#[doc = concat!("The loop of [`", stringify!($random), "`].")] $random_job($random_job),)*
        }

        impl Job {
            /// Runs the loop on pictures one after the other, for sample `draw`. `groups` computes
            /// groups of a key stream ([`ChaCha8::groups`]), `input(i)` returns the codes of input `i`.
            #[inline(always)]
            pub fn run<'a>(
                &self,
                draw: Draw,
                groups: impl Fn(ChaCha8, u64, &mut [Group]),
                input: impl Fn(usize) -> &'a [u8],
                output: &mut [u8],
            ) {
                match self {
                    $($(Self::$job(job) => job.run(input, output),)?)*
                    $($(Self::$unit_job(job) => job.run(input, output),)?)*
                    $(Self::$affine_job(job) => job.run(input, output),)*
                    Self::$table_job(job) => job.run(input, output),
                    $(Self::$random_job(job) => job.run(draw, groups, input, output),)*
                }
            }
        }
    };
}

operations! {
    weighted {
        /// A convolution over rows and columns, and over planes if its window has a depth.
        conv2d: Conv2d,
        /// A fully connected layer over the whole input.
        linear: Linear,
    }
    with_parameters {
        /// The maximum over a window. Padding is ignored.
        max_pool: MaxPool => MaxPooling,
        /// The mean over a window.
        average_pool: AveragePool => AveragePooling,
        /// A strided part of the planes, rows and columns.
        slice: Slice => Slicing,
        /// Zeros around and between the planes, rows and columns.
        pad: Pad => ZeroPadding,
        /// Zero channels before and after the input's channels.
        pad_channels: PadChannels => ChannelPadding,
        /// The value at other numbers of planes, rows and columns.
        resize: Resize => Resizing,
    }
    without_parameters {
        /// The mean over all planes, rows and columns.
        global_average_pool: GlobalAveragePool,
        /// The maximum over all planes, rows and columns.
        global_max_pool: GlobalMaxPool,
        /// The sum of two values of the same shape.
        add: Add => Addition,
        /// The product of two values of the same shape, or of a value and one factor per channel.
        multiply: Multiply => Multiplication,
        /// The channels of all inputs, one after the other.
        concat: Concat => Concatenation,
        /// A value `[D, H, W, C]` as a vector, in that order.
        flatten: Flatten,
        /// The same numbers on another quantization grid, or clamped.
        requantize: Requantize => Requantization,
    }
    affine {
        /// Groups of channels with a mean of 0 and a variance of 1, then a weight and a bias for each
        /// channel.
        normalize: Normalize => Normalization,
    }
    with_table {
        /// A function of each element, such as sigmoid, SiLU or tanh, as a table from codes to codes.
        table: Table => Lookup,
    }
    random {
        /// Dropout that is active at prediction.
        dropout: Dropout => Masking,
    }
}

/// The work of a node.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// The products of a layer.
    Filters(Filters),
    /// None: the output is the input.
    View,
    /// A loop.
    Loop(Job),
}

impl From<Filters> for Work {
    fn from(filters: Filters) -> Self {
        Self::Filters(filters)
    }
}

impl From<View> for Work {
    fn from(_: View) -> Self {
        Self::View
    }
}

impl Op {
    /// Returns whether the operation has weights, so that its node may be Bayesian.
    pub fn is_weighted(&self) -> bool {
        self.filters(Shape::vector(1)).is_some()
    }

    /// Returns whether the operation only moves codes, so that its output has the grid of its
    /// input.
    pub fn only_moves(&self) -> bool {
        self.operation().grid() == GridRule::Kept && !self.is_random()
    }
}
