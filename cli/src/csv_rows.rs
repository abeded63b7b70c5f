//! Reads CSV files as the inputs of a model that takes numbers: a row for each input.

use anyhow::{Context, anyhow, bail};
use bayes8_core::graph::Shape;
use bayes8_core::quoted::Echo;
use bayes8_evaluate::style::counted;
use csv::{ReaderBuilder, StringRecord};

/// Texts that mark a missing value, in lower case.
const MISSING: [&str; 7] = ["", "na", "n/a", "null", "none", "?", "-"];

/// The columns of a file: the features of a table, or the positions of sequences of one channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns {
    count: usize,
    each: &'static str,
}

impl Columns {
    /// The columns that hold inputs of `shape`; `None` if a row cannot hold such an input.
    pub(crate) fn of(shape: Shape) -> Option<Self> {
        match (shape.depth, shape.height, shape.width, shape.channels) {
            (1, 1, 1, count) => Some(Self { count, each: "feature" }),
            (1, 1, count, 1) => Some(Self { count, each: "position" }),
            _ => None,
        }
    }

    /// Reads the numbers of all rows of `file`, one row after the other. The first row may be a header.
    ///
    /// # Errors
    /// When a row has too few or too many columns, or a cell is not a finite number, naming the line and
    /// the column. A file without rows is an error too.
    pub(crate) fn read(self, file: &[u8]) -> anyhow::Result<Vec<f32>> {
        if file.contains(&0) {
            bail!("it is not text in UTF-8, but perhaps in UTF-16: save it as UTF-8");
        }
        // Only names in a header may have other letters than those of UTF-8.
        let text = String::from_utf8_lossy(file);
        let text = text.trim_start_matches('\u{feff}');
        let mut reader =
            ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut lines = Lines { text: text.as_bytes(), at: 0, line: 1, first: true };
        let (mut record, mut header, mut numbers) = (StringRecord::new(), None, Vec::new());
        while reader.read_record(&mut record).context("it is not CSV")? {
            let line = lines.number(record.position().map_or(0, |position| position.byte()))?;
            if record.iter().any(|cell| cell.contains(['\r', '\n'])) {
                bail!("line {line}: a cell goes on in the next line: a quotation mark is missing");
            }
            record.trim();
            if numbers.is_empty() && header.is_none() && record.iter().all(is_name) {
                self.check_count(line, &record)?;
                header = Some(record.clone());
            } else {
                self.add(line, &record, header.as_ref(), &mut numbers)?;
            }
        }
        match (numbers.is_empty(), header) {
            (false, _) => Ok(numbers),
            (true, Some(_)) => bail!("it has a header, but no rows"),
            (true, None) => bail!("it is empty"),
        }
    }

    fn add(
        self,
        line: usize,
        record: &StringRecord,
        header: Option<&StringRecord>,
        numbers: &mut Vec<f32>,
    ) -> anyhow::Result<()> {
        if record.iter().eq([""]) && self.count > 1 {
            bail!("line {line} is empty: leave it out");
        }
        self.check_count(line, record)?;
        for (index, cell) in record.iter().enumerate() {
            let number = number(cell).map_err(|fault| {
                if let Some(advice) = separator(record) {
                    return anyhow!("line {line} {advice}");
                }
                let name = header.and_then(|header| header.get(index));
                let name = name.map_or(String::new(), |name| format!(" ({})", Echo(name)));
                anyhow!("line {line}, column {}{name}: {fault}", index + 1)
            })?;
            numbers.push(number);
        }
        Ok(())
    }

    fn check_count(self, line: usize, record: &StringRecord) -> anyhow::Result<()> {
        let Self { count, each } = self;
        if record.len() == count {
            return Ok(());
        }
        if let Some(advice) = separator(record) {
            bail!("line {line} {advice}");
        }
        let advice = match record.len() > count {
            true => ": leave out other columns, such as an index or the target",
            false => "",
        };
        bail!(
            "line {line} has {}, the model takes {}{advice}",
            counted(record.len() as u64, "column"),
            counted(count as u64, each)
        )
    }
}

