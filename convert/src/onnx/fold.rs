//! Constant folding: the shape arithmetic that exporters leave in a graph.

use std::rc::Rc;

use super::{
    ImportError,
    budget::Budget,
    constant::{Constant, Data, Strided, elements, slice_axis, strides},
    node::OnnxNode,
};

type Folded = Result<Constant, ImportError>;

/// Operands of a node whose inputs are all constant; left-out ones are `None`.
pub(super) struct Operands<'a>(pub(super) &'a [Option<Rc<Constant>>]);

impl Operands<'_> {
    fn get(&self, i: usize) -> Option<&Constant> {
        self.0.get(i)?.as_deref()
    }

    fn required(&self, node: &OnnxNode<'_>, i: usize) -> Result<&Constant, ImportError> {
        self.get(i).ok_or_else(|| node.refuse(format!("input {i} is missing")))
    }

    /// Integers of input `i` or, as in older operator sets, of the attribute `name`.
    fn integers<'s>(
        &'s self,
        node: &OnnxNode<'s>,
        i: usize,
        name: &str,
    ) -> Result<Option<&'s [i64]>, ImportError> {
        match self.get(i) {
            Some(c) => match c.as_integers() {
                Some(values) => Ok(Some(values)),
                None => Err(node.refuse(format!("input {i} must hold integers"))),
            },
            None => node.ints(name),
        }
    }
}

/// Computes a node of constants; `None` when the operator is not one that folds.
pub(super) fn fold(
    node: &OnnxNode<'_>,
    operands: &Operands<'_>,
    budget: &mut Budget,
) -> Result<Option<Rc<Constant>>, ImportError> {
    if matches!(node.op, "Identity" | "Dropout") {
        // The same numbers: shared, not copied.
        return Ok(operands.0.first().cloned().flatten());
    }
    let result = match node.op {
        "Constant" => constant(node)?,
        "ConstantOfShape" => constant_of_shape(node, operands, budget)?,
        "Shape" => {
            let shape = operands.required(node, 0)?.shape.iter().map(|&d| d as i64).collect();
            shape_part(node, shape)?
        }
        "Cast" => cast(node, operands.required(node, 0)?)?,
        "Gather" => gather(node, operands, budget)?,
        "Concat" => concat(node, operands, budget)?,
        "Transpose" => transpose(node, operands.required(node, 0)?)?,
        "Slice" => slice(node, operands)?,
        "Reshape" => {
            let data = operands.required(node, 0)?;
            let target = operands.integers(node, 1, "shape")?;
            let target = target.ok_or_else(|| node.refuse("no target shape"))?;
            reshaped(data, resolve_reshape(node, &data.shape, target)?)
        }
        "Squeeze" | "Unsqueeze" => {
            let data = operands.required(node, 0)?;
            let axes = operands.integers(node, 1, "axes")?;
            let shape = squeeze_shape(node, &data.shape, axes)?;
            reshaped(data, shape)
        }
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(node, operands, budget)?,
        "ReduceProd" => reduce_product(node, operands)?,
        _ => return Ok(None),
    };
    budget.charge(node.name, result.data.len())?;
    Ok(Some(Rc::new(result)))
}

fn constant(node: &OnnxNode<'_>) -> Folded {
    let float = |v: Vec<f32>, shape| Constant::new(shape, Data::Float(v));
    if let Some(tensor) = node.attribute("value").and_then(|a| a.t.as_ref()) {
        Constant::decode(tensor, node.name)
    } else if node.attribute("value_int").is_some() {
        Ok(Constant::new(vec![], Data::Integer(vec![node.int("value_int", 0)?])))
    } else if let Some(values) = node.ints("value_ints")? {
        Ok(Constant::integers(values.to_vec()))
    } else if node.attribute("value_float").is_some() {
        Ok(float(vec![node.float("value_float", 0.0)?], vec![]))
    } else if let Some(values) = node.floats("value_floats")? {
        Ok(float(values.to_vec(), vec![values.len()]))
    } else {
        Err(node.refuse("only tensors, integers and floats are supported"))
    }
}

