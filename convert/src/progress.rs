//! Progress of long work.

/// An event of long work. One piece of work ends before the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Work begins.
    Begin {
        /// The work, such as `calibrating`.
        task: &'static str,
        /// The number of its pieces; `None` if they are too different to count.
        total: Option<u64>,
    },
    /// This many more pieces of the work are done.
    Advance(u64),
    /// The work that began last has ended, successfully or not.
    End,
    /// Something is likely a mistake; the work goes on.
    Warning(String),
}

/// Receives an event.
pub type Observer<'a> = &'a mut (dyn FnMut(Progress) + Send);

impl Progress {
    /// Does `work` and reports its beginning and its end.
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
