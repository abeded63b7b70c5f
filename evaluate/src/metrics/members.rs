//! How much the members of an ensemble disagree.

use serde::Serialize;

/// How much the members of an ensemble disagree, each with its mean weights and without dropout.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MemberDisagreement {
    /// The share of pairs of members with different most probable classes, averaged over the pictures.
    pub classes: f64,
    /// The total variation distance of the probabilities of two members, averaged over the pairs and
    /// pictures: half of the sum of the absolute differences, 0 to 1.
    pub total_variation: f64,
}

/// Compares the members picture by picture as their logits arrive.
#[derive(Debug)]
pub struct MemberPairs {
    members: usize,
    /// Probabilities of the members so far, for each picture that lacks some.
    pending: Vec<Vec<Vec<f64>>>,
    pairs: u64,
    other_class: u64,
    total_variation: f64,
}

impl MemberPairs {
    /// Prepares for the logits of `members` members for each of `pictures` pictures.
    pub fn new(members: usize, pictures: usize) -> Self {
        let pending = vec![Vec::new(); pictures];
        Self { members, pending, pairs: 0, other_class: 0, total_variation: 0.0 }
    }

    /// Adds the logits of a picture's next member.
    pub fn add(&mut self, picture: usize, logits: &[f32]) {
        let members = &mut self.pending[picture];
        members.push(probabilities(logits));
        if members.len() < self.members {
            return;
        }
        let members = std::mem::take(members);
        let classes: Vec<usize> = members.iter().map(|p| most_probable(p)).collect();
        for (i, one) in members.iter().enumerate() {
            for (j, other) in members.iter().enumerate().skip(i + 1) {
                self.pairs += 1;
                self.other_class += u64::from(classes[i] != classes[j]);
                let distances = one.iter().zip(other).map(|(p, q)| (p - q).abs());
                self.total_variation += distances.sum::<f64>() / 2.0;
            }
        }
    }

    /// The disagreement about the pictures so far; `None` if there are no pairs.
    pub fn finish(&self) -> Option<MemberDisagreement> {
        let pairs = self.pairs as f64;
        (self.pairs > 0).then(|| MemberDisagreement {
            classes: self.other_class as f64 / pairs,
            total_variation: self.total_variation / pairs,
        })
    }
}

/// Softmax of the logits.
fn probabilities(logits: &[f32]) -> Vec<f64> {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let exponentials: Vec<f64> = logits.iter().map(|&l| (f64::from(l) - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| e / sum).collect()
}

/// The most probable class, the first of equal ones.
fn most_probable(probabilities: &[f64]) -> usize {
    let numbered = probabilities.iter().enumerate();
    numbered.fold(0, |best, (class, &p)| if p > probabilities[best] { class } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::samples::close;

    #[test]
    fn pairs_of_members_are_compared_picture_by_picture() {
        let of = |p: f32| [p.ln(), (1.0 - p).ln()];
        let mut pairs = MemberPairs::new(3, 2);
        // All members agree on the first picture, one of three differs on the second.
        for member in [0.5, 0.5, 0.5] {
            pairs.add(0, &of(member));
        }
        for member in [0.75, 0.75, 0.25] {
            pairs.add(1, &of(member));
        }
        let found = pairs.finish().unwrap();
        close(found.classes, 2.0 / 6.0);
        assert!((found.total_variation - 2.0 * 0.5 / 6.0).abs() < 1e-7, "{found:?}");
    }

    #[test]
    fn a_single_member_disagrees_with_nobody() {
        let mut pairs = MemberPairs::new(1, 1);
        pairs.add(0, &[1.0, 2.0]);
        assert_eq!(pairs.finish(), None);
    }
}
