//! Means over the positions of a map.

/// The sum of each column of `figures`, `[positions, columns]`, divided by the number of positions.
pub(super) fn means<T: Copy + Into<f64>>(figures: &[T], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    let positions = figures.chunks_exact(columns);
    let count = positions.len().max(1) as f64;
    positions.for_each(|position| {
        sums.iter_mut().zip(position).for_each(|(sum, &figure)| *sum += figure.into());
    });
    sums.into_iter().map(|sum| sum / count).collect()
}

/// The mean of a figure over all positions.
pub(super) fn mean(figures: &[f32]) -> f64 {
    means(figures, 1)[0]
}
