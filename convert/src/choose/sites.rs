//! Where predictions are compared: classes, labels and targets at positions of pictures.

use bayes8_core::head::gaussian::Variance;
use bayes8_core::head::{Head, Output};

/// The most positions of a map that are compared, for each picture.
const MOST_POSITIONS: usize = 256;

/// The most bytes of the features of all draws.
const MOST_BYTES: usize = 512 << 20;

/// The most features of a draw: more would make sums of products inexact.
const MOST_FEATURES: usize = 1 << 16;

/// What a site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// This many classes.
    Classes(usize),
    /// One label.
    Label,
    /// One target of a regression.
    Target(Variance),
}

/// A distribution that a network predicts for each picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) kind: Kind,
    /// Index of its first number among those of a sample: logits, or a mean.
    pub(super) first: usize,
    /// Index of the number that states the variance of a target.
    pub(super) variance: usize,
    /// Index of its first feature among those of a picture.
    pub(super) feature: usize,
}

/// The sites of a picture, and the number of pictures.
#[derive(Clone, Debug)]
pub(super) struct Sites {
    of_picture: Vec<Site>,
    features: usize,
    pictures: usize,
}

impl Kind {
    /// The number of features.
    pub(super) fn features(self) -> usize {
        match self {
            // Probabilities and an entropy.
            Self::Classes(count) => count + 1,
            Self::Label => 2,
            // A mean and a second moment.
            Self::Target(_) => 2,
        }
    }
}

impl Sites {
    /// Returns the sites of `outputs` for at most `pictures` pictures and `pool` draws: of maps, fewer positions if
    /// their features would take too much memory, and fewer pictures if that is not enough.
    pub(super) fn new(outputs: &[Output], pictures: usize, pool: u32) -> Self {
        let room = (MOST_BYTES / size_of::<f32>() / pool as usize).clamp(1, MOST_FEATURES);
        let of = |most: usize| Self::of_outputs(outputs, most);
        let fits = |most: &usize| of(*most).1.saturating_mul(pictures) <= room;
        let halves = std::iter::successors(Some(MOST_POSITIONS), |&most| Some(most / 2));
        let most = halves.take_while(|&most| most > 0).find(fits).unwrap_or(1);
        let (of_picture, features) = of(most);
        Self { of_picture, features, pictures: pictures.min(room / features.max(1)) }
    }

    /// The sites of `outputs` with at most `most` positions of each map, and the number of their features.
    fn of_outputs(outputs: &[Output], most: usize) -> (Vec<Site>, usize) {
        let (mut sites, mut first, mut feature) = (Vec::new(), 0, 0);
        for output in outputs {
            let positions: usize = output.made().iter().product();
            let numbers = output.numbers() / positions;
            let taken = positions.min(most);
            for place in 0..taken {
                // The middles of equal parts.
                let position = (2 * place + 1) * positions / (2 * taken);
                let first = first + position * numbers;
                let mut push = |kind: Kind, first, variance| {
                    sites.push(Site { kind, first, variance, feature });
                    feature += kind.features();
                };
                match &output.head {
                    Head::Classes(classes) => push(Kind::Classes(classes.count), first, 0),
                    Head::Labels(labels) => {
                        (0..labels.count).for_each(|label| push(Kind::Label, first + label, 0));
                    }
                    Head::Gaussian(gaussian) => {
                        let targets = gaussian.targets.len();
                        (0..targets).for_each(|target| {
                            let mean = first + target;
                            push(Kind::Target(gaussian.variance), mean, mean + targets);
                        });
                    }
                }
            }
            first += output.numbers();
        }
        (sites, feature)
    }

    /// The sites of a picture.
    pub(super) fn of_picture(&self) -> &[Site] {
        &self.of_picture
    }

    /// The number of features of a picture.
    pub(super) fn features(&self) -> usize {
        self.features
    }

    /// The number of pictures.
    pub(super) fn pictures(&self) -> usize {
        self.pictures
    }
}
