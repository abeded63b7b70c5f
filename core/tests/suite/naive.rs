//! A naive evaluation of a model: one picture, one sample, a separate array for every value, and
//! every output element computed from coordinates.

use bayes8_core::graph::{Node, Op, Range, Shape, Value, Window};
use bayes8_core::layer::{Affine, Layer};
use bayes8_core::model::{Parameters, Quantized, QuantizedModel};
use bayes8_core::numerics::{CodeRange, Quantization, Table};
use bayes8_core::ops::{
    AveragePool, Conv2d, Coordinates, Dropout, DropoutKind, Interpolation, MaxPool, Normalize,
    Over, Pad, PadChannels, Resize, Slice,
};
use bayes8_core::posterior::{Draw, PerMember};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plane, row and column.
type Position = [i64; 3];

/// A value with its shape and grid.
struct Tensor {
    shape: Shape,
    grid: Quantization,
    codes: Vec<u8>,
    /// The codes of the second plane of two.
    low: Vec<u8>,
    /// The parts of a step: 1, or one more than the weight of the first plane of two.
    parts: i32,
}

impl Tensor {
    /// Returns code - zero point; `None` outside the picture.
    fn get(&self, position: Position, channel: usize) -> Option<i32> {
        let extents = self.shape.axes().map(|extent| extent as i64);
        let inside = (0..3).all(|axis| (0..extents[axis]).contains(&position[axis]));
        let [z, y, x] = position;
        let pixel = (z * extents[1] + y) * extents[2] + x;
        let at = pixel * self.shape.channels as i64 + channel as i64;
        inside.then(|| self.at(at as usize))
    }

    /// Returns an element in parts of a step.
    fn at(&self, i: usize) -> i32 {
        let high = i32::from(self.codes[i]);
        let code = self.low.get(i).map_or(high, |&low| (self.parts - 1) * high + i32::from(low));
        code - self.parts * i32::from(self.grid.zero_point)
    }
}

/// Computes the logits of one picture of input codes with weight sample `sample` of `seed`.
pub(crate) fn logits(model: &QuantizedModel, picture: &[u8], seed: u64, sample: u32) -> Vec<f32> {
    trace(model, picture, seed, sample).1
}

/// Computes the codes of every node but the last, and the logits.
pub(crate) fn trace(
    model: &QuantizedModel,
    picture: &[u8],
    seed: u64,
    sample: u32,
) -> (Vec<Vec<u8>>, Vec<f32>) {
    let graph = model.graph();
    let (high, low) = picture.split_at(graph.input().elements());
    let largest = i32::from(model.activation_bits().largest_code());
    let parts = if low.is_empty() { 1 } else { largest + 2 };
    let (shape, grid, codes) = (graph.input(), model.input(), high.to_vec());
    let input = Tensor { shape, grid, codes, low: low.to_vec(), parts };
    let mut outputs = vec![Vec::new(); graph.nodes().len()];
    let mut values: Vec<Tensor> = vec![input];
    let mut dropouts = 0;
    for node in graph.nodes() {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|&v| &values[number(v)]).collect();
        let Quantized { output, range, parameters } = &node.data;
        let draw = Draw { seed, sample };
        let Some(grid) = *output else {
            let layer = of_sample(node.data.layer().unwrap(), sample);
            let (sums, scales) = weighted(node, inputs[0], layer, draw);
            let scale = |s: f32| {
                let product = f64::from(inputs[0].grid.scale) * f64::from(s);
                (product / f64::from(inputs[0].parts)) as f32
            };
            let numbers = sums.iter().zip(scales).map(|(&sum, s)| sum as f32 * scale(s)).collect();
            outputs[values.len() - 1] = numbers;
            // No node reads it.
            let (shape, grid) = (node.shape, model.input());
            values.push(Tensor { shape, grid, codes: Vec::new(), low: Vec::new(), parts: 1 });
            continue;
        };
        let codes = match parameters {
            Parameters::Layer(members) => {
                let layer = of_sample(members, sample);
                let (sums, scales) = weighted(node, inputs[0], layer, draw);
                let scale = |s: f32| {
                    let product = f64::from(inputs[0].grid.scale) * f64::from(s);
                    (product / (f64::from(grid.scale) * f64::from(inputs[0].parts))) as f32
                };
                let real = sums.iter().zip(scales).map(|(&sum, s)| sum as f32 * scale(s));
                real.map(|y| round(y, grid, *range)).collect()
            }
            Parameters::Affine(affine) => normalized(node, inputs[0], affine, grid, *range),
            Parameters::Table(table) => tabulated(inputs[0], table),
            Parameters::None => match node.op {
                Op::Dropout(dropout) => {
                    dropouts += 1;
                    masked(dropout, dropouts - 1, inputs[0], draw)
                }
                _ => unweighted(node, &inputs, grid, *range),
            },
        };
        assert_eq!(codes.len(), node.shape.elements());
        // A flattened input keeps its planes.
        let (low, parts) = match node.op {
            Op::Flatten => (inputs[0].low.clone(), inputs[0].parts),
            _ => (Vec::new(), 1),
        };
        values.push(Tensor { shape: node.shape, grid, codes, low, parts });
    }
    let codes = values.into_iter().skip(1).map(|value| value.codes);
    let codes = codes.filter(|codes| !codes.is_empty()).collect();
    let nodes = model.outputs().iter().flat_map(|output| &output.nodes);
    (codes, nodes.flat_map(|&node| outputs[node].clone()).collect())
}

