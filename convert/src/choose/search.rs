//! Finds sets of draws whose distances from the mean cancel.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Sets from which to start.
const STARTS: u64 = 8;

/// How often some draws of a set are replaced by random ones, to leave a local optimum.
const KICKS: usize = 24;

/// The smallest gain of an exchange, as a share of the mean square of a draw: smaller ones may be rounding.
const LEAST_GAIN: f64 = 1e-9;

/// How many draws of each member are in a set: the same number of all, or one more of the first ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotas {
    pub(super) members: usize,
}

impl Quotas {
    fn of(self, member: usize, size: usize) -> usize {
        size / self.members + usize::from(member < size % self.members)
    }
}

/// Returns draws such that the first `size` of them are a good set, for each of the `sizes`, which descend.
/// `products` has the product of each two draws' distances from the mean.
pub(super) fn list(products: &Array2<f64>, sizes: &[usize], quotas: Quotas) -> Vec<usize> {
    let mut sets: Vec<Vec<usize>> = vec![(0..products.nrows()).collect()];
    for &size in sizes {
        let from = sets.last().map_or(&[][..], |set| set);
        let among =
            Array2::from_shape_fn((from.len(), from.len()), |(i, j)| products[[from[i], from[j]]]);
        let members: Vec<usize> = from.iter().map(|draw| draw % quotas.members).collect();
        let chosen = Search { products: &among, members: &members, size, quotas }.best();
        let chosen = chosen.into_iter().map(|place| from[place]).collect();
        sets.push(chosen);
    }
    let mut list: Vec<usize> = Vec::new();
    // The smallest set first, then what each larger one adds.
    for set in sets[1..].iter().rev() {
        let more: Vec<usize> = set.iter().copied().filter(|draw| !list.contains(draw)).collect();
        list.extend(more);
    }
    list
}

/// The choice of `size` draws among those of `products`.
struct Search<'a> {
    products: &'a Array2<f64>,
    /// The member of each draw.
    members: &'a [usize],
    size: usize,
    quotas: Quotas,
}

/// A set of draws.
#[derive(Clone)]
struct Set {
    draws: Vec<usize>,
    is_in: Vec<bool>,
    /// For each draw, in the set or not, the sum of its products with those of the set.
    sums: Vec<f64>,
}

