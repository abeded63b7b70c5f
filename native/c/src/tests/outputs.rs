//! The description of a model's outputs.

use super::heads::{file, invalid, labels, three_heads};
use super::model::{info, text};
use super::{Failure, Handle, load_bytes, result};
use crate::describe::{
    bayes8_model_get_class_name, bayes8_model_get_item_name, bayes8_model_get_output,
    bayes8_model_get_target,
};
use crate::output::{OutputInfo, TargetInfo};
use std::ptr;

fn describe(model: &Handle, index: usize) -> Result<OutputInfo, Failure> {
    // SAFETY: NULL pointers and zeros.
    let zero: OutputInfo = unsafe { std::mem::zeroed() };
    let mut output = OutputInfo { size: size_of::<OutputInfo>(), ..zero };
    // SAFETY: a live handle and a variable.
    result(unsafe { bayes8_model_get_output(**model, index, &mut output) }, ()).map(|()| output)
}

fn item(model: &Handle, output: usize, index: usize) -> Result<String, Failure> {
    let mut name = ptr::null();
    // SAFETY: a live handle and a variable.
    let status = unsafe { bayes8_model_get_item_name(**model, output, index, &mut name) };
    result(status, ()).map(|()| text(name))
}

fn target(model: &Handle, output: usize, index: usize) -> Result<TargetInfo, Failure> {
    // SAFETY: NULL pointers and zeros.
    let zero: TargetInfo = unsafe { std::mem::zeroed() };
    let mut target = TargetInfo { size: size_of::<TargetInfo>(), ..zero };
    // SAFETY: a live handle and a variable.
    let status = unsafe { bayes8_model_get_target(**model, output, index, &mut target) };
    result(status, ()).map(|()| target)
}

#[test]
fn outputs_are_described() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let info = info(*model).expect("a live model");
    assert_eq!((info.outputs, info.numbers, info.classes), (3, 9, 0));
    assert_eq!((info.sum_words, text(info.values).as_str()), (11, "numbers"));
    let described = |index| {
        let OutputInfo { name, head, count, numbers, sum_words, .. } =
            describe(&model, index).expect("an output");
        (text(name), text(head), count, numbers, sum_words)
    };
    assert_eq!(described(0), ("size".into(), "gaussian".into(), 2, 4, 11));
    assert_eq!(described(1), ("kind".into(), "classes".into(), 3, 3, 9));
    assert_eq!(described(2), ("tags".into(), "labels".into(), 2, 2, 9));
    let [size, kind, tags] = [0, 1, 2].map(|index| describe(&model, index).expect("an output"));
    assert_eq!(text(size.variance), "log");
    assert!(kind.variance.is_null() && tags.variance.is_null());
    assert!(size.outcomes[0].is_null() && kind.outcomes[1].is_null());
    assert_eq!(tags.outcomes.map(text), ["no", "yes"]);

    assert_eq!(item(&model, 0, 0), Ok("strength".into()));
    assert_eq!(item(&model, 0, 1), Ok("target 1".into()));
    assert_eq!(item(&model, 1, 2), Ok("c".into()));
    assert_eq!(item(&model, 2, 1), Ok("label 1".into()));
    let first = target(&model, 0, 0).expect("a target");
    assert_eq!((text(first.name), text(first.unit)), ("strength".into(), "MPa".into()));
    assert_eq!((first.scale, first.offset, first.noise), (16.5, 35.75, 0.5));
    let second = target(&model, 0, 1).expect("a target");
    assert_eq!((text(second.name), text(second.unit)), ("target 1".into(), String::new()));

    let binary =
        load_bytes(&file(&[("output", labels(1, &["benign", "malignant"]))])).expect("it loads");
    let output = describe(&binary, 0).expect("an output");
    assert_eq!(output.outcomes.map(text), ["benign", "malignant"]);
    assert_eq!(item(&binary, 0, 0), Ok("malignant".into()));
}

#[test]
fn what_does_not_exist_is_refused_by_name() {
    let model = load_bytes(&three_heads()).expect("it loads");
    let missing = "output 3 does not exist, the model has 3 of them";
    assert_eq!(describe(&model, 3).map(drop), invalid(missing));
    assert_eq!(item(&model, 3, 0), invalid(missing));
    assert_eq!(target(&model, 3, 0).map(drop), invalid(missing));
    let missing = "target 2 does not exist: output `size` has 2 of them";
    assert_eq!(item(&model, 0, 2), invalid(missing));
    assert_eq!(target(&model, 0, 2).map(drop), invalid(missing));
    let missing = "label 2 does not exist: output `tags` has 2 of them";
    assert_eq!(item(&model, 2, 2), invalid(missing));
    let missing = "output `kind` has no targets: its head is `classes`";
    assert_eq!(target(&model, 1, 0).map(drop), invalid(missing));
    let mut name = ptr::null();
    // SAFETY: a live handle and a variable.
    let status = unsafe { bayes8_model_get_class_name(*model, 0, &mut name) };
    let missing = "output `size` has no classes: its head is `gaussian`";
    assert_eq!(result(status, ()), invalid(missing));
}
