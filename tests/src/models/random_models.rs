//! Random networks of every operation.

use super::{Builder, Kind, Random};
use bayes8_core::graph::{AxisPadding, Depth, GraphError, Op, Padding, Shape, Value, Window};
use bayes8_core::model::QuantizedModel;
use bayes8_core::ops::{Arity, AveragePool, Dice, MaxPool, Pad, PadChannels};

/// The operations of a network.
#[derive(Clone, Copy)]
enum Vocabulary {
    /// The operations of the recorded vectors, which must not change. Over volumes, with windows and
    /// movements of planes.
    Recorded { volumes: bool },
    /// All operations, with parameters that they choose themselves.
    All,
}

/// A small random network over pictures: up to a dozen nodes that read any earlier value, half of
/// the time with a deterministic beginning. A few dozen seeds cover every operation except
/// [`Op::Pad`], [`Op::Table`] and [`Op::Multiply`].
pub fn random_model(seed: u64) -> QuantizedModel {
    let mut random = Random::new(seed ^ 0x5eed);
    let input = Shape::new(random.between(3, 12), random.between(3, 12), random.between(1, 8));
    random_network(seed, random, input, Vocabulary::Recorded { volumes: false })
}

/// A small random network over volumes, with windows and movements of planes, including [`Op::Pad`].
pub fn random_volume_model(seed: u64) -> QuantizedModel {
    let mut random = Random::new(seed ^ 0x3d5eed);
    let mut extent = |most| random.between(2, most);
    let input = Shape::volume(extent(5), extent(7), extent(7), extent(7) - 1);
    random_network(seed, random, input, Vocabulary::Recorded { volumes: true })
}

/// A small random network over pictures or volumes, of all operations, at times with members.
pub fn random_model_of_all_operations(seed: u64) -> QuantizedModel {
    let mut random = Random::new(seed ^ 0x0b5eed);
    let depth = if random.chance(30) { random.between(2, 4) } else { 1 };
    let mut extent = |least| random.between(least, 9);
    let input = Shape::volume(depth, extent(3), extent(3), extent(1));
    random_network(seed, random, input, Vocabulary::All)
}

fn random_network(
    seed: u64,
    mut random: Random,
    input: Shape,
    vocabulary: Vocabulary,
) -> QuantizedModel {
    let mut builder = Builder::new(seed, input);
    if let Vocabulary::All = vocabulary
        && random.chance(30)
    {
        builder.members(random.between(2, 4));
    }
    let mut network = GrowingNetwork { builder, values: vec![Value::Input] };
    let steps = random.between(3, 12);
    let deterministic = if random.chance(50) { random.below(steps) } else { 0 };
    for step in 0..steps {
        let kind = if step < deterministic { Kind::Deterministic } else { kind(&mut random) };
        let grown = match vocabulary {
            Vocabulary::Recorded { volumes } => network.grow_recorded(&mut random, kind, volumes),
            Vocabulary::All => network.grow(&mut random, kind),
        };
        // A node that the graph refuses, such as a window that does not fit, is left out.
        if let Ok(value) = grown {
            network.values.push(value);
        }
    }
    network.finish(&mut random)
}

fn kind(random: &mut Random) -> Kind {
    random.pick(&[Kind::Bayesian, Kind::Bayesian, Kind::Deterministic, Kind::BayesianBias])
}

/// A network under construction.
struct GrowingNetwork {
    builder: Builder,
    values: Vec<Value>,
}

impl GrowingNetwork {
    /// The latest value most of the time, or any earlier one, so that values live long.
    fn value(&self, random: &mut Random) -> Value {
        let latest = self.values[self.values.len() - 1];
        if random.chance(65) { latest } else { random.pick(&self.values) }
    }

    /// Another value with the planes, rows and columns of `x`; `x` itself if there is none.
    fn partner(&self, random: &mut Random, x: Value, same_channels: bool) -> Value {
        let shape = self.builder.shape(x);
        let fits = |&&value: &&Value| {
            let other = self.builder.shape(value);
            other.axes() == shape.axes() && (!same_channels || other.channels == shape.channels)
        };
        let partners: Vec<Value> = self.values.iter().filter(fits).copied().collect();
        random.pick(&partners)
    }

