//! The sample bank: packed weights of earlier predictions, kept for later ones.
//!
//! Sample `s` of seed `k` always has the same weights, so a kept draw changes no bit of a result;
//! it only saves the drawing. All draws of a model have the same size, so the budget is a
//! number of draws.

use bayes8_core::backend::Backend;
use bayes8_core::executor::WeightSample;
use bayes8_core::posterior::Draw;
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Entry<B> = Arc<WeightSample<B>>;

/// The draws that are kept. A new one replaces the least recently used one.
pub(crate) struct Bank<B: Backend>(Mutex<LruCache<Draw, Entry<B>>>);

impl<B: Backend> Bank<B> {
    /// Creates a bank of at most `budget` bytes for draws of `draw_bytes`. Returns `None` if not
    /// even one draw fits or there is nothing to draw.
    pub(crate) fn new(budget: usize, draw_bytes: usize) -> Option<Self> {
        let draws = NonZeroUsize::new(budget.checked_div(draw_bytes)?)?;
        // Memory is taken as draws come: a large budget for a small model costs nothing.
        let mut draws_kept = LruCache::unbounded();
        draws_kept.resize(draws);
        Some(Self(Mutex::new(draws_kept)))
    }

    /// Returns the weights of `draw`: kept ones, or new ones that `make` draws into the memory that
    /// it gets. If two threads miss the same draw at the same time, both make it.
    ///
    /// The lock is held to look up or change an entry of the map, never while weights are drawn or
    /// used.
    pub(crate) fn get(&self, draw: Draw, make: impl FnOnce(&mut WeightSample<B>)) -> Entry<B> {
        let mut entry = {
            let mut draws = self.lock();
            if let Some(found) = draws.get(&draw) {
                return Arc::clone(found);
            }
            // Drop the old draw before making the new one, to reuse its memory. Draws that are
            // being made, and dropped ones that another thread still uses, come on top of the
            // budget: at most one per thread.
            let full = draws.len() == draws.cap().get();
            if full { draws.pop_lru() } else { None }.map(|(_, entry)| entry).unwrap_or_default()
        };
        if Arc::get_mut(&mut entry).is_none() {
            entry = Entry::default();
        }
        make(Arc::get_mut(&mut entry).expect("nobody else has it"));
        self.lock().put(draw, Arc::clone(&entry));
        entry
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Draw, Entry<B>>> {
        // A thread that panicked left a valid map: every change is a single call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bayes8_core::reference::Reference;

    /// Returns for each of a sequence of samples whether the bank had to draw it.
    fn drawn(bank: &Bank<Reference>, samples: &[u32]) -> Vec<bool> {
        let drawn = |&sample: &u32| {
            let mut drawn = false;
            bank.get(Draw { seed: 1, sample }, |_| drawn = true);
            drawn
        };
        samples.iter().map(drawn).collect()
    }

    #[test]
    fn the_least_recently_used_draw_is_dropped() {
        let bank = Bank::new(1000, 400).expect("room for two");
        assert_eq!(drawn(&bank, &[0, 1, 0, 1]), [true, true, false, false]);
        // 0 is used again, so 1 makes room for 2.
        assert_eq!(drawn(&bank, &[0, 2, 0, 1]), [false, true, false, true]);
    }

    #[test]
    fn seeds_do_not_share_draws() {
        let bank = Bank::<Reference>::new(1000, 400).expect("room for two");
        let mut draws = 0;
        for seed in [1, 2, 1, 2] {
            bank.get(Draw { seed, sample: 0 }, |_| draws += 1);
        }
        assert_eq!(draws, 2);
    }

    #[test]
    fn a_dropped_draw_in_use_stays_whole() {
        let bank = Bank::<Reference>::new(400, 400).expect("room for one");
        let used = bank.get(Draw { seed: 1, sample: 0 }, |_| ());
        bank.get(Draw { seed: 1, sample: 1 }, |_| ());
        assert_eq!(Arc::strong_count(&used), 1, "the bank has let go of it");
    }

    #[test]
    fn no_bank_if_nothing_fits_or_nothing_is_drawn() {
        assert!(Bank::<Reference>::new(399, 400).is_none());
        assert!(Bank::<Reference>::new(0, 400).is_none());
        assert!(Bank::<Reference>::new(1000, 0).is_none());
    }
}