/// Counts lines as far as the rows have been read.
struct Lines<'a> {
    text: &'a [u8],
    /// Where the last row begins, and its line.
    at: usize,
    line: usize,
    /// Whether no row has been read.
    first: bool,
}

impl Lines<'_> {
    /// Returns the line of the row that begins at `byte`, or after ends of lines there.
    ///
    /// # Errors
    /// When a line before it is empty, which may be a missing value.
    fn number(&mut self, byte: u64) -> anyhow::Result<usize> {
        let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        let byte = (byte as usize).min(self.text.len());
        let start = byte + self.text[byte..].iter().take_while(is_end).count();
        // `\n`, `\r\n` or `\r`.
        let ends = self.text[self.at..start]
            .iter()
            .zip(self.text[self.at..start].iter().skip(1).chain([&b' ']))
            .filter(|&(&end, &next)| end == b'\n' || end == b'\r' && next != b'\n')
            .count();
        if ends > usize::from(!self.first) {
            bail!("line {} is empty: leave it out", self.line + usize::from(!self.first));
        }
        (self.at, self.line, self.first) = (start, self.line + ends, false);
        Ok(self.line)
    }
}

/// Whether a cell may be the name of a column. One that begins like a number is rather a mistyped number,
/// and its row must not be taken for a header.
fn is_name(cell: &str) -> bool {
    let begins_like_number = cell.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    !is_missing(cell) && !begins_like_number && cell.parse::<f64>().is_err()
}

fn is_missing(cell: &str) -> bool {
    MISSING.iter().any(|missing| cell.eq_ignore_ascii_case(missing))
}

/// Reads a cell as NumPy does: as the nearest f64, then the nearest f32.
fn number(cell: &str) -> Result<f32, String> {
    match cell.parse::<f64>() {
        Ok(number) if !number.is_finite() && cell.contains(|c: char| c.is_ascii_digit()) => {
            Err(format!("`{}` is beyond float32", Echo(cell)))
        }
        Ok(number) if !number.is_finite() => Err(format!("`{cell}` is not a finite number")),
        Ok(number) if !(number as f32).is_finite() => {
            Err(format!("`{}` is beyond float32", Echo(cell)))
        }
        Ok(number) => Ok(number as f32),
        Err(_) if cell.is_empty() => Err("the value is missing".into()),
        Err(_) if is_missing(cell) => Err(format!("the value is missing (`{cell}`)")),
        Err(_) => Err(format!("`{}` is not a number", Echo(cell))),
    }
}