fn constant_of_shape(node: &OnnxNode<'_>, operands: &Operands<'_>, budget: &mut Budget) -> Folded {
    let shape = operands.required(node, 0)?.as_integers();
    let shape: Option<Vec<usize>> =
        shape.and_then(|s| s.iter().map(|&d| usize::try_from(d).ok()).collect());
    let count = shape.as_deref().and_then(elements);
    let (Some(shape), Some(count)) = (shape, count) else {
        return Err(node.refuse("the shape is not a list of extents"));
    };
    budget.check(node.name, count)?;
    let value = match node.attribute("value").and_then(|a| a.t.as_ref()) {
        Some(tensor) => Constant::decode(tensor, node.name)?.data,
        None => Data::Float(vec![0.0]),
    };
    let data = match value {
        Data::Float(v) if v.len() == 1 => Data::Float(vec![v[0]; count]),
        Data::Integer(v) if v.len() == 1 => Data::Integer(vec![v[0]; count]),
        _ => return Err(node.refuse("`value` must hold one number")),
    };
    Ok(Constant::new(shape, data))
}

/// The part of a shape that `Shape`'s `start` and `end` attributes select.
pub(super) fn shape_part(node: &OnnxNode<'_>, shape: Vec<i64>) -> Folded {
    let (start, end) = (node.int("start", 0)?, node.int("end", i64::MAX)?);
    let (start, count) = slice_axis(shape.len(), start, end, 1).unwrap_or((0, 0));
    Ok(Constant::integers(shape.into_iter().skip(start).take(count).collect()))
}

fn cast(node: &OnnxNode<'_>, data: &Constant) -> Folded {
    let cast = match (node.int("to", 0)?, &data.data) {
        // Same kind: the constant keeps its source.
        (1 | 11, Data::Float(_)) | (2..=7 | 12 | 13, Data::Integer(_)) => return Ok(data.clone()),
        (1 | 11, Data::Integer(v)) => Data::Float(v.iter().map(|&x| x as f32).collect()),
        (2..=7 | 12 | 13, Data::Float(v)) => Data::Integer(v.iter().map(|&x| x as i64).collect()),
        (9, Data::Float(v)) => Data::Integer(v.iter().map(|&x| (x != 0.0).into()).collect()),
        (9, Data::Integer(v)) => Data::Integer(v.iter().map(|&x| (x != 0).into()).collect()),
        (other, _) => return Err(node.refuse(format!("type number {other} is not supported"))),
    };
    Ok(Constant::new(data.shape.clone(), cast))
}

fn gather(node: &OnnxNode<'_>, operands: &Operands<'_>, budget: &mut Budget) -> Folded {
    let data = operands.required(node, 0)?;
    let indices = operands.required(node, 1)?;
    let axis = node.axis(node.int("axis", 0)?, data.shape.len())?;
    let extent = data.shape[axis];
    let values = indices.as_integers().ok_or_else(|| node.refuse("indices must be integers"))?;
    let positions = values.iter().map(|&i| node.axis(i, extent)).collect::<Result<Vec<_>, _>>()?;
    let inner: usize = data.shape[axis + 1..].iter().product();
    let outer: usize = data.shape[..axis].iter().product();
    let shape = [&data.shape[..axis], &indices.shape, &data.shape[axis + 1..]].concat();
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    budget.check(node.name, count)?;
    let starts = (0..outer).flat_map(|o| positions.iter().map(move |&p| (o * extent + p) * inner));
    let gathered = match &data.data {
        Data::Float(v) => Data::Float(starts.flat_map(|s| &v[s..s + inner]).copied().collect()),
        Data::Integer(v) => Data::Integer(starts.flat_map(|s| &v[s..s + inner]).copied().collect()),
    };
    Ok(Constant::new(shape, gathered))
}

fn concat(node: &OnnxNode<'_>, operands: &Operands<'_>, budget: &mut Budget) -> Folded {
    let parts: Vec<&Constant> =
        (0..operands.0.len()).map(|i| operands.required(node, i)).collect::<Result<_, _>>()?;
    let first = *parts.first().ok_or_else(|| node.refuse("no inputs"))?;
    let axis = node.axis(node.int("axis", 0)?, first.shape.len())?;
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for part in &parts {
        let same = part.shape.len() == shape.len()
            && (0..shape.len()).all(|i| i == axis || part.shape[i] == shape[i]);
        if !same {
            return Err(node.refuse("the inputs' shapes do not fit"));
        }
        shape[axis] = shape[axis].saturating_add(part.shape[axis]);
    }
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    budget.check(node.name, count)?;
    let outer: usize = shape[..axis].iter().product();
    fn join<T: Copy>(outer: usize, parts: &[&[T]]) -> Vec<T> {
        let rows = |part: &&[T]| part.len() / outer.max(1);
        let row = |o: usize| parts.iter().flat_map(move |p| &p[o * rows(p)..(o + 1) * rows(p)]);
        (0..outer).flat_map(row).copied().collect()
    }
    let floats: Option<Vec<&[f32]>> = parts.iter().map(|p| p.floats()).collect();
    let integers: Option<Vec<&[i64]>> = parts.iter().map(|p| p.as_integers()).collect();
    let data = match (floats, integers) {
        (Some(parts), _) => Data::Float(join(outer, &parts)),
        (_, Some(parts)) => Data::Integer(join(outer, &parts)),
        _ => return Err(node.refuse("mixes floats and integers")),
    };
    Ok(Constant::new(shape, data))
}

