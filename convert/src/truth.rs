//! What is known of examples that have no class: their labels, the values of their targets, or the class of
//! each of their positions.

use bayes8_core::counts::counted;
use ndarray::{Array2, ArrayD, Axis};

use crate::npy::Element;
use crate::npz::{Archive, PicturesError};

impl Archive {
    /// Reads an array `[N, labels]` of integers or booleans, all of them 0 or 1; `[N]` if there is one
    /// label. It must have `examples` rows and `labels` columns.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn labels(
        &mut self,
        array: &str,
        examples: usize,
        labels: usize,
    ) -> Result<Array2<bool>, PicturesError> {
        self.array(array, |header, data| {
            let element = match header.element {
                Some(element) if !matches!(element, Element::Float { .. }) => element,
                _ => {
                    let descr = &header.descr;
                    return Err(format!("its type is '{descr}', expected integers of 0 and 1"));
                }
            };
            let values = matrix(header.integers(element, data)?, examples, labels, "label")?;
            if let Some(((example, label), value)) =
                values.indexed_iter().find(|(_, value)| !matches!(value, 0 | 1))
            {
                return Err(format!("label {label} of example {example} is {value}, not 0 or 1"));
            }
            Ok(values.mapv(|value| value == 1))
        })
    }

    /// Reads an array `[N, targets]` of finite floats or of integers; `[N]` if there is one target. It must have
    /// `examples` rows and `targets` columns.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn targets(
        &mut self,
        array: &str,
        examples: usize,
        targets: usize,
    ) -> Result<Array2<f64>, PicturesError> {
        self.array(array, |header, data| {
            let values = match header.element {
                Some(Element::Float { bytes }) => header.floats(bytes, data)?.mapv(f64::from),
                Some(element @ (Element::Signed { .. } | Element::Unsigned { .. })) => {
                    header.integers(element, data)?.mapv(|value| value as f64)
                }
                _ => {
                    let descr = &header.descr;
                    return Err(format!(
                        "its type is '{descr}', expected float32 or integers: the values of the targets"
                    ));
                }
            };
            let values = matrix(values, examples, targets, "target")?;
            if let Some(((example, target), value)) =
                values.indexed_iter().find(|(_, value)| !value.is_finite())
            {
                let beyond = if value.is_infinite() { ", or beyond float32" } else { "" };
                return Err(format!("target {target} of example {example} is {value}{beyond}"));
            }
            Ok(values)
        })
    }

    /// Reads an array `[N, H, W]` of integers, the class of each position of a map of `classes` classes with
    /// these planes, rows and columns; of a volume `[N, D, H, W]`, of a sequence `[N, L]`. Positions with the
    /// label `ignored` have no class. There must be `examples` maps, with a class at any position.
    ///
    /// # Errors
    /// [`PicturesError`], which names the array.
    pub fn class_map(
        &mut self,
        array: &str,
        examples: usize,
        positions: [usize; 3],
        classes: usize,
        ignored: Option<i64>,
    ) -> Result<Vec<Option<u16>>, PicturesError> {
        self.array(array, |header, data| {
            let element = match header.element {
                Some(element @ (Element::Signed { .. } | Element::Unsigned { .. })) => element,
                _ => {
                    let descr = &header.descr;
                    let expected = "expected an integer type: the class of each position";
                    return Err(format!("its type is '{descr}', {expected}"));
                }
            };
            check_extents(&header.shape, examples, positions)?;
            let labels = header.long_integers(element, data)?;
            let class = |(index, &label): (usize, &i64)| match u16::try_from(label) {
                _ if Some(label) == ignored => Ok(None),
                Ok(class) if usize::from(class) < classes => Ok(Some(class)),
                _ => {
                    let (picture, place) = place(index, positions);
                    Err(format!(
                        "label {label} of picture {picture} at {place} is not a class: the model has \
                         {classes}; if it means that nothing is known there, leave it out with \
                         --ignore-index {label}"
                    ))
                }
            };
            let map: Vec<_> = labels.iter().enumerate().map(class).collect::<Result<_, _>>()?;
            match ignored {
                Some(label) if map.iter().all(Option::is_none) => Err(format!(
                    "all labels are {label}, which --ignore-index leaves out: nothing is left to measure"
                )),
                _ => Ok(map),
            }
        })
    }
}