fn number(value: Value) -> usize {
    match value {
        Value::Input => 0,
        Value::Node(n) => n + 1,
    }
}

fn round(y: f32, grid: Quantization, range: CodeRange) -> u8 {
    let zero_point = f32::from(grid.zero_point);
    let (low, high) = (f32::from(range.low) - zero_point, f32::from(range.high) - zero_point);
    (y.clamp(low, high).round_ties_even() + zero_point) as u8
}

/// Iterates over all positions and channels of a shape, in DHWC order.
fn positions(shape: Shape) -> impl Iterator<Item = (Position, usize)> {
    (0..shape.elements()).map(move |i| {
        let pixel = i / shape.channels;
        let line = pixel / shape.width;
        let position = [line / shape.height, line % shape.height, pixel % shape.width];
        (position.map(|i| i as i64), i % shape.channels)
    })
}

/// Iterates over the taps of a window for one output: index of the tap and position in the input.
fn taps(window: Window, output: Position) -> impl Iterator<Item = (usize, Position)> {
    let Window { kernel, stride, dilation, padding, depth } = window;
    let kernel = [depth.kernel, kernel[0], kernel[1]];
    let stride = [depth.stride, stride[0], stride[1]];
    let dilation = [depth.dilation, dilation[0], dilation[1]];
    let before = [padding.front, padding.top, padding.left];
    (0..kernel.iter().product()).map(move |tap: usize| {
        let along = [tap / kernel[2] / kernel[1], tap / kernel[2] % kernel[1], tap % kernel[2]];
        let position = [0, 1, 2].map(|i| {
            output[i] * stride[i] as i64 + (along[i] * dilation[i]) as i64 - before[i] as i64
        });
        (tap, position)
    })
}

/// Computes the accumulators of a weighted node, and the weight scale of each.
fn weighted(node: &Node<Quantized>, x: &Tensor, layer: &Layer, draw: Draw) -> (Vec<i32>, Vec<f32>) {
    let mut weights = vec![0; layer.mu.len()];
    let mut biases = vec![0; layer.out_channels];
    layer.sample_weights(draw, &mut weights);
    layer.sample_biases(draw, &mut biases);
    let (mut sums, mut scales) = (Vec::new(), Vec::new());
    for (output, channel) in positions(node.shape) {
        let mut sum = biases[channel] * x.parts;
        match node.op {
            Op::Linear(_) => {
                let elements = x.codes.len();
                for i in 0..elements {
                    sum += x.at(i) * i32::from(weights[channel * elements + i]);
                }
            }
            Op::Conv2d(Conv2d { out_channels, groups, window }) => {
                let inputs = x.shape.channels / groups;
                let group = channel / (out_channels / groups);
                for (tap, position) in taps(window, output) {
                    for i in 0..inputs {
                        let at = if layer.depthwise {
                            tap * out_channels + channel
                        } else {
                            (channel * window.taps() + tap) * inputs + i
                        };
                        let value = x.get(position, group * inputs + i).unwrap_or(0);
                        sum += value * i32::from(weights[at]);
                    }
                }
            }
            _ => unreachable!("no other operation has weights"),
        }
        sums.push(sum);
        scales.push(layer.scale[channel]);
    }
    (sums, scales)
}

/// Returns the layer of the member that a sample takes.
fn of_sample(members: &PerMember<Arc<Layer>>, sample: u32) -> &Layer {
    members.iter().nth(sample as usize % members.count()).unwrap()
}

