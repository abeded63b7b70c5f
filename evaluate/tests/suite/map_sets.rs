//! Prediction sets of maps, beside naive computations from the predictions of one picture at a time.

use bayes8_core::head::Uncertainty;
use bayes8_core::head::map::{ClassMapUncertainty, MapUncertainty};
use bayes8_evaluate::Evaluation;
use bayes8_evaluate::conformal::{ClassScore, Conformal, Method};

use crate::heads::{error, head_report as report};
use crate::maps::{CLASSES, PICTURES, VOID, classes, labels, maps, mean, model, near, options};

#[test]
fn conformal_sets_of_maps_are_those_of_their_positions() {
    let model = model(classes());
    let (_folder, mut options) = options(&labels());
    let (alpha, calibration) = (0.4, options.data.clone());
    let method = Method::Classes(ClassScore::Aps);
    options.conformal = Some(Conformal { method, alpha, calibration });
    let evaluated = report(&options, &model);
    let conformal = evaluated.conformal.as_ref().unwrap();
    let found = conformal.map.unwrap();
    assert_eq!((conformal.calibration_examples, found.examples), (PICTURES - 1, PICTURES - 1));
    assert_eq!(conformal.shared_examples, PICTURES);

    // The score of each class at each position, and the class, picture by picture.
    let labels = labels();
    let scored = |map: &ClassMapUncertainty| -> Vec<Vec<f64>> {
        let score = |p: &[f32]| {
            let p: Vec<f64> = p.iter().map(|&p| f64::from(p)).collect();
            (0..CLASSES).map(|class| ClassScore::Aps.score(&p, class)).collect()
        };
        map.probabilities.chunks(CLASSES).map(score).collect()
    };
    let scores: Vec<Vec<Vec<f64>>> = maps(&model).iter().map(scored).collect();
    let over_pictures = |of: &dyn Fn(&[f64], usize) -> f64| {
        let pictures = scores.iter().zip(labels.outer_iter()).filter_map(|(scores, labels)| {
            let known = scores.iter().zip(&labels).filter(|(_, label)| **label != VOID);
            let values: Vec<f64> = known.map(|(s, &label)| of(s, label.into())).collect();
            (!values.is_empty()).then(|| mean(values.into_iter()))
        });
        pictures.collect::<Vec<_>>()
    };
    let missed = |threshold: f64| {
        let missed = over_pictures(&|s, class| f64::from(s[class] > threshold));
        missed.iter().sum::<f64>()
    };
    let allowed = alpha * PICTURES as f64 - 1.0;
    assert!(missed(found.threshold) <= allowed + 1e-9);
    assert!(missed(found.threshold - 1.0 / 65_536.0) > allowed + 1e-9);
    let inside = |s: &[f64], class: usize| f64::from(s[class] <= found.threshold);
    near(found.coverage, mean(over_pictures(&inside).into_iter()));
    let size = |s: &[f64], _| (0..CLASSES).map(|class| inside(s, class)).sum::<f64>();
    near(found.mean_size, mean(over_pictures(&size).into_iter()));

    // The model gives the same sets.
    let quantized = model.quantized().clone();
    let stored = quantized.with_conformal("regions", Some(conformal.predictor.clone())).unwrap();
    let output = &stored.outputs()[0];
    for (map, scores) in maps(&model).into_iter().zip(&scores) {
        let region = output.region(&Uncertainty::Map(MapUncertainty::Classes(map))).unwrap();
        let members = scores.iter().flatten().map(|&score| score <= found.threshold);
        let sets = region.class_set_map().unwrap();
        assert_eq!(sets.members, members.collect::<Vec<_>>());
        let sizes = scores.iter().map(|s| size(s, 0) as usize);
        assert!(sets.sizes().eq(sizes));
    }

    let text = evaluated.text(Default::default());
    for expected in ["Conformal prediction: aps, alpha 0.4", "6 pictures", "7 test examples are"] {
        assert!(text.contains(expected), "{text}");
    }
    let page = evaluated.html();
    assert!(page.contains("60.00 % of a picture's positions on average"), "{page}");
    let json = serde_json::to_value(Evaluation::Head(evaluated.into())).unwrap();
    assert_eq!(json["conformal"]["map"]["threshold"], found.threshold);

    let conformal = options.conformal.as_mut().unwrap();
    conformal.alpha = 0.1;
    assert!(error(&options, &model).contains("no conformal prediction from"));
    let conformal = options.conformal.as_mut().unwrap();
    (conformal.alpha, conformal.method) = (0.4, Method::Residuals);
    assert!(error(&options, &model).contains("no conformal prediction from"));
}