    fn grow_recorded(
        &mut self,
        random: &mut Random,
        kind: Kind,
        volumes: bool,
    ) -> Result<Value, GraphError> {
        let x = self.value(random);
        let channels = self.builder.shape(x).channels;
        let builder = &mut self.builder;
        let window = |random: &mut Random| if volumes { deep(random) } else { window(random) };
        let operations = if volumes { 16 } else { 14 };
        match random.below(operations) {
            0..3 => builder.conv(x, random.between(1, 40), 1, window(random), kind),
            3 => builder.conv(x, channels, channels, window(random), kind),
            4 => {
                let groups = random.pick(&divisors(channels));
                let out_channels = groups * random.between(1, 5);
                builder.conv(x, out_channels, groups, window(random), kind)
            }
            // A residual block.
            5 => {
                let window = Window { padding: Padding::uniform(1), ..Window::new([3, 3]) };
                let branch = builder.conv(x, channels, 1, window, kind)?;
                builder.op(Op::Add, &[x, branch])
            }
            6 => {
                let other = self.partner(random, x, true);
                self.builder.op(Op::Add, &[x, other])
            }
            7 => {
                let others = [self.partner(random, x, false), self.partner(random, x, false)];
                self.builder.op(Op::Concat, &[x, others[0], others[1]])
            }
            8 => builder.op(Op::MaxPool(MaxPool { window: window(random) }), &[x]),
            9 => {
                let count_include_pad = random.chance(50);
                builder.op(
                    Op::AveragePool(AveragePool { window: window(random), count_include_pad }),
                    &[x],
                )
            }
            10 => builder.slice(x, random.below(2), random.between(1, 3)),
            11 => {
                let (before, after) = (random.below(4), random.below(4));
                builder.op(Op::PadChannels(PadChannels { before, after }), &[x])
            }
            12 => builder.op(Op::Requantize, &[x]),
            // Zeros multiply the number of positions, so only with few of them.
            14.. if builder.shape(x).spatial() <= 80 => {
                let mut zeros = || AxisPadding {
                    before: random.below(2),
                    between: random.below(3),
                    after: random.below(2),
                };
                let op = Op::Pad(Pad { rows: zeros(), columns: zeros(), planes: zeros() });
                builder.op(op, &[x])
            }
            _ => builder.linear(x, random.between(1, 40), kind),
        }
    }

    fn grow(&mut self, random: &mut Random, kind: Kind) -> Result<Value, GraphError> {
        let x = self.value(random);
        let shape = self.builder.shape(x);
        let number = random.below(Op::COUNT);
        let op = Op::invent(number, shape, &mut Dice(&mut |n| random.below(n)));
        let same_channels = op.operation().arity() == Arity::Two;
        match op.operation().arity() {
            _ if op.is_weighted() => self.builder.weighted(op, x, kind),
            Arity::One if shape.elements() > 20_000 => self.builder.op(Op::GlobalAveragePool, &[x]),
            Arity::One => self.builder.op(op, &[x]),
            Arity::Two | Arity::Several => {
                let other = self.partner(random, x, same_channels);
                self.builder.op(op, &[x, other])
            }
        }
    }

    fn finish(mut self, random: &mut Random) -> QuantizedModel {
        let mut x = self.value(random);
        match random.below(3) {
            0 => x = self.builder.op(Op::Flatten, &[x]).expect("any value can be flattened"),
            1 => x = self.builder.op(Op::GlobalAveragePool, &[x]).expect("any value has a mean"),
            _ => {}
        }
        let classes = random.between(2, 20);
        self.builder.linear(x, classes, kind(random)).expect("any value is a vector");
        self.builder.finish()
    }
}

fn window(random: &mut Random) -> Window {
    let kernel = [random.between(1, 4), random.between(1, 4)];
    let dilation = [random.between(1, 2), random.between(1, 2)];
    let mut padding = |axis: usize| random.between(0, (kernel[axis] - 1) * dilation[axis]);
    let (top, bottom) = (padding(0), padding(0));
    let padding =
        Padding { top, bottom, left: padding(1), right: padding(1), ..Padding::default() };
    let stride = random.pick(&[[1, 1], [1, 1], [2, 2], [1, 2], [3, 1]]);
    Window { padding, stride, dilation, ..Window::new(kernel) }
}

/// A window with a depth.
fn deep(random: &mut Random) -> Window {
    let window = window(random);
    let (kernel, dilation) = (random.between(1, 3), random.between(1, 2));
    let mut padding = || random.between(0, (kernel - 1) * dilation);
    let padding = Padding { front: padding(), back: padding(), ..window.padding };
    let depth = Depth { kernel, stride: random.between(1, 2), dilation };
    Window { padding, depth, ..window }
}

fn divisors(n: usize) -> Vec<usize> {
    (1..=n).filter(|d| n.is_multiple_of(*d)).collect()
}
