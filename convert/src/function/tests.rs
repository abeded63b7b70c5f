//! Functions: their known values, where they are finite, and their tables.

use super::*;

fn relu6() -> Unary {
    Unary::Clamp(Clamp { min: 0.0, max: 6.0 })
}

/// `x * relu6(x + 3) / 6`, as older exporters write it.
fn hard_swish() -> Function {
    let x = Function::argument();
    let gate = x.then(Unary::Affine { scale: 1.0, shift: 3.0 }).then(relu6());
    x.times(&gate).then(Unary::Affine { scale: 1.0 / 6.0, shift: 0.0 })
}

#[test]
fn functions_have_their_known_values() {
    let x = Function::argument();
    let of = |unary: Unary, at: f64| x.then(unary).apply(at);
    // Values from tables of the functions, to ten digits.
    for (unary, at, expected) in [
        (Unary::Sigmoid, 1.0, 0.731_058_578_6),
        (Unary::Tanh, 0.5, 0.462_117_157_3),
        (Unary::Softplus, -1.0, 0.313_261_687_5),
        (Unary::Softplus, 800.0, 800.0),
        (Unary::Erf, 0.5, 0.520_499_877_8),
        (Unary::Elu { alpha: 2.0 }, -1.0, -1.264_241_117_7),
        (Unary::LeakyRelu { slope: 0.1 }, -2.0, -0.2),
        (Unary::LeakyRelu { slope: 0.1 }, 2.0, 2.0),
        (Unary::Step, 0.0, 0.0),
        (Unary::Step, 1e-9, 1.0),
        (Unary::Abs, -2.5, 2.5),
        (Unary::Sign, -2.5, -1.0),
        (Unary::Sign, 0.0, 0.0),
        (Unary::Floor, -1.5, -2.0),
        (Unary::Ceil, -1.5, -1.0),
        (Unary::Round, 2.5, 2.0),
        (Unary::Reciprocal, 4.0, 0.25),
        (Unary::Power { exponent: 1.5 }, 4.0, 8.0),
        (Unary::Power { exponent: 3.0 }, -2.0, -8.0),
        (Unary::Sqrt, 3.0, 1.732_050_807_6),
        (Unary::Exp, 2.0, 7.389_056_098_9),
        (Unary::Log, 3.0, 1.098_612_288_7),
        (Unary::Sin, 1.0, 0.841_470_984_8),
        (Unary::Cos, 1.0, 0.540_302_305_9),
        (Unary::Asin, 0.25, 0.252_680_255_1),
        (Unary::Acos, 0.25, 1.318_116_071_7),
        (Unary::Atan, 2.0, 1.107_148_717_8),
        (Unary::Sinh, 1.0, 1.175_201_193_6),
        (Unary::Cosh, 1.0, 1.543_080_634_8),
        (Unary::Asinh, 1.0, 0.881_373_587_0),
        (Unary::Acosh, 2.0, 1.316_957_896_9),
        (Unary::Atanh, 0.5, 0.549_306_144_3),
    ] {
        assert!((of(unary, at) - expected).abs() < 1e-9, "{unary:?}");
    }
    for extreme in [-1e4, 1e4] {
        for unary in [Unary::Sigmoid, Unary::Tanh, Unary::Softplus, Unary::Erf] {
            assert!(of(unary, extreme).is_finite(), "{unary:?} of {extreme}");
        }
    }
    for (at, expected) in [(-4.0, 0.0), (-1.0, -1.0 / 3.0), (1.0, 2.0 / 3.0), (5.0, 5.0)] {
        assert!((hard_swish().apply(at) - expected).abs() < 1e-12, "{at}");
    }
}

#[test]
fn blocks_and_single_numbers_agree() {
    let function = hard_swish().plus(&Function::argument().then(Unary::Tanh));
    let from: Vec<f32> = (0..2 * BLOCK + 3).map(|i| i as f32 / 50.0 - 5.0).collect();
    let mut to = vec![0.0; from.len()];
    function.apply_all(&from, &mut to);
    for (x, y) in from.iter().zip(to) {
        assert_eq!(y, function.apply(f64::from(*x)) as f32);
    }
}

