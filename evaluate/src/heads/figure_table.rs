//! A table of the figures of models.

use crate::style::{Style, four_places};
use crate::table::{Align, Table};

/// A figure of each model: its name, its meaning and its values; `None` where it is undefined.
pub(crate) type Row = (String, String, Vec<Option<f64>>);

/// The figures that are shown in percent.
const SHARES: [&str; 3] = ["accuracy", "coverage", "pixel accuracy"];

/// Whether a figure is shown in percent.
pub(crate) fn is_share(name: &str) -> bool {
    SHARES.contains(&name)
}

/// The table of rows.
pub(super) fn figures(sides: &[&str], rows: Vec<Row>, style: Style) -> String {
    let mut columns = vec![("", Align::Left)];
    columns.extend(sides.iter().map(|side| (*side, Align::Right)));
    if sides.len() > 1 {
        columns.push(("INT8 - FP32", Align::Right));
    }
    columns.push(("", Align::Left));
    let mut table = Table::new(&columns);
    for (name, note, values) in rows {
        let is_share = is_share(&name);
        let text = |value: &Option<f64>| match value {
            Some(value) if is_share => format!("{:.2} %", 100.0 * value),
            value => four_places(value.unwrap_or(f64::NAN)),
        };
        let mut cells = vec![name];
        cells.extend(values.iter().map(text));
        if let [int8, fp32] = values[..] {
            cells.push(match int8.zip(fp32) {
                Some((int8, fp32)) if is_share => format!("{:+.2}", 100.0 * (int8 - fp32)),
                Some((int8, fp32)) => format!("{:+.4}", int8 - fp32),
                None => String::new(),
            });
        }
        cells.push(note);
        table.push(cells);
    }
    lines(&table, style)
}

pub(super) fn lines(table: &Table, style: Style) -> String {
    let (header, rows) = table.lines();
    let mut text = format!("{}\n", style.dim(&header));
    rows.iter().for_each(|row| text.push_str(&format!("{row}\n")));
    text
}