impl Search<'_> {
    /// The best set that is found, in ascending order.
    fn best(&self) -> Vec<usize> {
        let found: Vec<Set> = (0..STARTS).into_par_iter().map(|start| self.from(start)).collect();
        let by_square = |a: &Set, b: &Set| square(a).total_cmp(&square(b));
        // The first of equal ones.
        let best = found.into_iter().min_by(by_square);
        let mut draws = best.map(|set| set.draws).unwrap_or_default();
        draws.sort_unstable();
        draws
    }

    /// A local optimum near a random set.
    fn from(&self, start: u64) -> Set {
        let mut random = ChaCha8Rng::seed_from_u64((self.size as u64) << 32 | start);
        let mut draws = Vec::with_capacity(self.size);
        for member in 0..self.quotas.members {
            let all = 0..self.members.len();
            let mut own: Vec<usize> = all.filter(|&draw| self.members[draw] == member).collect();
            for _ in 0..self.quotas.of(member, self.size) {
                draws.push(own.swap_remove(below(&mut random, own.len())));
            }
        }
        let mut best = self.descend(self.set(draws));
        for _ in 0..KICKS {
            let next = self.descend(self.kicked(&best, &mut random));
            if square(&next) < square(&best) {
                best = next;
            }
        }
        best
    }

    fn set(&self, draws: Vec<usize>) -> Set {
        let mut is_in = vec![false; self.members.len()];
        let mut sums = vec![0.0; self.members.len()];
        for &draw in &draws {
            is_in[draw] = true;
            let row = self.products.row(draw);
            sums.iter_mut().zip(row).for_each(|(sum, product)| *sum += product);
        }
        Set { draws, is_in, sums }
    }

    /// A set in which an eighth of the draws are other ones of the same members.
    fn kicked(&self, set: &Set, random: &mut ChaCha8Rng) -> Set {
        let (mut draws, mut is_in) = (set.draws.clone(), set.is_in.clone());
        for _ in 0..(self.size / 8).max(1) {
            let place = below(random, draws.len());
            let member = self.members[draws[place]];
            let all = 0..self.members.len();
            let fits = |&draw: &usize| !is_in[draw] && self.members[draw] == member;
            let others: Vec<usize> = all.filter(fits).collect();
            if others.is_empty() {
                continue;
            }
            let other = others[below(random, others.len())];
            is_in[draws[place]] = false;
            is_in[other] = true;
            draws[place] = other;
        }
        self.set(draws)
    }

    /// Exchanges the pair that gains most, again and again, until none does.
    fn descend(&self, mut set: Set) -> Set {
        let diagonal = self.products.diag();
        let least = LEAST_GAIN * diagonal.sum() / diagonal.len().max(1) as f64;
        loop {
            let mut best = (-least, None);
            // What the square of the sum gains if a draw comes in, and if it goes out.
            let more: Vec<f64> =
                set.sums.iter().zip(diagonal).map(|(sum, square)| 2.0 * sum + square).collect();
            for (place, &out) in set.draws.iter().enumerate() {
                let less = diagonal[out] - 2.0 * set.sums[out];
                let row = self.products.row(out);
                for (into, (more, product)) in more.iter().zip(row).enumerate() {
                    let change = less + more - 2.0 * product;
                    if change < best.0
                        && !set.is_in[into]
                        && self.members[into] == self.members[out]
                    {
                        best = (change, Some((place, into)));
                    }
                }
            }
            let (_, Some((place, into))) = best else { return set };
            let out = std::mem::replace(&mut set.draws[place], into);
            (set.is_in[out], set.is_in[into]) = (false, true);
            let rows = self.products.row(into).into_iter().zip(self.products.row(out));
            set.sums.iter_mut().zip(rows).for_each(|(sum, (a, b))| *sum += a - b);
        }
    }
}

/// The square of the sum of a set's distances.
fn square(set: &Set) -> f64 {
    set.draws.iter().map(|&draw| set.sums[draw]).sum()
}

/// A random number below `end`.
fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    ((u128::from(random.next_u64()) * end as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Products of draws with one feature each.
    fn products(features: &[f64]) -> Array2<f64> {
        let count = features.len();
        Array2::from_shape_fn((count, count), |(i, j)| features[i] * features[j])
    }

    #[test]
    fn the_only_set_that_cancels_is_found() {
        let mut features = [40.0; 60];
        (features[7], features[21], features[50]) = (-3.0, 1.0, 2.0);
        let quotas = Quotas { members: 1 };
        assert_eq!(list(&products(&features), &[3], quotas), [7, 21, 50]);
    }

    #[test]
    fn smaller_sets_come_first_and_are_part_of_larger_ones() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let features: Vec<f64> =
            (0..256).map(|_| below(&mut random, 2001) as f64 - 1000.0).collect();
        let products = products(&features);
        let list = list(&products, &[64, 32, 16, 8], Quotas { members: 1 });
        let mut sorted = list.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!((list.len(), sorted.len()), (64, 64), "different draws");
        for size in [64, 32, 16, 8] {
            let mean = list[..size].iter().map(|&draw| features[draw]).sum::<f64>() / size as f64;
            assert!(mean.abs() < 10.0, "{size}: {mean}");
        }
    }

    #[test]
    fn each_member_has_its_share_of_every_set() {
        let mut random = ChaCha8Rng::seed_from_u64(2);
        let features: Vec<f64> = (0..300).map(|_| below(&mut random, 201) as f64 - 100.0).collect();
        let quotas = Quotas { members: 5 };
        let list = list(&products(&features), &[64, 32, 16, 8], quotas);
        for size in [64, 32, 16, 8] {
            for member in 0..5 {
                let count = list[..size].iter().filter(|draw| *draw % 5 == member).count();
                assert_eq!(count, quotas.of(member, size), "{member} of {size}");
            }
        }
    }
}