#[test]
fn chains_of_clamps_are_one_clamp() {
    let wide = Clamp { min: -1.0, max: 9.0 };
    let chain = Function::argument().then(Unary::Clamp(wide)).then(relu6());
    assert_eq!(chain.as_clamp(), Some(Clamp { min: 0.0, max: 6.0 }));
    assert_eq!(chain.size(), 1);
    assert_eq!(chain.then(Unary::Tanh).as_clamp(), None);
    assert_eq!(Function::argument().then(Unary::Tanh).then(relu6()).as_clamp(), None);
}

#[test]
fn functions_are_finite_only_where_they_are() {
    let x = Function::argument();
    let of = |unary: Unary| x.then(unary);
    let shift = |shift| of(Unary::Affine { scale: 1.0, shift });
    let tangent = of(Unary::Sin).times(&of(Unary::Cos).then(Unary::Reciprocal));
    let bounded = of(Unary::Clamp(Clamp { min: 1e-3, max: f32::INFINITY }));
    let guarded = x.select(&of(Unary::Log), &x);
    for (function, range, finite) in [
        (of(Unary::Log), [0.1, 2.0], true),
        (of(Unary::Log), [0.0, 2.0], false),
        (of(Unary::Log), [-0.5, 2.0], false),
        (bounded.then(Unary::Log), [-0.5, 2.0], true),
        (guarded, [-0.5, 2.0], true),
        (of(Unary::Sqrt), [0.0, 2.0], true),
        (of(Unary::Sqrt), [-1e-9, 2.0], false),
        (of(Unary::Power { exponent: 0.5 }), [-1.0, 2.0], false),
        (of(Unary::Power { exponent: 2.0 }), [-1.0, 2.0], true),
        (of(Unary::Reciprocal), [-2.0, -1e-3], true),
        (of(Unary::Reciprocal), [-1.0, 1.7], false),
        (shift(0.3).then(Unary::Reciprocal).then(Unary::Tanh), [-1.0, 1.7], false),
        (tangent.clone(), [-1.5, 1.5], true),
        (tangent, [1.0, 2.0], false),
        (of(Unary::Acos), [-1.0, 1.0], true),
        (of(Unary::Acos), [-1.0, 1.1], false),
        (of(Unary::Exp), [0.0, 800.0], false),
    ] {
        let found = function.not_finite_in(range);
        assert_eq!(found.is_none(), finite, "{function:?} on {range:?}: {found:?}");
    }
}

/// The grid always has a code for zero, at which a logarithm has no value.
#[test]
fn codes_beyond_the_range_take_the_value_at_its_end() {
    let input = Quantization { scale: 0.01, zero_point: 0 };
    let output = Quantization { scale: 0.02, zero_point: 120 };
    let logarithm = Function::argument().then(Unary::Log);
    let table = logarithm.table(input, [0.1, 2.55], output, ActivationBits::Eight);
    assert_eq!(table[0], 120 - 115);
    // Code 5 is beyond the range too, but has a logarithm: log 0.05, below the lowest output code.
    assert_eq!(table[5], 0);
    assert_eq!(table[100], 120);
}

#[test]
fn bounds_of_functions_are_found() {
    let x = Function::argument();
    assert!(x.then(Unary::Sigmoid).is_within(0.0, 1.0));
    assert!(x.then(Unary::Clamp(Clamp { min: 0.0, max: 1.0 })).is_within(0.0, 1.0));
    assert!(!x.then(Unary::Tanh).is_within(0.0, 1.0));
    assert!(!x.then(relu6()).is_within(0.0, 1.0));
    assert!(!x.then(Unary::Log).is_within(0.0, 1.0));
}

#[test]
fn tables_hold_the_nearest_code_and_saturate() {
    let input = Quantization { scale: 0.05, zero_point: 100 };
    let output = Quantization { scale: 0.01, zero_point: 40 };
    let table = hard_swish().table(input, [-5.0, 7.75], output, ActivationBits::Eight);
    // x = 0 stays x = 0: padding that follows the table relies on it.
    assert_eq!(table[100], 40);
    assert_eq!(table[255], 255);
    let seven = hard_swish().table(input, [-5.0, 7.75], output, ActivationBits::Seven);
    assert_eq!(seven, table.map(|code| code.min(127)));
    for (q, &code) in table.iter().enumerate() {
        let y = hard_swish().apply(0.05f32 as f64 * (q as f64 - 100.0));
        let back = 0.01f32 as f64 * (f64::from(code) - 40.0);
        assert!(code == 255 || (y - back).abs() <= 0.0050001, "{q}: {y} {back}");
    }
}
