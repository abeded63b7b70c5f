//! Positions that become channels, channels that become positions, and channels in another order.
//!
//! All of them only move codes: a part of the positions is a slice, a part of the channels a selection,
//! positions are put between each other as zeros that the others are added to, and positions that are repeated
//! are the nearest elements of a resizing.

use bayes8_core::graph::{AxisPadding, Op, Range, Value};
use bayes8_core::ops::{Pad, Slice};

use super::activation::{Activation, Axis, Form, Pending};
use super::builder::Builder;
use super::node::OnnxNode;
use super::view::{Digit, View};
use crate::error::ImportError;

/// The most parts that a value is taken apart into.
const MAX_PARTS: usize = 64;

/// Where the channels and positions of a value come from.
struct Arrangement {
    form: Form,
    /// The digits of the channels: of channels and, if positions become channels, the lowest of positions.
    channels: Vec<Digit>,
    /// The digits of channels that are the lowest of planes, rows and columns.
    low: [Vec<Digit>; 3],
    /// How often each plane, row and column comes.
    times: [usize; 3],
}

impl Arrangement {
    fn new(form: Form, view: &View) -> Option<Self> {
        let (mut channels, mut low) = (Vec::new(), [const { Vec::new() }; 3]);
        let mut times = [1; 3];
        for (axis, digits) in form.axes().iter().zip(&view.axes) {
            let mut digits = digits.iter().copied().filter(|digit| digit.extent > 1).peekable();
            match axis.spatial() {
                None => channels.extend(digits),
                Some(spatial) => {
                    digits.next_if(|digit| digit.axis == Some(*axis));
                    low[spatial].extend(digits);
                    while let Some(digit) = low[spatial].pop_if(|digit| digit.axis.is_none()) {
                        times[spatial] *= digit.extent;
                    }
                }
            }
        }
        let places = |digits: &[Digit]| -> Option<[usize; 3]> {
            let mut counts = [1; 3];
            for digit in digits {
                if let Some(spatial) = digit.axis.and_then(Axis::spatial) {
                    // Only a single digit, the lowest.
                    (counts[spatial] == 1 && digit.step == 1).then_some(())?;
                    counts[spatial] = digit.extent;
                }
            }
            Some(counts)
        };
        let parts = places(&channels)?;
        let fits = low.iter().flatten().all(|digit| digit.axis == Some(Axis::Channel))
            && (parts == [1; 3] || low.iter().all(Vec::is_empty));
        fits.then_some(Self { form, channels, low, times })
    }
}

/// The number of positions that digits have together.
fn extent(digits: &[Digit]) -> usize {
    digits.iter().map(|digit| digit.extent).product()
}

/// The digits of position `at`, each with its value.
fn values(digits: &[Digit], mut at: usize) -> impl Iterator<Item = (Digit, usize)> {
    digits.iter().rev().map(move |&digit| {
        let value = at % digit.extent;
        at /= digit.extent;
        (digit, value)
    })
}

/// The sum of those digits that belong to channels.
fn channel(digits: &[Digit], at: usize) -> usize {
    let own = values(digits, at).filter(|(digit, _)| digit.axis == Some(Axis::Channel));
    own.map(|(digit, value)| digit.step * value).sum()
}

/// All positions below `counts`, the last axis first.
fn positions([planes, rows, columns]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..planes * rows * columns).map(move |i| [i / columns / rows, i / columns % rows, i % columns])
}

impl<'a> Builder<'a> {
    /// `x` with the numbers in the order of `view`, if a value has such axes.
    pub(super) fn rearranged(
        &mut self,
        node: &OnnxNode<'a>,
        x: Activation,
        view: &View,
    ) -> Result<Option<Activation>, ImportError> {
        let mut forms: Vec<Form> =
            Form::ALL.into_iter().filter(|form| form.axes().len() == view.axes.len()).collect();
        forms.sort_by_key(|form| form.is_channels_last() != x.form.is_channels_last());
        let Some(to) = forms.into_iter().find_map(|form| Arrangement::new(form, view)) else {
            return Ok(None);
        };
        let Some(x) = self.arranged(node, x, &to)? else { return Ok(None) };
        if to.times == [1; 3] {
            return Ok(Some(x));
        }
        let x = self.settle(x)?;
        self.times(node.name, x, to.times).map(Some)
    }