/// Checks the shape of `examples` maps with these positions. Axes of extent 1, except N, may be left out.
fn check_extents(shape: &[usize], examples: usize, positions: [usize; 3]) -> Result<(), String> {
    let long = |extents: &[usize]| -> Vec<usize> {
        extents.iter().copied().filter(|&extent| extent != 1).collect()
    };
    let expected = long(&positions);
    let Some((&count, extents)) = shape.split_first().filter(|(_, of)| long(of) == expected) else {
        let expected = expected.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        return Err(format!(
            "its shape is {shape:?}, expected [N, {expected}]: the class of each position of the output"
        ));
    };
    if count != examples {
        let (maps, examples) = (counted(count, "map"), counted(examples, "example"));
        return Err(format!("{maps} of {extents:?} positions for {examples}"));
    }
    Ok(())
}

/// The picture of an index among the positions of all pictures, and its place there, in words.
fn place(index: usize, [planes, rows, columns]: [usize; 3]) -> (usize, String) {
    let count = planes * rows * columns;
    let (picture, at) = (index / count, index % count);
    let (plane, row, column) = (at / (rows * columns), at / columns % rows, at % columns);
    let place = match (planes, rows) {
        (1, 1) => format!("position {column}"),
        (1, _) => format!("row {row}, column {column}"),
        _ => format!("plane {plane}, row {row}, column {column}"),
    };
    (picture, place)
}