fn transpose(node: &OnnxNode<'_>, data: &Constant) -> Folded {
    let rank = data.shape.len();
    let axes: Vec<usize> = match node.ints("perm")? {
        Some(perm) => perm.iter().map(|&a| node.axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    if axes.len() != rank || (0..rank).any(|a| !axes.contains(&a)) {
        return Err(node.refuse("`perm` is no permutation of the axes"));
    }
    let from = strides(&data.shape);
    Ok(data.rearranged(&Strided {
        shape: axes.iter().map(|&a| data.shape[a]).collect(),
        strides: axes.iter().map(|&a| from[a]).collect(),
        offset: 0,
    }))
}

fn slice(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Folded {
    let data = operands.required(node, 0)?;
    let bounds = |i, name| operands.integers(node, i, name);
    let (Some(starts), Some(ends)) = (bounds(1, "starts")?, bounds(2, "ends")?) else {
        return Err(node.refuse("no bounds"));
    };
    let cuts = SliceCut::list(
        node,
        data.shape.len(),
        starts,
        ends,
        bounds(3, "axes")?,
        bounds(4, "steps")?,
    )?;
    let mut layout =
        Strided { shape: data.shape.clone(), strides: strides(&data.shape), offset: 0 };
    for cut in cuts {
        let (start, count) = slice_axis(layout.shape[cut.axis], cut.start, cut.end, cut.step)
            .ok_or_else(|| node.refuse("step 0"))?;
        layout.offset += start * layout.strides[cut.axis].unsigned_abs();
        layout.shape[cut.axis] = count;
        // Only a step within the axis takes a second element; others could overflow.
        layout.strides[cut.axis] *= if count > 1 { cut.step as isize } else { 0 };
    }
    let mut cut = data.rearranged(&layout);
    cut.source = None;
    Ok(cut)
}

/// One axis of a Slice.
pub(super) struct SliceCut {
    pub(super) axis: usize,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) step: i64,
}

impl SliceCut {
    /// Pairs up the operands of a Slice over `rank` axes; no axis may come twice.
    pub(super) fn list(
        node: &OnnxNode<'_>,
        rank: usize,
        starts: &[i64],
        ends: &[i64],
        axes: Option<&[i64]>,
        steps: Option<&[i64]>,
    ) -> Result<Vec<Self>, ImportError> {
        let n = starts.len();
        let fits = |list: Option<&[i64]>| list.is_none_or(|l| l.len() == n);
        if ends.len() != n || !fits(axes) || !fits(steps) || n > rank {
            return Err(node.refuse("starts, ends, axes and steps do not go together"));
        }
        let mut cuts: Vec<Self> = Vec::new();
        for i in 0..n {
            let axis = node.axis(axes.map_or(i as i64, |a| a[i]), rank)?;
            if cuts.iter().any(|c| c.axis == axis) {
                return Err(node.refuse("an axis is sliced twice"));
            }
            let step = steps.map_or(1, |s| s[i]);
            cuts.push(Self { axis, start: starts[i], end: ends[i], step });
        }
        Ok(cuts)
    }
}

/// The shape that an ONNX Reshape to `target` means: 0 keeps an extent, -1 is what remains.
pub(super) fn resolve_reshape(
    node: &OnnxNode<'_>,
    from: &[usize],
    target: &[i64],
) -> Result<Vec<usize>, ImportError> {
    let refuse = || node.refuse(format!("cannot reshape {from:?} to {target:?}"));
    let keep_zero = node.int("allowzero", 0)? != 0;
    let mut shape = Vec::new();
    let mut rest = None;
    for (i, &t) in target.iter().enumerate() {
        let extent = match t {
            -1 if rest.is_none() => {
                rest = Some(i);
                1
            }
            0 if !keep_zero => *from.get(i).ok_or_else(refuse)?,
            _ => usize::try_from(t).map_err(|_| refuse())?,
        };
        shape.push(extent);
    }
    let (have, want) = (elements(from).ok_or_else(refuse)?, elements(&shape).ok_or_else(refuse)?);
    if let Some(i) = rest {
        shape[i] = have.checked_div(want).ok_or_else(refuse)?;
    }
    if elements(&shape) == Some(have) { Ok(shape) } else { Err(refuse()) }
}

/// The shape after Squeeze or Unsqueeze.
pub(super) fn squeeze_shape(
    node: &OnnxNode<'_>,
    from: &[usize],
    axes: Option<&[i64]>,
) -> Result<Vec<usize>, ImportError> {
    if node.op == "Squeeze" {
        let Some(axes) = axes else {
            return Ok(from.iter().copied().filter(|&d| d != 1).collect());
        };
        let axes = axes.iter().map(|&a| node.axis(a, from.len())).collect::<Result<Vec<_>, _>>()?;
        if axes.iter().any(|&a| from[a] != 1) {
            return Err(node.refuse("squeezes an axis whose extent is not 1"));
        }
        return Ok((0..from.len()).filter(|a| !axes.contains(a)).map(|a| from[a]).collect());
    }
    let axes = axes.ok_or_else(|| node.refuse("no axes"))?;
    let rank = from.len() + axes.len();
    let axes = axes.iter().map(|&a| node.axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut extents = from.iter();
    let shape: Vec<usize> = (0..rank)
        .map(|a| if axes.contains(&a) { 1 } else { extents.next().copied().unwrap_or(1) })
        .collect();
    // An axis named twice would leave extents over.
    if extents.next().is_some() { Err(node.refuse("an axis comes twice")) } else { Ok(shape) }
}

fn reshaped(data: &Constant, shape: Vec<usize>) -> Constant {
    Constant { shape, ..data.clone() }
}

fn arithmetic(node: &OnnxNode<'_>, operands: &Operands<'_>, budget: &mut Budget) -> Folded {
    let (a, b) = (operands.required(node, 0)?, operands.required(node, 1)?);
    let rank = a.shape.len().max(b.shape.len());
    let extent = |c: &Constant, axis: usize| {
        (axis + c.shape.len()).checked_sub(rank).and_then(|i| c.shape.get(i)).copied().unwrap_or(1)
    };
    let shape = (0..rank)
        .map(|i| match (extent(a, i), extent(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, n) | (n, 1) => Ok(n),
            _ => Err(node.refuse(format!("shapes {:?} and {:?} do not fit", a.shape, b.shape))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    budget.check(node.name, count.saturating_mul(2))?;
    // Broadcast axes have stride 0.
    let spread = |c: &Constant| {
        let own = strides(&c.shape);
        let missing = rank - c.shape.len();
        let stride = |i: usize| match i.checked_sub(missing) {
            Some(own_axis) if c.shape[own_axis] != 1 => own[own_axis],
            _ => 0,
        };
        c.rearranged(&Strided {
            shape: shape.clone(),
            strides: (0..rank).map(stride).collect(),
            offset: 0,
        })
    };
    let data = match (spread(a).data, spread(b).data) {
        (Data::Float(x), Data::Float(y)) => {
            let f: fn(f32, f32) -> f32 = match node.op {
                "Add" => |x, y| x + y,
                "Sub" => |x, y| x - y,
                "Mul" => |x, y| x * y,
                _ => |x, y| x / y,
            };
            Data::Float(x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect())
        }
        (Data::Integer(x), Data::Integer(y)) => {
            let f: fn(i64, i64) -> Option<i64> = match node.op {
                "Add" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                _ => i64::checked_div,
            };
            let values = x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect::<Option<_>>();
            Data::Integer(values.ok_or_else(|| node.refuse("overflow or division by zero"))?)
        }
        _ => return Err(node.refuse("mixes floats and integers")),
    };
    Ok(Constant::new(shape, data))
}

fn reduce_product(node: &OnnxNode<'_>, operands: &Operands<'_>) -> Folded {
    let data = operands.required(node, 0)?;
    let axes = operands.integers(node, 1, "axes")?;
    let rank = data.shape.len();
    if axes.is_some_and(|axes| axes.len() != rank) || node.int("noop_with_empty_axes", 0)? != 0 {
        return Err(node.refuse("only the product over all axes is supported"));
    }
    let values = data.as_integers().ok_or_else(|| node.refuse("only integers are supported"))?;
    let product = values.iter().try_fold(1i64, |p, &v| p.checked_mul(v));
    let product = product.ok_or_else(|| node.refuse("overflow"))?;
    let shape = vec![1; if node.int("keepdims", 1)? != 0 { rank } else { 0 }];
    Ok(Constant::new(shape, Data::Integer(vec![product])))
}