/// What to do about a row whose cells are separated by something else than commas.
fn separator(record: &StringRecord) -> Option<&'static str> {
    let has = |separator: char| record.iter().any(|cell| cell.contains(separator));
    let are_numbers = |cell: &str| {
        let mut numbers = cell.split(' ').filter(|part| !part.is_empty());
        cell.contains(' ') && numbers.all(|part| part.parse::<f64>().is_ok())
    };
    if has(';') {
        Some("is separated by semicolons: put commas between columns, and points into numbers")
    } else if has('\t') {
        Some("is separated by tabs: put commas between columns")
    } else if record.iter().any(are_numbers) {
        Some("is separated by spaces: put commas between columns")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(columns: usize, text: &str) -> Result<Vec<f32>, String> {
        let columns = Columns::of(Shape::vector(columns)).unwrap();
        columns.read(text.as_bytes()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn rows_are_read_with_and_without_a_header() {
        let expected = Ok(vec![1.0, -2.5, 3e-4, 4.0]);
        for text in [
            "1,-2.5\n3e-4,4\n",
            "1,-2.5\n3e-4,4",
            "1,-2.5\r\n3e-4,4\r\n",
            "1,-2.5\r3e-4,4\r",
            "a,b\n1,-2.5\n3e-4,4\n\n\n",
            "\u{feff}age,\"BMI, or so\"\n 1 , -2.5\n\"3e-4\",\t4\n",
        ] {
            assert_eq!(read(2, text), expected, "{text:?}");
        }
        let latin = Columns::of(Shape::new(1, 2, 1)).unwrap().read(b"Gr\xf6\xdfe,b\n1,2\n");
        assert_eq!(latin.unwrap(), [1.0, 2.0]);
        // Rounded to f64 first, as NumPy does; in one step it would be 1.0000001.
        assert_eq!(read(1, "1.00000005960464477540\n"), Ok(vec![1.0]));
    }

    #[test]
    fn faults_name_line_and_column() {
        for (text, expected) in [
            ("1,2\n3\n", "line 2 has 1 column, the model takes 2 features"),
            ("1,2\r\n3,4\r\n5,6,7", "line 3 has 3 columns, the model takes 2 features: leave out"),
            ("a,b,c\n1,2,3\n", "line 1 has 3 columns"),
            ("a,b\n1,2\n3,x\n", "line 3, column 2 (b): `x` is not a number"),
            ("a,2\n3,4\n", "line 1, column 1: `a` is not a number"),
            ("12kg,1.2.3\n3,4\n", "line 1, column 1: `12kg` is not a number"),
            ("a,b\n1,\n", "line 2, column 2 (b): the value is missing"),
            ("NA,NA\n1,2\n", "line 1, column 1: the value is missing (`NA`)"),
            (",\n1,2\n", "line 1, column 1: the value is missing"),
            ("1,nan\n", "line 1, column 2: `nan` is not a finite number"),
            ("1,-inf\n", "column 2: `-inf` is not a finite number"),
            ("1,1e39\n", "column 2: `1e39` is beyond float32"),
            ("1,1e999\n", "column 2: `1e999` is beyond float32"),
            ("", "it is empty"),
            ("\n\n", "it is empty"),
            ("a,b\n", "it has a header, but no rows"),
            ("1;2\n", "line 1 is separated by semicolons: put commas"),
            ("1,5;2,5;3\n", "line 1 is separated by semicolons"),
            ("a;b\n1;2\n", "line 1 is separated by semicolons"),
            ("1,5;2\n", "line 1 is separated by semicolons"),
            ("1\t2\n", "line 1 is separated by tabs"),
            ("1.0 2.0\n", "line 1 is separated by spaces"),
            ("1,2\n\n3,4\n", "line 2 is empty: leave it out"),
            ("1,2\r\n\r\n3,4\r\n", "line 2 is empty"),
            ("\n1,2\n", "line 1 is empty"),
            ("1,2\n  \n3,4\n", "line 2 is empty"),
            ("a,\"b\n1,2\n3,4\n", "line 1: a cell goes on in the next line"),
            ("1,2\n3,\"4\n5,6\n", "line 2: a cell goes on in the next line"),
            ("1,0x10\n", "column 2: `0x10` is not a number"),
            ("1\0,2\n", "save it as UTF-8"),
        ] {
            let error = read(2, text).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        assert_eq!(read(1, "1\n\n3\n").unwrap_err(), "line 2 is empty: leave it out");
        assert_eq!(read(1, "1\n\n").unwrap(), [1.0]);
        let sequence = Columns::of(Shape::new(1, 9, 1)).unwrap().read(b"1,2\n").unwrap_err();
        assert_eq!(sequence.to_string(), "line 1 has 2 columns, the model takes 9 positions");
        assert!(Columns::of(Shape::new(1, 9, 2)).is_none());
    }

    proptest! {
        #[test]
        fn every_text_is_read_whole_or_refused(
            columns in 1usize..4,
            text in "([0-9,.]{0,4}|[a;\"\r\n \t-]|\r\n){0,30}",
        ) {
            if let Ok(numbers) = read(columns, &text) {
                let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty()).count();
                let rows = numbers.len() / columns;
                prop_assert_eq!(numbers.len(), rows * columns);
                // Without the header.
                prop_assert!(rows == lines || rows + 1 == lines, "{} of {}", rows, lines);
            }
        }

        #[test]
        fn no_bytes_panic(columns in 1usize..4, bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            let _ = Columns::of(Shape::vector(columns)).unwrap().read(&bytes);
        }
    }
}
