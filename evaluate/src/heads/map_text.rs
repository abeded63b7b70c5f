//! The figures of maps as text for a terminal.

use super::figure_table::{Row, figures, lines};
use crate::maps::{ClassOverlap, MapFigures};
use crate::metrics::Overlap;
use crate::style::{Style, counted, four_places, printable, thousands};
use crate::table::{Align, Table};

/// The tables of the models; INT8 is first.
pub(super) fn tables(sides: &[(&str, &MapFigures)], style: Style) -> String {
    let [(_, int8), ..] = sides else { return String::new() };
    let [planes, rows, columns] = int8.positions;
    let size = match (planes, rows) {
        (1, 1) => counted(columns as u64, "position"),
        (1, _) => format!("{rows}x{columns} positions"),
        _ => format!("{planes}x{rows}x{columns} positions"),
    };
    let title = format!("Maps of {size}");
    let measured = counted(int8.measured, "position");
    let note = match int8.ignored {
        0 => measured,
        ignored => format!("{measured} with a class, {} ignored", thousands(ignored)),
    };
    format!(
        "\n{}\n{}\n{}\n{}\n{}",
        style.bold(&title),
        style.dim(&note),
        figures(&sides.iter().map(|(name, _)| *name).collect::<Vec<_>>(), rows_of(sides), style),
        style.bold("Classes, INT8"),
        each_class(&int8.classes, style)
    )
}

/// The figures over all positions.
pub(crate) fn rows_of(sides: &[(&str, &MapFigures)]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut push = |name: &str, note: &str, value: fn(&MapFigures) -> f64| {
        let values = sides.iter().map(|(_, of)| Some(value(of)).filter(|value| !value.is_nan()));
        rows.push((name.into(), note.into(), values.collect()));
    };
    push("pixel accuracy", "share of positions that are right", |f| f.accuracy);
    push("mean IoU", "intersection over union, mean of the classes", |f| f.mean_iou);
    push("mean Dice", "mean of the classes", |f| f.mean_dice);
    push("NLL", "nats, of a position", |f| f.nll);
    push("Brier score", "0 is perfect, 2 the worst", |f| f.brier);
    push("ECE", "expected calibration error", |f| f.ece);
    push("AURC", "area under the risk-coverage curve", |f| f.selective.aurc);
    push("PAvPU", "share that is right and certain, or wrong and uncertain", |f| f.patches.pavpu);
    push("right if certain", "share of the certain positions", |f| f.patches.accurate_if_certain);
    push("uncertain if wrong", "share of the wrong positions", |f| {
        f.patches.uncertain_if_inaccurate
    });
    push("AUROC of errors", "by predictive entropy", |f| {
        f.error_detection.predictive_entropy.auroc
    });
    push("AUROC of errors", "by mutual information", |f| {
        f.error_detection.mutual_information.auroc
    });
    push("total", "nats, mean predictive entropy of a position", |f| f.mean_predictive_entropy);
    push("aleatoric", "nats, mean expected entropy of a position", |f| f.mean_expected_entropy);
    push("epistemic", "nats, mean mutual information of a position", |f| f.mean_mutual_information);
    rows
}

/// The figures of each class.
fn each_class(classes: &[ClassOverlap], style: Style) -> String {
    let right = ["positions", "IoU", "Dice"].map(|name| (name, Align::Right));
    let columns = [("class", Align::Left)].into_iter().chain(right).collect::<Vec<_>>();
    let mut table = Table::new(&columns);
    for ClassOverlap { name, overlap: Overlap { positions, iou, dice } } in classes {
        let or_dash = |value: &Option<f64>| four_places(value.unwrap_or(f64::NAN));
        table.push(vec![printable(name), thousands(*positions), or_dash(iou), or_dash(dice)]);
    }
    lines(&table, style)
}
