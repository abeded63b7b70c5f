//! A picture with the colours of its classes laid over it.

use super::palette::Palette;
use bayes8_native::Pictures;
use bayes8_native::core::head::map::ClassMapUncertainty;
use bayes8_native::core::model::Preprocessing;
use ndarray::IxDyn;

/// How much of a colour there is where the model has no doubt.
const OPACITY: f64 = 0.6;

/// What the model sees, as bytes `[H, W, C]`. Numbers that are not pixels are stretched from black for the least
/// to white for the largest.
pub(super) fn seen(picture: &Pictures<'_, IxDyn>, preprocessing: &Preprocessing) -> Vec<u8> {
    let Preprocessing { mean, std, .. } = preprocessing;
    match picture {
        Pictures::Bytes(bytes) => bytes.iter().copied().collect(),
        Pictures::Normalized(numbers) => {
            let channels = mean.iter().zip(std).cycle();
            let byte =
                |(&x, (&mean, &std)): (&f32, (&f32, &f32))| (255.0 * (x * std + mean)).round();
            // The conversion keeps to the range.
            numbers.iter().zip(channels).map(byte).map(|byte| byte as u8).collect()
        }
        Pictures::Numbers(numbers) => {
            let least = numbers.iter().copied().fold(f32::INFINITY, f32::min);
            let largest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let range = (f64::from(largest) - f64::from(least)).max(f64::MIN_POSITIVE);
            let share = |&x: &f32| (f64::from(x) - f64::from(least)) / range;
            numbers.iter().map(|x| (255.0 * share(x)).round() as u8).collect()
        }
    }
}

/// Lays the colours of the classes over a picture of `rows` rows and `columns` columns, gray or RGB. Returns RGB.
///
/// A colour fades as the total uncertainty of its position grows, and is gone where all classes are equally likely. A map with other rows and columns,
/// `[map_rows, map_columns]`, is stretched without new colours.
pub(super) fn overlay(
    picture: &[u8],
    [rows, columns]: [usize; 2],
    map: &ClassMapUncertainty,
    classes: &[u16],
    [map_rows, map_columns]: [usize; 2],
    palette: &Palette,
) -> Vec<u8> {
    let limit = (map.classes as f64).ln();
    let channels = picture.len() / (rows * columns);
    let mut rgb = Vec::with_capacity(3 * rows * columns);
    for (index, pixel) in picture.chunks_exact(channels).enumerate() {
        let [row, column] = [index / columns, index % columns];
        let at = row * map_rows / rows * map_columns + column * map_columns / columns;
        let doubt = match limit > 0.0 {
            true => (f64::from(map.predictive_entropy[at]) / limit).clamp(0.0, 1.0),
            false => 0.0,
        };
        let opacity = OPACITY * (1.0 - doubt);
        for (channel, colour) in palette.of(classes[at]).into_iter().enumerate() {
            let pixel = f64::from(pixel[channel.min(channels - 1)]);
            rgb.push((pixel + opacity * (f64::from(colour) - pixel)).round() as u8);
        }
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    #[test]
    fn numbers_become_the_pixels_that_they_were() {
        let preprocessing = Preprocessing::of_bytes(vec![0.5, 0.25], vec![0.25, 0.5]);
        let pixels = [0u8, 255, 128, 7];
        let normalized = |(at, &byte): (usize, &u8)| {
            (f32::from(byte) / 255.0 - preprocessing.mean[at % 2]) / preprocessing.std[at % 2]
        };
        let numbers: Vec<f32> = pixels.iter().enumerate().map(normalized).collect();
        let picture = |numbers| ArrayD::from_shape_vec(vec![1, 1, 2, 2], numbers).unwrap();
        let array = picture(numbers);
        assert_eq!(seen(&Pictures::Normalized(array.view()), &preprocessing), pixels);
        // Outside of the range of bytes.
        let array = picture(vec![-9.0, 9.0, 0.0, 0.0]);
        assert_eq!(seen(&Pictures::Normalized(array.view()), &preprocessing), [0, 255, 128, 64]);
        // Without known pixels: from the least to the largest.
        let array = picture(vec![-3.0, 7.0, 2.0, -3.0]);
        assert_eq!(seen(&Pictures::Numbers(array.view()), &preprocessing), [0, 255, 128, 0]);
        let array = picture(vec![4.0; 4]);
        assert_eq!(seen(&Pictures::Numbers(array.view()), &preprocessing), [0; 4]);
    }
}
