//! Text in aligned columns.

/// The alignment of a column's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Left-aligned.
    Left,
    /// Right-aligned.
    Right,
}

/// Rows of cells under a header.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates an empty table.
    pub fn new<S: AsRef<str>>(columns: &[(S, Align)]) -> Self {
        let columns = columns.iter().map(|(name, align)| (name.as_ref().to_owned(), *align));
        Self { columns: columns.collect(), rows: Vec::new() }
    }

    /// Adds a row, with one cell per column.
    pub fn push(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "one cell for every column");
        self.rows.push(cells);
    }

    /// Returns the header line and the other lines.
    pub fn lines(&self) -> (String, Vec<String>) {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| width(name)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::new();
            for ((cell, &wide), (_, align)) in cells.zip(&widths).zip(&self.columns) {
                let space = " ".repeat(wide - width(cell));
                match align {
                    Align::Left => line.extend([cell, &space, "  "]),
                    Align::Right => line.extend([&space, cell, "  "]),
                }
            }
            line.trim_end().to_string()
        };
        let header = line(&mut self.columns.iter().map(|(name, _)| name.as_str()));
        let rows = self.rows.iter().map(|row| line(&mut row.iter().map(String::as_str)));
        (header, rows.collect())
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right)]);
        table.push(vec!["a".into(), "1".into()]);
        table.push(vec!["größer".into(), "100".into()]);
        let (header, rows) = table.lines();
        assert_eq!(header, "name      n");
        assert_eq!(rows, ["a         1", "größer  100"]);
    }
}
