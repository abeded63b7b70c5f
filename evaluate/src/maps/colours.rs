//! Colours of classes and of uncertainties.

/// Red, green and blue.
pub type Colour = [u8; 3];

/// The colour of positions whose label is ignored.
pub const IGNORED: Colour = [224, 224, 192];

/// The colours of positions that are predicted rightly and wrongly.
pub const RIGHT_AND_WRONG: [Colour; 2] = [[226, 230, 234], [192, 28, 40]];

/// Returns the colour of a class: that of the PASCAL VOC challenge, which spreads the bits of the class over
/// the highest bits of red, green and blue. The first 256 classes differ.
///
/// # Examples
/// ```
/// use bayes8_evaluate::maps::colours::class;
///
/// assert_eq!([class(0), class(1), class(2), class(15)], [[0, 0, 0], [128, 0, 0], [0, 128, 0], [192, 128, 128]]);
/// ```
pub fn class(class: u16) -> Colour {
    let mut colour = [0; 3];
    for place in 0..24 {
        let bit = (u32::from(class) >> place & 1) as u8;
        colour[place % 3] |= bit << (7 - place / 3);
    }
    colour
}

/// The colours of [`heat`] at equal distances.
const HEAT: [Colour; 6] =
    [[0, 0, 4], [66, 10, 104], [147, 38, 103], [221, 81, 58], [252, 165, 10], [252, 255, 164]];

/// The steps of [`heat`]: few enough for small files, too many to be seen.
const STEPS: f32 = 100.0;

/// Returns a colour between black (0) and light yellow (1), which gets lighter all the way. Values beyond
/// are those of the ends.
pub fn heat(value: f32) -> Colour {
    let value = (value.clamp(0.0, 1.0) * STEPS).round() / STEPS;
    let place = value * (HEAT.len() - 1) as f32;
    let at = (place as usize).min(HEAT.len() - 2);
    let share = place - at as f32;
    let mix = |channel: usize| {
        let [from, to] = [HEAT[at], HEAT[at + 1]].map(|colour| f32::from(colour[channel]));
        (from + share * (to - from)).round() as u8
    };
    [mix(0), mix(1), mix(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn classes_have_different_colours() {
        let colours: HashSet<Colour> = (0..256).map(class).collect();
        assert_eq!(colours.len(), 256);
        assert_eq!([class(7), class(11)], [[128, 128, 128], [192, 128, 0]]);
        assert_eq!([class(20), class(255)], [[0, 64, 128], [224, 224, 192]]);
    }

    #[test]
    fn heat_gets_lighter() {
        let light = |value: u8| heat(f32::from(value) / 20.0).map(u32::from).iter().sum::<u32>();
        assert!((1..=20).all(|value| light(value) > light(value - 1)));
        assert_eq!([heat(-1.0), heat(0.0), heat(9.0)], [HEAT[0], HEAT[0], HEAT[5]]);
    }
}
