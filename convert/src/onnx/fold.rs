//! Constant folding: the shape arithmetic that exporters leave in a graph.

use std::rc::Rc;

use super::{
    ImportError,
    arithmetic::arithmetic,
    budget::Budget,
    constant::{Constant, Data, Strided, elements, is_float, slice_axis, strides},
    external::External,
    node::OnnxNode,
    shapes::{SliceCut, resolve_reshape, shape_part, squeeze_shape},
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
            let shape = operands.required(node, 0)?.shape.clone();
            Constant::integers(shape_part(node, shape)?)
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
        "Add" | "Sub" | "Mul" | "Div" => {
            arithmetic(node, operands.required(node, 0)?, operands.required(node, 1)?, budget)?
        }
        "ReduceProd" => reduce_product(node, operands)?,
        _ => return Ok(None),
    };
    budget.charge(node.name, result.data.len())?;
    Ok(Some(Rc::new(result)))
}

fn constant(node: &OnnxNode<'_>) -> Folded {
    let float = |v: Vec<f32>, shape| Constant::new(shape, Data::Float(v));
    if let Some(tensor) = node.attribute("value").and_then(|a| a.t.as_ref()) {
        Constant::decode(tensor, node.name, &mut External::refused())
    } else if node.attribute("value_int").is_some() {
        Ok(Constant::new(vec![], Data::Integer(vec![node.int("value_int", 0)?])))
    } else if let Some(values) = node.ints("value_ints")? {
        Ok(Constant::integers(values.to_vec()))
    } else if node.attribute("value_float").is_some() {
        Ok(float(vec![node.bound("value_float", 0.0)?], vec![]))
    } else if let Some(values) = node.floats("value_floats")? {
        if values.iter().any(|v| v.is_nan()) {
            return Err(node.refuse("attribute `value_floats` holds NaN"));
        }
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
        Some(tensor) => Constant::decode(tensor, node.name, &mut External::refused())?.data,
        None => Data::Float(vec![0.0]),
    };
    let data = match value {
        Data::Float(v) if v.len() == 1 => Data::Float(vec![v[0]; count]),
        Data::Integer(v) if v.len() == 1 => Data::Integer(vec![v[0]; count]),
        _ => return Err(node.refuse("`value` must hold one number")),
    };
    Ok(Constant::new(shape, data))
}

fn cast(node: &OnnxNode<'_>, data: &Constant) -> Folded {
    let to = node.data_type("to")?;
    let cast = match (to.0, &data.data) {
        // Same kind: the constant keeps its source.
        (_, Data::Float(_)) if is_float(to) => return Ok(data.clone()),
        (2..=7 | 12 | 13, Data::Integer(_)) => return Ok(data.clone()),
        (_, Data::Integer(v)) if is_float(to) => Data::Float(v.iter().map(|&x| x as f32).collect()),
        (2..=7 | 12 | 13, Data::Float(v)) => match v.iter().find(|x| !x.is_finite()) {
            Some(x) => return Err(node.refuse(format!("{x} is not an integer"))),
            None => Data::Integer(v.iter().map(|&x| x as i64).collect()),
        },
        (9, Data::Float(v)) => Data::Integer(v.iter().map(|&x| (x != 0.0).into()).collect()),
        (9, Data::Integer(v)) => Data::Integer(v.iter().map(|&x| (x != 0).into()).collect()),
        _ => return Err(node.refuse(format!("casts to {to} are not supported"))),
    };
    Ok(Constant::new(data.shape.clone(), cast))
}

fn gather(node: &OnnxNode<'_>, operands: &Operands<'_>, budget: &mut Budget) -> Folded {
    let data = operands.required(node, 0)?;
    let indices = operands.required(node, 1)?;
    let axis = node.axis(node.int("axis", 0)?, data.shape.len())?;
    let extent = data.shape[axis];
    let values = indices.as_integers().ok_or_else(|| node.refuse("indices must be integers"))?;
    let positions =
        values.iter().map(|&i| node.element(i, extent)).collect::<Result<Vec<_>, _>>()?;
    let shape = [&data.shape[..axis], &indices.shape, &data.shape[axis + 1..]].concat();
    let count = elements(&shape).ok_or_else(|| node.refuse("the result is too large"))?;
    budget.check(node.name, count)?;
    // Without their source: entries may come twice.
    Ok(Constant::new(shape, data.taken(axis, &positions).data))
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

fn reshaped(data: &Constant, shape: Vec<usize>) -> Constant {
    Constant { shape, ..data.clone() }
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
