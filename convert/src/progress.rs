//! What long work tells while it goes on.

/// An event of long work. One piece of work ends before the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Work begins.
    Begin {
        /// What is done, such as `calibrating`.
        task: &'static str,
        /// In how many pieces; `None` where they are too unlike to count.
        total: Option<u64>,
    },
    /// So many more pieces of the work are done.
    Advance(u64),
    /// The work that began last has ended, well or not.
    End,
    /// Something is likely a mistake. The work goes on.
    Warning(String),
}

/// Sees the events.
pub type Observer<'a> = &'a mut (dyn FnMut(Progress) + Send);

impl Progress {
    /// Does `work` between its beginning and its end.
    pub fn during<T>(
        observer: Observer<'_>,
        task: &'static str,
        total: Option<u64>,
        work: impl FnOnce(Observer<'_>) -> T,
    ) -> T {
        observer(Self::Begin { task, total });
        let result = work(observer);
        observer(Self::End);
        result
    }
}
