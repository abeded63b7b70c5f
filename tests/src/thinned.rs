//! Fewer cases for processors that are emulated.

/// Iterates over every nth of `cases`, from the first, if `PROPTEST_CASES` asks for fewer random cases
/// than proptest's 256. For example, every 17th if it is 16: n is odd, so that not only aligned places
/// of a file are tried.
pub fn thinned<T>(cases: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    const USUAL: usize = 256;
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    cases.into_iter().step_by((USUAL / asked.unwrap_or(USUAL).max(1)) | 1)
}
