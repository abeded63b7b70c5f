//! Elementwise arithmetic on constants, with NumPy's broadcasting.

use super::{
    ImportError,
    budget::Budget,
    constant::{Constant, Data, Strided, elements, strides},
    node::OnnxNode,
};

/// Add, Sub, Mul or Div of two constants.
pub(super) fn arithmetic(
    node: &OnnxNode<'_>,
    a: &Constant,
    b: &Constant,
    budget: &mut Budget,
) -> Result<Constant, ImportError> {
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
