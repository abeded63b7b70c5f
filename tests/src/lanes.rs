//! Compares the registers and the dot product of a kernel with scalar code, lane by lane.
//!
//! Every implementation of [`Lanes`] and [`Dot`] passes [`check_dot`], and every implementation of
//! [`DotPairs`] [`check_pairs`] too. All steps run inside of [`Dot::run`], as those of a kernel do.

use crate::Random;
use bayes8_core::numerics::Target;
use bayes8_core::posterior::gaussian::{NOISE_TABLES, sample_weight};
use bayes8_core::simd::{Dot, DotPairs, Lanes, PANEL, Task};

/// Rounds of random numbers.
const ROUNDS: usize = 200;

/// Compares a dot product, which is exact for activations up to `most`, and its registers with scalar
/// code.
///
/// # Panics
/// At the first difference.
pub fn check_dot<D: Dot<P>, const P: usize>(set: D, most: u8) {
    set.run(Check(|| {
        Registers::<_, P> { lanes: set.lanes(), random: Random::new(1) }.check();
        products(set, most);
    }));
}

/// Compares the registers of i16 with scalar code.
///
/// # Panics
/// At the first difference.
pub fn check_pairs<D: DotPairs<P>, const P: usize>(set: D) {
    set.run(Check(|| {
        let mut random = Random::new(2);
        let mut found = [0; 32];
        let found = &mut found[..D::WORDS];
        for _ in 0..ROUNDS {
            let codes = random.bytes(D::WORDS);
            set.store_words(found, set.widen_codes(&codes));
            assert_eq!(found, codes.iter().map(|&code| code.into()).collect::<Vec<i16>>());
            let weights: Vec<i8> = codes.iter().map(|&code| code as i8).collect();
            set.store_words(found, set.widen_weights(&weights));
            assert_eq!(found, weights.iter().map(|&weight| weight.into()).collect::<Vec<i16>>());

            let words = [(); 2].map(|()| {
                let word = |random: &mut Random| match random.chance(20) {
                    true => random.pick(&[i16::MIN, i16::MAX]),
                    false => random.bits() as i16,
                };
                (0..D::WORDS).map(|_| word(&mut random)).collect::<Vec<i16>>()
            });
            let registers = words.each_ref().map(|words| set.load_words(words));
            set.store_words(found, registers[0]);
            assert_eq!(found, words[0]);
            let each = |f: fn(i16, i16) -> i16| -> Vec<i16> {
                words[0].iter().zip(&words[1]).map(|(&a, &b)| f(a, b)).collect()
            };
            set.store_words(found, set.add_words(registers[0], registers[1]));
            assert_eq!(found, each(i16::wrapping_add));
            set.store_words(found, set.subtract_words(registers[0], registers[1]));
            assert_eq!(found, each(i16::wrapping_sub));
        }
    }));
}

/// A closure as a task.
struct Check<F>(F);

impl<F: FnOnce()> Task for Check<F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        (self.0)();
    }
}

/// Compares the sums of products of all lanes, and the layout of activations and weights.
#[inline(always)]
fn products<D: Dot<P>, const P: usize>(set: D, most: u8) {
    const STEPS: usize = 3;
    let lanes = set.lanes();
    let step = size_of::<D::Step>() / size_of::<D::Activation>();
    let mut random = Random::new(3);
    for round in 0..ROUNDS {
        // The first rounds have extremes alone.
        let extreme = round < ROUNDS / 4;
        let mut activation = || match extreme {
            true => random.pick(&[0, most]),
            false => random.between(0, most.into()) as u8,
        };
        let activations: Vec<u8> = (0..STEPS * step).map(|_| activation()).collect();
        let mut weight = || match extreme {
            true => random.pick(&[i8::MIN, i8::MAX]),
            false => random.byte() as i8,
        };
        let weights: Vec<i8> = (0..STEPS * step * PANEL).map(|_| weight()).collect();
        let sums = numbers(&mut random);
        let expected: [i32; 16] = core::array::from_fn(|lane| {
            let products = (0..STEPS * step).map(|k| {
                let weight = weights[(k / step * PANEL + lane) * step + k % step];
                (i32::from(activations[k]) - D::ACTIVATION_OFFSET) * i32::from(weight)
            });
            products.fold(sums[lane], i32::wrapping_add)
        });
        let activations: Vec<_> = activations.into_iter().map(D::Activation::from).collect();
        let weights: Vec<_> = weights.into_iter().map(D::Weight::from).collect();
        let (activations, weights) = (D::steps(&activations), D::weight_steps(&weights));
        assert_eq!((activations.len(), weights.len()), (STEPS, STEPS));
        let mut registers = lanes.load(&sums);
        for (&activations, weights) in activations.iter().zip(weights) {
            let activations = set.splat_step(activations);
            for (sums, weights) in registers.iter_mut().zip(lanes.load(weights)) {
                *sums = set.dot(*sums, activations, weights);
            }
        }
        let mut found = [0; 16];
        lanes.store(&mut found, registers);
        assert_eq!(found, expected);
    }
}