/// Replaces the codes that a sample drops, with the key stream of another implementation.
fn masked(dropout: Dropout, number: u64, x: &Tensor, draw: Draw) -> Vec<u8> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&draw.seed.to_le_bytes());
    let mut stream = ChaCha8Rng::from_seed(key);
    stream.set_stream((1 << 62) + (number << 32) + u64::from(draw.sample));
    let mut byte = |at: usize| {
        // Byte `at` of the groups, whose words are transposed: word j of block b is number 16 j + b.
        let (group, word) = (at / 1024, at % 1024 / 4);
        stream.set_word_pos((group * 256 + word % 16 * 16 + word / 16) as u128);
        stream.next_u32().to_le_bytes()[at % 4]
    };
    let mut is_dropped = |unit: usize| {
        let first = unit / 64 * 128 + unit % 64;
        let number = u32::from(byte(first)) + 256 * u32::from(byte(first + 64));
        number < u32::from(dropout.probability.0.get())
    };
    let channels = x.shape.channels;
    let code = |(i, &code): (usize, &u8)| {
        let unit = match dropout.kind {
            DropoutKind::Element => i,
            DropoutKind::Channel => i % channels,
            DropoutKind::Value => 0,
        };
        if is_dropped(unit) { x.grid.zero_point } else { code }
    };
    x.codes.iter().enumerate().map(code).collect()
}

fn tabulated(x: &Tensor, table: &Table) -> Vec<u8> {
    x.codes.iter().map(|&code| table[code as usize]).collect()
}

/// Standardizes groups, from their sums of ones, codes and squares of codes.
fn normalized(
    node: &Node<Quantized>,
    x: &Tensor,
    affine: &Affine,
    grid: Quantization,
    range: CodeRange,
) -> Vec<u8> {
    let Op::Normalize(Normalize { groups, over, epsilon }) = node.op else { unreachable!() };
    let group = |(position, channel): (Position, usize)| {
        let at = (over == Over::Channels).then_some(position);
        (at, channel * groups / x.shape.channels)
    };
    let mut sums: BTreeMap<_, [i128; 3]> = BTreeMap::new();
    for (at, &code) in positions(x.shape).zip(&x.codes) {
        let code = i128::from(code);
        let powers = [1, code, code * code];
        sums.entry(group(at)).or_default().iter_mut().zip(powers).for_each(|(sum, x)| *sum += x);
    }
    let output = |(at, &code): ((Position, usize), &u8)| {
        let [n, sum, squares] = sums[&group(at)];
        let variance = (n * squares - sum * sum) as f64 / (n * n) as f64;
        let step = f64::from(x.grid.scale);
        let inverse = 1.0 / (variance + f64::from(epsilon) / (step * step)).sqrt();
        let middle = (2 * sum + n).div_euclid(2 * n);
        let rest = ((n * middle - sum) as f64 / n as f64 * inverse) as f32;
        let standard = (i128::from(code) - middle) as f32 * inverse as f32 + rest;
        let [weight, bias] = [&affine.weight, &affine.bias]
            .map(|numbers| (f64::from(numbers[at.1]) / f64::from(grid.scale)) as f32);
        round(standard * weight + bias, grid, range)
    };
    positions(x.shape).zip(&x.codes).map(output).collect()
}

/// Returns the two elements of an axis around output index `o`, with their weights in units of 1/128.
fn sides(resize: &Resize, axis: usize, from: i64, o: i64) -> [(i64, i64); 2] {
    let to = resize.size[axis] as i64;
    let [a, b] = match (&resize.steps, resize.coordinates) {
        (Some(steps), _) => steps[axis].map(i64::from),
        (None, Coordinates::AlignCorners) if to == 1 => [0, 1],
        (None, Coordinates::AlignCorners) => [from - 1, to - 1],
        (None, _) => [from, to],
    };
    // x = n / (2 b)
    let n = match resize.coordinates {
        Coordinates::HalfPixel => 2 * o * a + a - b,
        Coordinates::AlignCorners | Coordinates::Asymmetric => 2 * o * a,
        Coordinates::TfHalfPixel => 2 * o * a + a,
    };
    let (floor, is_whole) = (n.div_euclid(2 * b), n % (2 * b) == 0);
    let rest = n - floor * 2 * b;
    let inside = |element: i64| element.clamp(0, from - 1);
    let only = |element: i64| [(inside(element), 128), (0, 0)];
    match resize.mode {
        Interpolation::NearestFloor => only(floor),
        Interpolation::NearestCeil => only(floor + i64::from(!is_whole)),
        Interpolation::NearestPreferFloor => only(floor + i64::from(rest > b)),
        Interpolation::NearestPreferCeil => only(floor + i64::from(rest >= b)),
        Interpolation::Linear => {
            // The nearest multiple of 1/128.
            let second = (rest * 128 * 2 + 2 * b) / (4 * b);
            [(inside(floor), 128 - second), (inside(floor + 1), second)]
        }
    }
}

