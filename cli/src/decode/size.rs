//! The limit on a picture's pixels.

use anyhow::bail;

/// Refuses a picture that is empty or too large.
pub(super) fn check(width: u64, height: u64, max_pixels: u64) -> anyhow::Result<()> {
    let pixels = width.saturating_mul(height);
    if pixels == 0 {
        bail!("it has {width} x {height} pixels: it is empty");
    }
    if pixels > max_pixels {
        bail!(
            "it has {width} x {height} pixels, more than {max_pixels} in all; raise --max-pixels if \
             there is memory for that"
        );
    }
    Ok(())
}