/// Returns random numbers, some of them extremes.
fn numbers(random: &mut Random) -> [i32; 16] {
    const EXTREMES: [i32; 8] = [i32::MIN, i32::MIN + 1, -5, -1, 0, 1, i32::MAX - 1, i32::MAX];
    [(); 16].map(|()| match random.chance(30) {
        true => random.pick(&EXTREMES),
        // Of any magnitude.
        false => random.bits() as i32 >> random.below(32),
    })
}

/// Returns random floats: of any magnitude, halves and infinities.
fn floats(random: &mut Random) -> [f32; 16] {
    [(); 16].map(|()| match random.below(4) {
        0 => random.between(0, 1200) as f32 / 2.0 - 300.0,
        1 => random.real(-300.0, 300.0),
        2 => random.pick(&[0.0, -0.0, 1e-40, f32::MAX, f32::MIN, f32::INFINITY, f32::NEG_INFINITY]),
        _ => random.real(-1.0, 1.0) * 10f32.powi(random.between(0, 38) as i32),
    })
}

/// The registers of an instruction set, and numbers for them.
struct Registers<L, const P: usize> {
    lanes: L,
    random: Random,
}

impl<L: Lanes<P>, const P: usize> Registers<L, P> {
    #[inline(always)]
    fn check(mut self) {
        self.order();
        for _ in 0..ROUNDS {
            self.memory();
            self.integers();
            self.real_numbers();
            self.codes();
            self.noise();
            self.weights();
            self.transpose();
        }
    }

    /// Returns the sixteen lanes of some registers.
    #[inline(always)]
    fn stored(&self, registers: [L::Int; P]) -> [i32; 16] {
        let mut line = [0; 16];
        self.lanes.store(&mut line, registers);
        line
    }

    /// Register `p` has lanes `16 / P * p` and the following ones.
    #[inline(always)]
    fn order(&self) {
        for p in 0..P {
            let mut registers = [self.lanes.splat(0); P];
            registers[p] = self.lanes.splat(-7);
            let expected = core::array::from_fn(|i| if i / (16 / P) == p { -7 } else { 0 });
            assert_eq!(self.stored(registers), expected);
            let mut line = [0; 16];
            self.lanes.store_register(&mut line, p, self.lanes.load_register(&expected, p));
            assert_eq!(line, expected);
            line = [1; 16];
            self.lanes.store_register(&mut line, p, self.lanes.splat(-7));
            assert_eq!(line, expected.map(|lane| if lane == -7 { -7 } else { 1 }));
        }
    }

    /// All bytes arrive, from any address.
    #[inline(always)]
    fn memory(&mut self) {
        let (lanes, random) = (self.lanes, &mut self.random);
        let mut memory = [[0u8; 64]; 2];
        memory.as_flattened_mut().fill_with(|| random.byte());
        let bytes: &[u8; 64] = memory.as_flattened()[random.below(64)..].first_chunk().unwrap();
        lanes.prefetch(bytes);
        let registers = lanes.load(bytes);
        let mut words = [0; 16];
        lanes.store(&mut words, registers);
        assert_eq!(words.map(i32::to_ne_bytes).as_flattened(), bytes);
        let mut signed = [0i8; 64];
        lanes.store(&mut signed, lanes.load(&words));
        assert_eq!(signed.map(|byte| byte as u8), *bytes);
        let mut halves = [0i16; 32];
        lanes.store(&mut halves, lanes.load(&signed));
        assert_eq!(halves.map(i16::to_ne_bytes).as_flattened(), bytes);
        let mut memory = [[0u8; 64]; 2];
        let to = memory.as_flattened_mut()[random.below(64)..].first_chunk_mut().unwrap();
        lanes.store(to, lanes.load(&halves));
        assert_eq!(to, bytes);

        let codes = bytes.first_chunk().unwrap();
        assert_eq!(self.stored(lanes.load_codes(codes)), codes.map(i32::from));
        let floats = floats(&mut self.random);
        let mut found = [0.0; 16];
        lanes.store_floats(&mut found, lanes.load_floats(&floats));
        assert_eq!(found.map(f32::to_bits), floats.map(f32::to_bits));
    }