fn unweighted(
    node: &Node<Quantized>,
    inputs: &[&Tensor],
    grid: Quantization,
    range: CodeRange,
) -> Vec<u8> {
    let x = inputs[0];
    let rescaled = |tensor: &Tensor, position, channel| {
        let ratio = (f64::from(tensor.grid.scale) / f64::from(grid.scale)) as f32;
        tensor.get(position, channel).unwrap() as f32 * ratio
    };
    let mean = |elements: &[i32], count: usize| {
        let multiplier = (f64::from(x.grid.scale) / (f64::from(grid.scale) * count as f64)) as f32;
        round(elements.iter().sum::<i32>() as f32 * multiplier, grid, range)
    };
    let output = |(position, channel): (Position, usize)| -> u8 {
        let seen = |window| -> Vec<i32> {
            taps(window, position).filter_map(|(_, seen)| x.get(seen, channel)).collect()
        };
        let code = |value: i32| (value + i32::from(grid.zero_point)) as u8;
        match node.op {
            // An output that sees only padding has the smallest code.
            Op::MaxPool(MaxPool { window }) => seen(window).into_iter().max().map_or(0, code),
            Op::AveragePool(AveragePool { window, count_include_pad }) => {
                let seen = seen(window);
                let count = if count_include_pad { window.taps() } else { seen.len().max(1) };
                mean(&seen, count)
            }
            Op::GlobalMaxPool => seen(Window::whole(x.shape)).into_iter().max().map_or(0, code),
            Op::GlobalAveragePool => {
                let seen = seen(Window::whole(x.shape));
                mean(&seen, seen.len())
            }
            Op::Add => {
                let [a, b] = [0, 1].map(|i| rescaled(inputs[i], position, channel));
                round(a + b, grid, range)
            }
            Op::Multiply => {
                let b = inputs[1];
                let other = if b.shape == x.shape { position } else { [0; 3] };
                let [a, b] = [(x, position), (b, other)]
                    .map(|(t, at)| (t.get(at, channel).unwrap(), f64::from(t.grid.scale)));
                let multiplier = (a.1 * b.1 / f64::from(grid.scale)) as f32;
                round((a.0 * b.0) as f32 * multiplier, grid, range)
            }
            Op::Concat => {
                let mut channel = channel;
                let mut parts = inputs.iter();
                let mut part = parts.next().unwrap();
                while channel >= part.shape.channels {
                    channel -= part.shape.channels;
                    part = parts.next().unwrap();
                }
                round(rescaled(part, position, channel), grid, range)
            }
            Op::Flatten => x.codes[channel],
            Op::Slice(Slice { rows, columns, planes }) => {
                let all = Range { start: 0, end: x.shape.depth, step: 1 };
                let ranges = [planes.unwrap_or(all), rows, columns];
                let at = |i: usize| ranges[i].start as i64 + position[i] * ranges[i].step as i64;
                code(x.get([0, 1, 2].map(at), channel).unwrap())
            }
            Op::Pad(Pad { rows, columns, planes }) => {
                let zeros = [planes, rows, columns];
                let step = |i: usize| zeros[i].between as i64 + 1;
                let inner = |i: usize| position[i] - zeros[i].before as i64;
                let between = (0..3).any(|i| inner(i) % step(i) != 0);
                let from = [0, 1, 2].map(|i| inner(i).div_euclid(step(i)));
                code(x.get(from, channel).filter(|_| !between).unwrap_or(0))
            }
            Op::PadChannels(PadChannels { before, .. }) => {
                let inside = (before..before + x.shape.channels).contains(&channel);
                if inside { code(x.get(position, channel - before).unwrap()) } else { code(0) }
            }
            Op::Requantize => round(rescaled(x, position, channel), grid, range),
            Op::Resize(ref resize) => {
                let sides = [0, 1, 2]
                    .map(|axis| sides(resize, axis, x.shape.axes()[axis] as i64, position[axis]));
                let mut sum = 1 << 20;
                for corner in 0..8usize {
                    let [d, h, w] = [0, 1, 2].map(|axis| sides[axis][corner >> axis & 1]);
                    let value = x.get([d.0, h.0, w.0], channel).unwrap();
                    sum += i64::from(code(value)) * d.1 * h.1 * w.1;
                }
                (sum >> 21) as u8
            }
            Op::Conv2d(_) | Op::Linear(_) | Op::Normalize(_) | Op::Table => {
                unreachable!("has parameters")
            }
            Op::Dropout(_) => unreachable!("is random"),
        }
    };
    positions(node.shape).map(output).collect()
}
