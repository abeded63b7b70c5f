//! Recognizes files of other kinds by their first bytes, so that an error can say what the file is.

/// Returns what a file that is not a container is, if its first bytes tell, and advice on what to
/// do.
pub(super) fn kind(file: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = file.trim_ascii_start();
    Some(match file {
        [] => ("an empty file", ""),
        [0x89, b'P', b'N', b'G', ..] | [0xff, 0xd8, 0xff, ..] | [b'G', b'I', b'F', b'8', ..] => {
            ("a picture", "")
        }
        [b'P', b'K', 3, 4, ..] => ("a zip archive (such as npz and PyTorch's checkpoints)", ""),
        [0x1f, 0x8b, ..] => ("a gzip archive", ": unpack it first"),
        // A protobuf: the version first, then the name of the producer.
        [0x08, 1..=127, 0x12, ..] => ("an ONNX network", ": quantize it first"),
        _ if text.starts_with(b"version https://git-lfs") => {
            ("a pointer of Git LFS", ": fetch the file itself with `git lfs pull`")
        }
        _ if text.starts_with(b"<") => ("a page of HTML or XML", ""),
        _ if text.starts_with(b"{") || text.starts_with(b"[") => ("a text in JSON", ""),
        _ if is_text(file) => ("a text", ""),
        _ => return None,
    })
}

/// Whether a file begins like a text in ASCII. A container does not: the length of its header ends
/// in zeros.
fn is_text(file: &[u8]) -> bool {
    let mut start = file.iter().take(8);
    start.all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_recognized() {
        for (file, expected) in [
            (&b""[..], "an empty file"),
            (b"\x89PNG\r\n", "a picture"),
            (b"\xff\xd8\xff\xe0", "a picture"),
            (b"\r\n <!doctype html>", "a page of HTML or XML"),
            (b"{\"error\": 404}", "a text in JSON"),
            (b"\x08\x08\x12\x07pytorch", "an ONNX network"),
            (b"class,picture\n", "a text"),
        ] {
            assert_eq!(kind(file).map(|(kind, _)| kind), Some(expected));
        }
        assert_eq!(kind(b"\x10\x27\0\0\0\0\0\0{\"__metadata__"), None);
    }
}
