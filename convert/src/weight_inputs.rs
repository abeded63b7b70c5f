//! The inputs of the weights of a row.

use bayes8_core::graph::{Graph, Node, Shape, Window};
use bayes8_core::ops::Filters;

/// Where the weights of a row take their inputs from.
pub(crate) struct WeightInputs {
    window: Window,
    groups: usize,
    input: Shape,
    output: Shape,
}

impl WeightInputs {
    /// The inputs of the weights of `node`; `None` if it has none.
    pub(crate) fn of<T>(graph: &Graph<T>, node: &Node<T>) -> Option<Self> {
        let Filters { input, window, groups, .. } = node.op.filters(graph.shape(node.inputs[0]))?;
        Some(Self { window, groups, input, output: node.shape })
    }

    /// Weights of a row, times the groups.
    pub(crate) fn count(&self) -> usize {
        self.window.taps() * self.input.channels
    }

    /// Groups of rows that see only their own channels.
    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    /// Weights of a row.
    pub(crate) fn fan_in(&self) -> usize {
        self.count() / self.groups
    }

    /// Output positions.
    pub(crate) fn positions(&self) -> usize {
        self.output.spatial()
    }

    /// Copies the inputs of the weights of a row in `group` from one picture `[D][H][W][C]` at an
    /// output `position`; the padding is zero.
    pub(crate) fn gather(&self, numbers: &[f32], position: usize, group: usize, row: &mut [f32]) {
        let (axes, extents, outputs) = (self.window.axes(), self.input.axes(), self.output.axes());
        let channels = self.input.channels;
        let group_channels = channels / self.groups;
        let line = position / outputs[2];
        let output = [line / outputs[1], line % outputs[1], position % outputs[2]];
        for (tap, to) in row.chunks_exact_mut(group_channels).enumerate() {
            let place = self.place(tap);
            let along = |i: usize| axes[i].position(output[i], place[i], extents[i]);
            match (along(0), along(1), along(2)) {
                (Some(plane), Some(row), Some(column)) => {
                    let pixel = (plane * extents[1] + row) * extents[2] + column;
                    to.copy_from_slice(
                        &numbers[pixel * channels + group * group_channels..][..group_channels],
                    );
                }
                _ => to.fill(0.0),
            }
        }
    }

    /// The place of a tap in the window.
    fn place(&self, tap: usize) -> [usize; 3] {
        let axes = self.window.axes();
        let line = tap / axes[2].kernel;
        [line / axes[1].kernel, line % axes[1].kernel, tap % axes[2].kernel]
    }

    /// The mean input of each tap over the output positions of one picture `[D][H][W][C]`; the
    /// padding is zero: `[groups][KD][KH][KW][C / groups]`.
    pub(crate) fn means(&self, numbers: &[f32]) -> Vec<f64> {
        let Shape { channels, .. } = self.input;
        let (axes, extents, outputs) = (self.window.axes(), self.input.axes(), self.output.axes());
        let (taps, group_channels) = (self.window.taps(), channels / self.groups);
        let mut means = vec![0.0; self.count()];
        let mut sums = vec![0.0f64; channels];
        for tap in 0..taps {
            sums.fill(0.0);
            let place = self.place(tap);
            // Positions along an axis that this tap sees.
            let seen = |i: usize| {
                (0..outputs[i])
                    .filter_map(move |output| axes[i].position(output, place[i], extents[i]))
            };
            for plane in seen(0) {
                for row in seen(1) {
                    for column in seen(2) {
                        let pixel = (plane * extents[1] + row) * extents[2] + column;
                        let pixel = &numbers[pixel * channels..][..channels];
                        sums.iter_mut().zip(pixel).for_each(|(sum, &x)| *sum += f64::from(x));
                    }
                }
            }
            for (channel, sum) in sums.iter().enumerate() {
                let (group, channel) = (channel / group_channels, channel % group_channels);
                let mean = sum / self.output.spatial() as f64;
                means[(group * taps + tap) * group_channels + channel] = mean;
            }
        }
        means
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bayes8_core::graph::{Op, Padding, Value};
    use bayes8_core::ops::Conv2d;

    /// A strided, dilated and padded convolution in two groups.
    fn taps() -> WeightInputs {
        let input = Shape { depth: 1, height: 7, width: 6, channels: 4 };
        let padding = Padding { top: 1, right: 1, ..Padding::uniform(0) };
        let window = Window { stride: [2, 1], dilation: [1, 2], padding, ..Window::new([3, 2]) };
        let mut graph = Graph::new(input).unwrap();
        let op = Op::Conv2d(Conv2d { out_channels: 6, groups: 2, window });
        graph.push("conv".into(), op, vec![Value::Input], ()).unwrap();
        WeightInputs::of(&graph, &graph.nodes()[0]).unwrap()
    }

    #[test]
    fn means_are_those_of_what_is_gathered() {
        let taps = taps();
        let numbers: Vec<f32> = (0..7 * 6 * 4).map(|i| (i * i % 97) as f32).collect();
        let n = taps.fan_in();
        let mut sums = vec![0.0; taps.count()];
        let mut row = vec![0.0; n];
        for group in 0..taps.groups() {
            for position in 0..taps.positions() {
                taps.gather(&numbers, position, group, &mut row);
                let sums = &mut sums[group * n..][..n];
                sums.iter_mut().zip(&row).for_each(|(sum, &x)| *sum += f64::from(x));
            }
        }
        for (sum, mean) in sums.iter().zip(taps.means(&numbers)) {
            assert!((sum / taps.positions() as f64 - mean).abs() < 1e-9);
        }
    }
}
