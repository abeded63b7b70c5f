//! An evaluation as text for a terminal.

use crate::compared::Compared;
use crate::metrics::{DriftPoint, Worst};
use crate::report::{Peer, Report};
use crate::rows::rows;
use crate::style::{Style, counted, four_places, printable};
use crate::table::{Align, Table};
use crate::verdict;

impl Report {
    /// Returns tables of all figures, under the model's name.
    pub fn text(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.bold(&printable(self.model.name())));
        text.push_str(&format!("{}\n\n", style.dim(&self.run())));
        append(&mut text, &self.figures(), style);
        for (name, peer) in self.peers() {
            text.push_str(&comparison(name, peer, style));
        }
        if !self.int8.drift.is_empty() {
            text.push_str(&self.drift(style));
        }
        if let Some(conformal) = &self.conformal {
            text.push_str(&conformal.text(style));
        }
        if !self.thresholds.is_empty() {
            text.push_str(&format!("\n{}\n", verdict::summary(&self.thresholds)));
        }
        text
    }

    /// The pictures and samples, what varies, and the speed.
    fn run(&self) -> String {
        let Self { pictures, samples, seed, kernel, threads, seconds, randomness, .. } = self;
        let rate = *pictures as f64 / seconds;
        format!(
            "{}, {} each, seed {seed}\n\
             varies: {randomness}\n\
             {rate:.1} examples/s ({:.0} forward passes/s): {seconds:.2} s, {kernel}, {}",
            counted(*pictures as u64, "example"),
            counted(*samples, "sample"),
            rate * f64::from(*samples),
            counted(*threads as u64, "thread")
        )
    }

    fn figures(&self) -> Table {
        let sides = self.sides();
        let mut columns = vec![(String::new(), Align::Left)];
        columns.extend(sides.iter().map(|side| (side.name.to_string(), Align::Right)));
        let compared = sides.get(1).map(|side| (format!("INT8 - {}", side.name), Align::Right));
        columns.extend(compared.clone());
        columns.push((String::new(), Align::Left));
        let mut table = Table::new(&columns);
        for row in rows(self) {
            let mut cells = vec![row.name];
            cells.extend(row.cells);
            if compared.is_some() {
                cells.push(row.difference.unwrap_or_default());
            }
            cells.push(row.note.into());
            table.push(cells);
        }
        table
    }

    /// Accuracy and total uncertainty of each corruption.
    fn drift(&self, style: Style) -> String {
        let samples = self.drift_samples.unwrap_or(self.samples);
        let note =
            format!("accuracy and mean predictive entropy, {} each", counted(samples, "sample"));
        let mut text = format!("\n{}\n{}\n", style.bold("Drift"), style.dim(&note));
        let sides: Vec<_> =
            self.sides().into_iter().filter(|side| !side.figures.drift.is_empty()).collect();
        let mut columns = vec![("corruption", Align::Left), ("severity", Align::Right)];
        for side in &sides {
            columns.extend([(side.name, Align::Right), ("nats", Align::Right)]);
        }
        let mut table = Table::new(&columns);
        for (index, point) in self.int8.drift.iter().enumerate() {
            let mut cells = vec![point.corruption.clone(), point.severity.to_string()];
            for side in &sides {
                let DriftPoint { metrics, .. } = &side.figures.drift[index];
                cells.push(format!("{:.2} %", 100.0 * metrics.accuracy));
                cells.push(format!("{:.4}", metrics.mean_predictive_entropy));
            }
            table.push(cells);
        }
        append(&mut text, &table, style);
        if let Some(Worst { corruption, severity, value }) = &self.int8.drift_accuracy_loss {
            let points = 100.0 * value;
            text.push_str(&format!(
                "most accuracy is lost to {corruption} {severity}: {points:.2} points\n"
            ));
        }
        text
    }
}

/// How INT8 differs from a peer.
fn comparison(name: &str, peer: &Peer, style: Style) -> String {
    let c = &peer.comparison;
    let title = format!("INT8 against {name}, {}", peer.compared_text());
    let mut text = format!("\n{}\n", style.bold(&title));
    let mut lines = vec![
        (
            "rank correlation",
            format!(
                "{} of predictive entropy, {} of mutual information",
                four_places(c.spearman_predictive_entropy),
                four_places(c.spearman_mutual_information)
            ),
        ),
        ("same class", format!("{:.2} %", 100.0 * c.same_class)),
    ];
    for (name, difference, unit) in [
        ("probability", c.probability, ""),
        ("total", c.predictive_entropy, " nats"),
        ("epistemic", c.mutual_information, " nats"),
    ] {
        let text = format!(
            "differs by {:.4}{unit} on average, by {:.4} at most (example {})",
            difference.mean, difference.largest, difference.picture
        );
        lines.push((name, text));
    }
    if let Some(gaps) = &peer.drift_gaps {
        let Worst { corruption, severity, value } = &gaps.accuracy;
        let points = 100.0 * value;
        lines.push((
            "drift",
            format!("accuracy differs by {points:.2} points at most ({corruption} {severity})"),
        ));
        let Worst { corruption, severity, value } = &gaps.predictive_entropy;
        let percent = 100.0 * value;
        lines.push((
            "",
            format!("mean predictive entropy by {percent:.2} % at most ({corruption} {severity})"),
        ));
        let Worst { corruption, severity, value } = &gaps.auroc;
        lines.push((
            "",
            format!("AUROC against clean pictures by {value:.4} at most ({corruption} {severity})"),
        ));
    }
    if !peer.compared.is_fair() {
        lines.push(("", Compared::UNFAIR.into()));
    }
    for (label, value) in lines {
        text.push_str(&format!("{}  {value}\n", style.dim(&format!("{label:16}"))));
    }
    text
}

fn append(text: &mut String, table: &Table, style: Style) {
    let (header, rows) = table.lines();
    text.push_str(&format!("{}\n", style.dim(&header)));
    rows.iter().for_each(|row| text.push_str(&format!("{row}\n")));
}
