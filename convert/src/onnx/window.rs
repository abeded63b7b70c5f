//! Nodes that slide a window, and the zero borders that they take up.

use bayes8_core::graph::{MAX_ELEMENTS, Op, Padding, Shape, Value, Window};

use super::{
    ImportError,
    activation::{Activation, Axis, Form, Pending},
    builder::Builder,
    node::OnnxNode,
};

impl<'a> Builder<'a> {
    /// Input `i` without its pending border, and that border.
    pub(super) fn bordered(
        &mut self,
        node: &OnnxNode<'a>,
        i: usize,
    ) -> Result<(Activation, Padding), ImportError> {
        let mut x = self.activation(node, i)?;
        x.require_form(Form::Picture, node)?;
        let Pending::Border { padding, .. } = x.pending else {
            return Ok((self.settled(node, i)?, Padding::default()));
        };
        x.pending = Pending::Nothing;
        x.shape = self.graph.shape(x.value);
        Ok((x, padding))
    }

    /// The window of a node over `x` with a border of zeros around it.
    pub(super) fn window(
        &self,
        node: &OnnxNode<'a>,
        x: &Activation,
        border: Padding,
        weights: Option<[usize; 2]>,
    ) -> Result<Window, ImportError> {
        let pair = |name: &str, default: [usize; 2]| match node.ints(name)? {
            None => Ok(default),
            Some(&[a, b]) => Ok([extent(node, name, a)?, extent(node, name, b)?]),
            Some(list) => Err(node.refuse(format!("{}-D windows are not supported", list.len()))),
        };
        let kernel = pair("kernel_shape", weights.unwrap_or([0, 0]))?;
        if weights.is_some_and(|w| w != kernel) {
            return Err(node.refuse("`kernel_shape` is not that of the weights"));
        }
        let (stride, dilation) = (pair("strides", [1, 1])?, pair("dilations", [1, 1])?);
        if [kernel, stride, dilation].as_flattened().contains(&0) {
            return Err(node.refuse("kernel, strides and dilations must be positive"));
        }
        let bordered = [
            x.shape.height + border.top + border.bottom,
            x.shape.width + border.left + border.right,
        ];
        // Total padding that keeps `ceil(extent / stride)` outputs.
        let same = |i: usize| {
            let outputs = bordered[i].div_ceil(stride[i]);
            let reach = (outputs - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1;
            reach.saturating_sub(bordered[i])
        };
        let [top, left, bottom, right] = match node.string("auto_pad")? {
            None | Some("" | "NOTSET") => match node.ints("pads")? {
                None => [0; 4],
                Some(&[t, l, b, r]) => {
                    let pad = |n| extent(node, "pads", n);
                    [pad(t)?, pad(l)?, pad(b)?, pad(r)?]
                }
                Some(_) => return Err(node.refuse("`pads` must hold four numbers")),
            },
            Some("VALID") => [0; 4],
            Some("SAME_UPPER") => {
                let [v, h] = [same(0), same(1)];
                [v / 2, h / 2, v - v / 2, h - h / 2]
            }
            Some("SAME_LOWER") => {
                let [v, h] = [same(0), same(1)];
                [v - v / 2, h - h / 2, v / 2, h / 2]
            }
            Some(other) => return Err(node.refuse(format!("auto_pad {other} is not supported"))),
        };
        let padding = Padding {
            top: top + border.top,
            left: left + border.left,
            bottom: bottom + border.bottom,
            right: right + border.right,
        };
        Ok(Window { kernel, stride, dilation, padding })
    }

    pub(super) fn max_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (x, border) = self.bordered(node, 0)?;
        // A border of zeros equals padding that never wins only where no value is negative.
        if border != Padding::default() && !self.non_negative(x.value) {
            return Err(node.refuse("cannot take up a border of zeros before negative values"));
        }
        let window = self.window(node, &x, border, None)?;
        check_ceil_mode(node, &x, &window)?;
        self.slide(node, Op::MaxPool(window), &x)
    }

