use super::*;
use ndarray::Axis;

fn pictures(count: usize, height: usize, width: usize, channels: usize) -> Array4<u8> {
    Array4::from_shape_fn((count, height, width, channels), |(n, h, w, c)| {
        // Smooth, with an edge.
        let edge = if w > width / 2 { 90 } else { 0 };
        (40 + 5 * h + 3 * w + 20 * c + 7 * n + edge).min(255) as u8
    })
}

fn distance(a: &Array4<u8>, b: &Array4<u8>) -> f64 {
    let squares = a.iter().zip(b).map(|(&a, &b)| f64::from(a.abs_diff(b)).powi(2));
    squares.sum::<f64>() / a.len() as f64
}

#[test]
fn names_are_read_back() {
    for corruption in Corruption::ALL {
        assert_eq!(corruption.name().parse(), Ok(corruption));
    }
    let error = "fog".parse::<Corruption>().unwrap_err().to_string();
    assert!(error.contains("`fog`") && error.contains("gaussian_noise, shot_noise"), "{error}");
}

#[test]
fn severities_go_from_mild_to_strong() {
    let clean = pictures(4, 32, 32, 3);
    for corruption in Corruption::ALL {
        let apply = |severity| corruption.apply(clean.view(), severity, 0).unwrap();
        let distances: Vec<f64> =
            (1..=MAX_SEVERITY).map(|severity| distance(&apply(severity), &clean)).collect();
        assert!(distances[0] > 0.0, "{corruption}: {distances:?}");
        assert!(distances[4] > 1.3 * distances[0], "{corruption}: {distances:?}");
    }
}

/// Each picture has its own stream, so threads and other pictures do not matter.
#[test]
fn a_picture_depends_on_its_index_severity_and_seed_only() {
    let clean = pictures(5, 8, 9, 3);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for corruption in Corruption::ALL {
        let all = corruption.apply(clean.view(), 3, 7).unwrap();
        let first = clean.slice_axis(Axis(0), (0..2).into());
        let alone = one.install(|| corruption.apply(first, 3, 7).unwrap());
        assert_eq!(alone, all.slice_axis(Axis(0), (0..2).into()), "{corruption}");
    }
    let noise =
        |severity, seed| Corruption::GaussianNoise.apply(clean.view(), severity, seed).unwrap();
    assert_ne!(noise(3, 7), noise(3, 8));
    let same = Array4::zeros((2, 8, 8, 1));
    let out = Corruption::ImpulseNoise.apply(same.view(), 5, 0).unwrap();
    assert_ne!(out.index_axis(Axis(0), 0), out.index_axis(Axis(0), 1));
}

/// Every machine must produce these bytes.
#[test]
fn results_are_the_same_everywhere() {
    let clean = pictures(3, 28, 32, 3);
    let found = Corruption::ALL.map(|corruption| {
        let out = corruption.apply(clean.view(), 4, 1).unwrap();
        // FNV-1a.
        out.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    });
    let expected = [
        0x667b_c089_8980_bf29,
        0x076c_be92_9079_2608,
        0xba89_1940_1052_76bb,
        0x38ad_ab65_06d6_0615,
        0x496f_d239_d257_80d9,
        0xd673_7a9f_8dbe_0012,
        0x8212_7b6e_edf9_7393,
        0x9d30_c130_0011_40c9,
        0xbf1b_59a7_120d_a7f4,
        0x3c09_ecf7_7663_ceb3,
    ];
    assert_eq!(found, expected, "{found:#x?}");
}

#[test]
fn any_size_of_picture_can_be_corrupted() {
    for (height, width, channels) in [(1, 1, 1), (1, 5, 3), (28, 28, 1), (40, 17, 3)] {
        let clean = pictures(1, height, width, channels);
        for corruption in Corruption::ALL {
            for severity in 1..=MAX_SEVERITY {
                let out = corruption.apply(clean.view(), severity, 0).unwrap();
                assert_eq!(out.dim(), clean.dim(), "{corruption}");
            }
        }
    }
}

#[test]
fn impossible_pictures_and_severities_are_refused() {
    let apply = |channels, severity| {
        Corruption::Contrast.apply(pictures(1, 2, 2, channels).view(), severity, 0).unwrap_err()
    };
    assert_eq!(apply(3, 0), CorruptionError::Severity(0));
    assert_eq!(apply(3, 6), CorruptionError::Severity(6));
    assert_eq!(apply(4, 1), CorruptionError::Channels(4));
    let wide = Array4::zeros((1, 1, 1 << 16, 1));
    let error = Corruption::JpegCompression.apply(wide.view(), 1, 0).unwrap_err();
    assert_eq!(error, CorruptionError::Size { height: 1, width: 1 << 16 });
}