    /// `x` with the numbers in the order of `to`, each as often as it is in `x`.
    fn arranged(
        &mut self,
        node: &OnnxNode<'a>,
        x: Activation,
        to: &Arrangement,
    ) -> Result<Option<Activation>, ImportError> {
        let channels = extent(&to.channels);
        let mut counts = [1; 3];
        for digit in &to.channels {
            if let Some(axis) = digit.axis.and_then(Axis::spatial) {
                counts[axis] = digit.extent;
            }
        }
        let spread = [0, 1, 2].map(|axis| extent(&to.low[axis]));
        if [counts, spread].iter().any(|of| of.iter().product::<usize>() > MAX_PARTS) {
            return Ok(None);
        }
        let x = if matches!(x.pending, Pending::Channels { .. }) { x } else { self.settle(x)? };
        self.budget.charge(node.name, channels)?;
        let x = Activation { view: None, form: to.form, ..x };
        if spread != [1; 3] {
            return self.between(node, x, to, spread).map(Some);
        }
        if counts == [1; 3] {
            let order = |from: Vec<usize>| {
                (0..channels).map(|to_channel| from[channel(&to.channels, to_channel)]).collect()
            };
            return Ok(Some(x.selecting(node.name, order)));
        }
        let x = self.settle(x)?;
        let apart = self.apart(node, x.value, counts)?;
        let below = x.shape.channels;
        let part = |at: usize| {
            let mut places = [0; 3];
            for (digit, value) in values(&to.channels, at) {
                if let Some(axis) = digit.axis.and_then(Axis::spatial) {
                    places[axis] = value;
                }
            }
            (places[0] * counts[1] + places[1]) * counts[2] + places[2]
        };
        let y = Activation {
            bytes: x.bytes,
            ..Activation::new(apart, to.form, self.graph.shape(apart))
        };
        Ok(Some(y.selecting(node.name, |_| {
            (0..channels).map(|at| part(at) * below + channel(&to.channels, at)).collect()
        })))
    }

    /// Every `counts`th plane, row and column from each of the first ones on, as channels one after the other.
    fn apart(
        &mut self,
        node: &OnnxNode<'a>,
        x: Value,
        counts: [usize; 3],
    ) -> Result<Value, ImportError> {
        let shape = self.graph.shape(x);
        let mut parts = Vec::new();
        for place in positions(counts) {
            let range = |axis: usize| Range {
                start: place[axis],
                end: shape.axes()[axis],
                step: counts[axis],
            };
            let [planes, rows, columns] = [0, 1, 2].map(range);
            let planes = Some(planes).filter(|&planes| planes != Range::whole(shape.depth));
            parts.push(self.push(
                node.name,
                Op::Slice(Slice { rows, columns, planes }),
                vec![x],
            )?);
        }
        self.push(node.name, Op::Concat, parts)
    }

    /// Channels as planes, rows and columns between those of the value.
    fn between(
        &mut self,
        node: &OnnxNode<'a>,
        x: Activation,
        to: &Arrangement,
        counts: [usize; 3],
    ) -> Result<Activation, ImportError> {
        let order = x.order();
        let count = extent(&to.channels);
        let mut sum: Option<Value> = None;
        for place in positions(counts) {
            let own: usize = (0..3).map(|axis| channel(&to.low[axis], place[axis])).sum();
            let part: Vec<usize> =
                (0..count).map(|at| order[own + channel(&to.channels, at)]).collect();
            let part = self.push_selection(node.name, &part, x.value)?;
            let zeros = |axis: usize| AxisPadding {
                before: place[axis],
                between: counts[axis] - 1,
                after: counts[axis] - 1 - place[axis],
            };
            let [planes, rows, columns] = [0, 1, 2].map(zeros);
            let part = self.push(node.name, Op::Pad(Pad { rows, columns, planes }), vec![part])?;
            sum = Some(match sum {
                Some(sum) => self.push(node.name, Op::Add, vec![sum, part])?,
                None => part,
            });
        }
        let value = sum.ok_or_else(|| node.refuse("it takes no channels"))?;
        Ok(Activation::new(value, to.form, self.graph.shape(value)))
    }
}