    pub(super) fn average_pool(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let (x, border) = self.bordered(node, 0)?;
        let window = self.window(node, &x, border, None)?;
        check_ceil_mode(node, &x, &window)?;
        let mut count_include_pad = node.int("count_include_pad", 0)? != 0;
        if border != Padding::default() && !count_include_pad {
            // The border always counts; the node's own padding would not.
            if window.padding != border {
                return Err(node.refuse("cannot tell its padding from the border of a Pad"));
            }
            count_include_pad = true;
        }
        self.slide(node, Op::AveragePool { window, count_include_pad }, &x)
    }

    pub(super) fn global_average_pool(
        &mut self,
        node: &OnnxNode<'a>,
    ) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.require_form(Form::Picture, node)?;
        if x.shape.spatial() == 1 {
            return Ok(x);
        }
        self.slide(node, Op::GlobalAveragePool, &x)
    }

    /// A mean over rows, columns or both.
    pub(super) fn reduce_mean(&mut self, node: &OnnxNode<'a>) -> Result<Activation, ImportError> {
        let x = self.settled(node, 0)?;
        x.require_picture(node)?;
        let axes = self.integers(node, 1, "axes")?.unwrap_or_default();
        let axes = axes
            .iter()
            .map(|&a| Ok(x.axis(node.axis(a, 4)?)))
            .collect::<Result<Vec<_>, ImportError>>()?;
        let over = |axis: Axis| axes.contains(&Some(axis));
        let (rows, columns) = (over(Axis::Row), over(Axis::Column));
        if axes.is_empty() || over(Axis::Channel) || axes.contains(&None) {
            return Err(node.refuse("only a mean over rows, columns or both is supported"));
        }
        let form = match (node.int("keepdims", 1)? != 0, rows && columns) {
            (true, _) => x.form,
            (false, true) => Form::Vector,
            (false, false) => {
                return Err(node.refuse("a mean over one axis must keep it (keepdims = 1)"));
            }
        };
        let Shape { height, width, .. } = x.shape;
        let kernel = [if rows { height } else { 1 }, if columns { width } else { 1 }];
        let mean = if kernel == [1, 1] {
            x
        } else if rows && columns {
            self.slide(node, Op::GlobalAveragePool, &x)?
        } else {
            let window = Window::new(kernel);
            self.slide(node, Op::AveragePool { window, count_include_pad: false }, &x)?
        };
        Ok(Activation { form, ..mean })
    }

    fn slide(
        &mut self,
        node: &OnnxNode<'a>,
        op: Op,
        x: &Activation,
    ) -> Result<Activation, ImportError> {
        let value = self.push(node.name, op, vec![x.value])?;
        Ok(Activation::new(value, Form::Picture, self.graph.shape(value)))
    }

    /// Whether a clamp keeps every element of `value` at or above zero.
    fn non_negative(&self, mut value: Value) -> bool {
        loop {
            let Value::Node(n) = value else { return false };
            let node = &self.graph.nodes()[n];
            match node.inputs.first() {
                _ if self.clamps[n].min >= 0.0 => return true,
                Some(&input) if node.op.only_moves() => value = input,
                _ => return false,
            }
        }
    }
}

/// A geometric number of a node, bounded so that sums and products of two cannot overflow.
fn extent(node: &OnnxNode<'_>, name: &str, n: i64) -> Result<usize, ImportError> {
    let extent = usize::try_from(n).ok().filter(|&n| n <= MAX_ELEMENTS);
    extent.ok_or_else(|| node.refuse(format!("`{name}` holds {n}")))
}

/// Refuses `ceil_mode` where it adds a row or column.
fn check_ceil_mode(
    node: &OnnxNode<'_>,
    x: &Activation,
    window: &Window,
) -> Result<(), ImportError> {
    if node.int("ceil_mode", 0)? == 0 {
        return Ok(());
    }
    let Padding { top, left, bottom, right } = window.padding;
    let adds = |i: usize, input: usize, before: usize, after: usize| {
        let reach = (window.kernel[i] - 1) * window.dilation[i] + 1;
        let steps = (input + before + after).saturating_sub(reach);
        // A further window must begin before the padding at the end.
        let next = (steps / window.stride[i] + 1) * window.stride[i];
        !steps.is_multiple_of(window.stride[i]) && next < input + before
    };
    if adds(0, x.shape.height, top, bottom) || adds(1, x.shape.width, left, right) {
        return Err(node.refuse("ceil_mode is not supported where it changes the output's shape"));
    }
    Ok(())
}