/// Checks that `values` are `[examples, columns]`, or `[examples]` of one column.
fn matrix<T>(
    values: ArrayD<T>,
    examples: usize,
    columns: usize,
    what: &str,
) -> Result<Array2<T>, String> {
    let shape = values.shape().to_vec();
    let values = if shape.len() == 1 { values.insert_axis(Axis(1)) } else { values };
    let Ok(values) = values.into_dimensionality::<ndarray::Ix2>() else {
        return Err(format!("its shape is {shape:?}, expected [N, {what}s]"));
    };
    let (rows, found) = values.dim();
    if found != columns {
        let (found, columns) = (counted(found, what), counted(columns, what));
        return Err(format!("it has {found} for each example, the model has {columns}"));
    }
    if rows != examples {
        let (rows, examples) = (counted(rows, "row"), counted(examples, "example"));
        return Err(format!("{rows} for {examples}"));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};
    use ndarray_npy::NpzWriter;
    use std::fs::File;
    use std::path::Path;

    /// An archive that `fill` wrote.
    fn archive(fill: impl FnOnce(&mut NpzWriter<File>)) -> Archive {
        let file = tempfile::tempfile().unwrap();
        let mut writer = NpzWriter::new(file.try_clone().unwrap());
        fill(&mut writer);
        writer.finish().unwrap();
        Archive::open(Path::new("xy.npz"), file).unwrap()
    }

    #[test]
    fn labels_are_zeros_and_ones_of_any_integer_type() {
        let mut npz = archive(|npz| {
            npz.add_array("bytes", &array![[1u8, 0], [0, 0], [1, 1]]).unwrap();
            npz.add_array("long", &array![[1i64, 0], [0, 0], [1, 1]]).unwrap();
            npz.add_array("bool", &array![[true, false], [false, false], [true, true]]).unwrap();
            npz.add_array("one", &array![1i32, 0, 1]).unwrap();
            npz.add_array("two", &array![[1u8, 2]]).unwrap();
            npz.add_array("floats", &array![[1f32, 0.0]]).unwrap();
        });
        let expected = array![[true, false], [false, false], [true, true]];
        for name in ["bytes", "long", "bool"] {
            assert_eq!(npz.labels(name, 3, 2).unwrap(), expected);
        }
        assert_eq!(npz.labels("one", 3, 1).unwrap(), array![[true], [false], [true]]);
        let mut error =
            |name, rows, columns| npz.labels(name, rows, columns).unwrap_err().to_string();
        assert_eq!(
            error("two", 1, 2),
            "xy.npz: array `two`: label 1 of example 0 is 2, not 0 or 1"
        );
        assert!(error("floats", 1, 2).contains("its type is '<f4', expected integers of 0 and 1"));
        let columns = "it has 2 labels for each example, the model has 3 labels";
        assert!(error("bytes", 3, 3).contains(columns));
        assert!(error("bytes", 4, 2).contains("3 rows for 4 examples"));
        assert!(error("y", 4, 2).contains("array `y`: missing"));
    }

    #[test]
    fn maps_have_a_class_or_none_at_each_position() {
        let mut npz = archive(|npz| {
            npz.add_array("bytes", &array![[[0u8, 1, 2], [7, 0, 1]]]).unwrap();
            npz.add_array("long", &array![[[[0i64, 1, 2], [7, 0, 1]]]]).unwrap();
            npz.add_array("none", &Array3::from_elem((1, 2, 3), -1i8)).unwrap();
            npz.add_array("large", &array![[[0, 0, 0], [0, u64::MAX, 0]]]).unwrap();
            npz.add_array("floats", &Array3::<f32>::zeros((1, 2, 3))).unwrap();
            npz.add_array("turned", &Array3::<u8>::zeros((1, 3, 2))).unwrap();
            npz.add_array("line", &array![[0u8, 5]]).unwrap();
        });
        let expected = [Some(0), Some(1), Some(2), None, Some(0), Some(1)];
        for name in ["bytes", "long"] {
            assert_eq!(npz.class_map(name, 1, [1, 2, 3], 3, Some(7)).unwrap(), expected);
        }
        let mut error = |name, count, positions, ignored| {
            npz.class_map(name, count, positions, 3, ignored).unwrap_err().to_string()
        };
        let place = "array `bytes`: label 7 of picture 0 at row 1, column 0 is not a class: the model has 3; \
                     if it means that nothing is known there, leave it out with --ignore-index 7";
        assert_eq!(error("bytes", 1, [1, 2, 3], None), format!("xy.npz: {place}"));
        let ignored =
            "all labels are -1, which --ignore-index leaves out: nothing is left to measure";
        assert!(error("none", 1, [1, 2, 3], Some(-1)).ends_with(ignored));
        // Not -1, as in 64 bits with a sign.
        let large = format!("label {} of picture 0 at row 1, column 1", i64::MAX);
        assert!(error("large", 1, [1, 2, 3], Some(-1)).contains(&large));
        assert!(
            error("floats", 1, [1, 2, 3], None).contains("its type is '<f4', expected an integer")
        );
        let shape = "its shape is [1, 3, 2], expected [N, 2, 3]: the class of each position";
        assert!(error("turned", 1, [1, 2, 3], None).contains(shape));
        assert!(
            error("bytes", 2, [1, 2, 3], None).contains("1 map of [2, 3] positions for 2 examples")
        );
        assert!(
            error("line", 1, [1, 1, 2], None).contains("picture 0 at position 1 is not a class")
        );
    }

    #[test]
    fn targets_are_finite_numbers() {
        let mut npz = archive(|npz| {
            npz.add_array("one", &array![1.5f32, -2.0]).unwrap();
            npz.add_array("two", &array![[1.5f64, 2.0], [0.0, -1.0]]).unwrap();
            npz.add_array("nan", &array![[0.0, f32::NAN]]).unwrap();
            npz.add_array("large", &array![1e300f64]).unwrap();
            npz.add_array("long", &array![-3i64]).unwrap();
            npz.add_array("small", &array![200u8]).unwrap();
            npz.add_array("bool", &array![true]).unwrap();
            npz.add_array("deep", &array![[[1f32]]]).unwrap();
        });
        assert_eq!(npz.targets("one", 2, 1).unwrap(), array![[1.5], [-2.0]]);
        assert_eq!(npz.targets("two", 2, 2).unwrap(), array![[1.5, 2.0], [0.0, -1.0]]);
        assert_eq!(npz.targets("long", 1, 1).unwrap(), array![[-3.0]]);
        assert_eq!(npz.targets("small", 1, 1).unwrap(), array![[200.0]]);
        let mut error =
            |name, rows, columns| npz.targets(name, rows, columns).unwrap_err().to_string();
        assert_eq!(error("nan", 1, 2), "xy.npz: array `nan`: target 1 of example 0 is NaN");
        assert!(error("large", 1, 1).contains("is inf, or beyond float32"));
        assert!(error("bool", 1, 1).contains("its type is '|b1', expected float32 or integers"));
        assert!(error("deep", 1, 1).contains("its shape is [1, 1, 1], expected [N, targets]"));
        assert!(
            error("two", 2, 1)
                .contains("it has 2 targets for each example, the model has 1 target")
        );
    }
}
