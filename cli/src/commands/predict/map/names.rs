//! Names of files that belong to pictures and outputs.

use std::collections::HashSet;

/// The most bytes of the part of a name that comes from a picture or an output. Both, a number and the end of
/// the name stay below 255 bytes, which file systems allow.
const MOST_BYTES: usize = 100;

/// How the names of the files of each picture and each output begin. No two are equal, not even on file systems
/// that ignore case. A single output is left out.
pub(super) fn unique(pictures: &[String], outputs: &[&str]) -> Vec<Vec<String>> {
    let mut used = HashSet::new();
    let of_picture = |picture: &String| -> Vec<String> {
        let picture = of_picture(picture);
        let mut name = |output: &&str| {
            let base = match outputs.len() {
                1 => picture.clone(),
                _ => format!("{picture}.{}", safe(output)),
            };
            let numbered = (2..).map(|number| format!("{base}-{number}"));
            let free = |name: &String| used.insert(name.to_lowercase());
            [base.clone()].into_iter().chain(numbered).find(free).unwrap_or_default()
        };
        outputs.iter().map(&mut name).collect()
    };
    pictures.iter().map(of_picture).collect()
}

/// The name of a picture's file without folder and ending. For an input of an array, as `x.npy[3]`, with its number.
fn of_picture(picture: &str) -> String {
    let name = picture.rsplit(['/', '\\']).next().unwrap_or(picture);
    let (file, number) = match name.strip_suffix(']').and_then(|name| name.rsplit_once('[')) {
        Some((file, number)) if number.parse::<u64>().is_ok() => (file, Some(number)),
        _ => (name, None),
    };
    let stem = match file {
        // Standard input.
        "-" => "stdin",
        file => file
            .rsplit_once('.')
            .map_or(file, |(stem, _)| if stem.is_empty() { file } else { stem }),
    };
    match number {
        Some(number) => format!("{}_{number}", safe(stem)),
        None => safe(stem),
    }
}

/// Replaces what not all file systems, shells and patterns take literally.
fn safe(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let mut safe: String = name.chars().map(plain).collect();
    while safe.len() > MOST_BYTES {
        safe.pop();
    }
    match safe.chars().next() {
        // Hidden files, options, and nothing at all.
        None | Some('.' | '-') => format!("_{safe}"),
        Some(_) => safe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pictures: &[&str], outputs: &[&str]) -> Vec<String> {
        let pictures: Vec<String> = pictures.iter().map(|&name| name.into()).collect();
        unique(&pictures, outputs).concat()
    }

    #[test]
    fn names_come_from_pictures() {
        for (picture, name) in [
            ("a/b/street.png", "street"),
            (r"C:\pictures\street.v2.png", "street.v2"),
            ("street", "street"),
            ("data/test.npz[12]", "test_12"),
            ("x[3].png", "x_3_"),
            ("-", "stdin"),
            ("-[0]", "stdin_0"),
            ("a b*?.png", "a_b__"),
            ("été.png", "été"),
            (".png", "_.png"),
            ("-x.png", "_-x"),
            ("", "_"),
        ] {
            assert_eq!(names(&[picture], &["output"]), [name], "{picture}");
        }
        let long = names(&[&"é".repeat(300)], &["a", &"b".repeat(300)]);
        assert!(long.iter().all(|name| name.len() <= 201), "{long:?}");
    }

    #[test]
    fn no_two_names_are_equal() {
        let pictures = ["a/x.png", "b/X.png", "x-2.png", "c/x.jpg", "x.npz[0]", "x.npy[0]"];
        assert_eq!(names(&pictures, &["output"]), ["x", "X-2", "x-2-2", "x-3", "x_0", "x_0-2"]);
        // Of picture `a` and output `b.c`, and of picture `a.b` and output `c`.
        let both = names(&["a.png", "a.b.png"], &["b.c", "c"]);
        assert_eq!(both, ["a.b.c", "a.c", "a.b.b.c", "a.b.c-2"]);
    }
}