    #[inline(always)]
    fn integers(&mut self) {
        let (a, b) = (numbers(&mut self.random), numbers(&mut self.random));
        let (lanes, this) = (self.lanes, &*self);
        let (x, y) = (lanes.load(&a), lanes.load(&b));
        let each = |f: &dyn Fn(i32, i32) -> i32| core::array::from_fn(|i| f(a[i], b[i]));
        let both = |f: &dyn Fn(L::Int, L::Int) -> L::Int| {
            this.stored(core::array::from_fn(|p| f(x[p], y[p])))
        };
        assert_eq!(both(&|a, b| lanes.add(a, b)), each(&i32::wrapping_add));
        assert_eq!(both(&|a, b| lanes.subtract(a, b)), each(&i32::wrapping_sub));
        assert_eq!(both(&|a, b| lanes.xor(a, b)), each(&|a, b| a ^ b));
        assert_eq!(both(&|a, _| lanes.quarter(a)), each(&|a, _| a.div_euclid(4)));
        assert_eq!(both(&|a, _| lanes.rotate::<7>(a)), each(&|a, _| a.rotate_left(7)));
        assert_eq!(both(&|a, _| lanes.rotate::<8>(a)), each(&|a, _| a.rotate_left(8)));
        assert_eq!(both(&|a, _| lanes.rotate::<12>(a)), each(&|a, _| a.rotate_left(12)));
        assert_eq!(both(&|a, _| lanes.rotate::<16>(a)), each(&|a, _| a.rotate_left(16)));
        let bytes = |a: i32, b: i32| {
            let (a, b) = (a.to_ne_bytes(), b.to_ne_bytes());
            i32::from_ne_bytes(core::array::from_fn(|i| a[i].wrapping_add(b[i])))
        };
        assert_eq!(both(&|a, b| lanes.add_bytes(a, b)), each(&bytes));
    }

    #[inline(always)]
    fn real_numbers(&mut self) {
        let lanes = self.lanes;
        let whole = numbers(&mut self.random);
        let (a, b) = (floats(&mut self.random), floats(&mut self.random));
        let (n, x, y) = (lanes.load(&whole), lanes.load_floats(&a), lanes.load_floats(&b));
        let stored = |registers| {
            let mut line = [0.0; 16];
            lanes.store_floats(&mut line, registers);
            line.map(bits)
        };
        let splat = [lanes.splat_float(a[0]); P];
        assert_eq!(stored(splat), [bits(a[0]); 16]);
        let converted = core::array::from_fn(|p| lanes.to_float(n[p]));
        assert_eq!(stored(converted), whole.map(|n| bits(n as f32)));
        let products = core::array::from_fn(|p| lanes.multiply(x[p], y[p]));
        assert_eq!(stored(products), core::array::from_fn(|i| bits(a[i] * b[i])));
        let sums = core::array::from_fn(|p| lanes.add_floats(x[p], y[p]));
        assert_eq!(stored(sums), core::array::from_fn(|i| bits(a[i] + b[i])));
    }

    /// Rounds to codes, and stores them.
    #[inline(always)]
    fn codes(&mut self) {
        let (lanes, random) = (self.lanes, &mut self.random);
        let (low, high) = (random.byte(), random.byte());
        let zero_point = i32::from(random.byte());
        let bound = |code: u8| (i32::from(code) - zero_point) as f32;
        let (lower, upper) = (bound(low.min(high)), bound(low.max(high)));
        let target = Target { zero_point, lower, upper };
        let values = floats(random);
        let expected = values.map(|value| target.round(value));
        let x = lanes.load_floats(&values);
        let (lower, upper) = (lanes.splat_float(lower), lanes.splat_float(upper));

        let rounded = core::array::from_fn(|p| lanes.round(x[p], lower, upper));
        let codes = self.stored(rounded).map(|whole| whole + zero_point);
        assert_eq!(codes, expected.map(i32::from), "{values:?} to {target:?}");

        let zero_points = lanes.splat(zero_point * 0x1_0001);
        let least = lanes.splat(i32::from_ne_bytes([low.min(high); 4]));
        let rounded = core::array::from_fn(|p| lanes.round_above(x[p], lower, upper));
        let mut codes = [0; 16];
        lanes.store_codes(&mut codes, rounded, zero_points, least);
        assert_eq!(codes, expected, "{values:?} to {target:?}");

        let whole = numbers(&mut self.random);
        lanes.store_codes(&mut codes, lanes.load(&whole), zero_points, least);
        let expected = whole.map(|whole| {
            let sum = whole.saturating_add(zero_point);
            sum.clamp(low.min(high).into(), u8::MAX.into()) as u8
        });
        assert_eq!(codes, expected, "{whole:?}");
    }

