//! Thread pools that all models of a process share.

use crate::errors;
use bayes8::{LoadError, Pool};
use pyo3::PyResult;
use std::collections::BTreeMap;
use std::mem;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

/// The pools of one process, by number of threads; 0 for one thread per processor.
struct Pools {
    process: u32,
    pools: BTreeMap<usize, Arc<Pool>>,
}

static POOLS: Mutex<Pools> = Mutex::new(Pools { process: 0, pools: BTreeMap::new() });

/// Returns the pool with `threads` threads, or one thread per processor for 0.
///
/// The threads of a pool do not survive a fork, as `multiprocessing` may do, so a child gets other pools.
pub(crate) fn pool(threads: usize) -> PyResult<Arc<Pool>> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    if pools.process != process::id() {
        // To drop the parent's pools would wait for threads that do not exist here.
        mem::forget(mem::take(&mut pools.pools));
        pools.process = process::id();
    }
    if let Some(pool) = pools.pools.get(&threads) {
        return Ok(Arc::clone(pool));
    }
    let pool = Pool::new(threads).map_err(|error| errors::of_load(&LoadError::from(error)))?;
    let pool = Arc::new(pool);
    pools.pools.insert(threads, Arc::clone(&pool));
    Ok(pool)
}
