//! Describing the outputs of a model.

use crate::error::{Error, Status, boundary};
use crate::extensible;
use crate::model::ModelHandle;
use crate::output::{OutputInfo, TargetInfo};
use crate::pointer::{Place, reference};
use std::ffi::c_char;

/// Puts the name of a class of the first output into `*name`: UTF-8 that lives as long as the model;
/// `class N` where the model has no names. `bayes8_model_get_item_name()` knows those of all outputs.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT` where no class has this index.
///
/// # Safety
/// `model` is NULL or a live handle; `name` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_class_name(
    model: *const ModelHandle,
    index: usize,
    name: *mut *const c_char,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, place) = unsafe { (reference(model, "model")?, Place::new(name, "name")?) };
        let first = model.output(0)?;
        if first.head.classes().is_none() {
            return Err(Error::NoItems {
                items: "classes",
                output: first.name.clone(),
                head: first.head.name(),
            });
        }
        place.set(model.texts(0)?.item(index, first)?.as_ptr());
        Ok(())
    })
}

/// Fills `*output`, which must start from `BAYES8_OUTPUT_INIT`, with the output of an index. `outputs`
/// of `bayes8_model_info` is their number.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT` where no output has this index.
///
/// # Safety
/// `model` is NULL or a live handle; `output` is NULL or points to a `bayes8_output` of `output->size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_output(
    model: *const ModelHandle,
    index: usize,
    output: *mut OutputInfo,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let model = unsafe { reference(model, "model") }?;
        let value = model.texts(index)?.describe(model.output(index)?);
        // SAFETY: the caller's contract.
        unsafe { extensible::write(output, &value, "output") }
    })
}

/// Puts the name of class, label or target `index` of output `output` into `*name`: UTF-8 that lives as
/// long as the model; `class N`, `label N` or `target N` where the model has none.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT` where nothing has these indices.
///
/// # Safety
/// `model` is NULL or a live handle; `name` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_item_name(
    model: *const ModelHandle,
    output: usize,
    index: usize,
    name: *mut *const c_char,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (model, place) = unsafe { (reference(model, "model")?, Place::new(name, "name")?) };
        place.set(model.texts(output)?.item(index, model.output(output)?)?.as_ptr());
        Ok(())
    })
}

/// Fills `*target`, which must start from `BAYES8_TARGET_INIT`, with target `index` of output `output`,
/// a regression.
///
/// Errors: `NULL_POINTER`, `INVALID_ARGUMENT` where nothing has these indices, or the output is not a
/// regression.
///
/// # Safety
/// `model` is NULL or a live handle; `target` is NULL or points to a `bayes8_target` of `target->size`
/// bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bayes8_model_get_target(
    model: *const ModelHandle,
    output: usize,
    index: usize,
    target: *mut TargetInfo,
) -> Status {
    boundary(|| {
        // SAFETY: the caller's contract.
        let model = unsafe { reference(model, "model") }?;
        let value = model.texts(output)?.target(index, model.output(output)?)?;
        // SAFETY: the caller's contract.
        unsafe { extensible::write(target, &value, "target") }
    })
}