    /// Looks entries up.
    #[inline(always)]
    fn noise(&mut self) {
        let (lanes, random) = (self.lanes, &mut self.random);
        let tables = match random.chance(50) {
            true => [NOISE_TABLES[0], NOISE_TABLES[1]],
            false => [(); 2].map(|()| [(); 16].map(|()| random.byte() as i8)),
        };
        let bytes = [(); 64].map(|()| random.byte());
        let registers = lanes.load(&bytes);
        let in_registers = [lanes.table(&tables[0]), lanes.table(&tables[1])];
        let mut found = [0i8; 64];
        let looked_up = core::array::from_fn(|p| lanes.look_up(in_registers, registers[p]));
        lanes.store(&mut found, looked_up);
        let expected = bytes.map(|byte| {
            let (low, high) = (usize::from(byte & 15), usize::from(byte >> 4));
            tables[0][low].wrapping_add(tables[1][high])
        });
        assert_eq!(found, expected);
    }

    /// Draws weights, whose multipliers are alike or not.
    #[inline(always)]
    fn weights(&mut self) {
        let (lanes, random) = (self.lanes, &mut self.random);
        let mu = [(); 64].map(|()| random.byte() as i8);
        let sigma = [(); 64].map(|()| random.byte() | random.pick(&[0, 0, 255]));
        let mut noise = [(); 64].map(|()| random.byte() as i8);
        let mut each = [(); 2].map(|()| [(); 32].map(|()| random.bits() as i16 & i16::MAX));
        for (i, noise) in noise.iter_mut().enumerate().filter(|(i, _)| i % 3 == 0) {
            // Extremes meet in some lanes.
            *noise = random.pick(&[i8::MIN, i8::MAX]);
            each.as_flattened_mut()[i] = random.pick(&[0, i16::MAX]);
        }
        let registers = (lanes.load(&mu), lanes.load(&sigma), lanes.load(&noise));
        let halves = each.each_ref().map(|half| lanes.load(half));
        let drawn = |multipliers: &dyn Fn(usize) -> [L::Int; 2]| {
            let (mu, sigma, noise) = registers;
            let drawn: [L::Int; P] =
                core::array::from_fn(|p| lanes.weights(mu[p], sigma[p], multipliers(p), noise[p]));
            let mut line = [0i8; 64];
            lanes.store(&mut line, drawn);
            line
        };
        let expected = |multiplier: &dyn Fn(usize) -> i16| {
            core::array::from_fn(|i| sample_weight(mu[i], sigma[i], multiplier(i), noise[i]))
        };
        let at = |n: usize| halves[n / P][n % P];
        let found = drawn(&|p| lanes.multipliers(at(2 * p), at(2 * p + 1)));
        assert_eq!(found, expected(&|i| each.as_flattened()[i]));
        let multiplier = each[0][0];
        let found = drawn(&|_| [lanes.splat(i32::from(multiplier) * 0x1_0001); 2]);
        assert_eq!(found, expected(&|_| multiplier));
    }

    #[inline(always)]
    fn transpose(&mut self) {
        let lines: [[i32; 16]; 16] = core::array::from_fn(|_| numbers(&mut self.random));
        for p in 0..P {
            let rows = lines.each_ref().map(|line| self.lanes.load_register(line, p));
            let columns = self.lanes.transpose(rows);
            for (column, registers) in columns.as_chunks().0.iter().enumerate() {
                let at = 16 / P * p + column;
                assert_eq!(self.stored(*registers), lines.map(|line| line[at]), "{at}");
            }
        }
    }
}

/// The bits of a number; all NaNs are alike.
fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }
}
