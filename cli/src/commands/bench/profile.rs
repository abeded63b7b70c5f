//! Where the time of a call goes, as text and as JSON.

use crate::style::{fact, shape, shorten, table};
use bayes8_evaluate::style::{Style, bytes, counted, printable};
use bayes8_evaluate::table::{Align, Table};
use bayes8_native::Model;
use bayes8_native::core::graph::Shape;
use bayes8_native::profile::{Profile, StepProfile, Work};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where the time of one call on one thread goes.
#[derive(Serialize)]
pub(super) struct Report {
    batch: u32,
    samples: u32,
    threads: u32,
    isa: &'static str,
    kernel: &'static str,
    bank_bytes: u64,
    /// Calls, of which the fastest is shown.
    repeats: usize,
    milliseconds: f64,
    /// The most time first.
    work: Vec<WorkTime>,
    /// In the order of the nodes.
    steps: Vec<StepTime>,
}

/// The time of one kind of work.
#[derive(Serialize)]
struct WorkTime {
    work: &'static str,
    #[serde(flatten)]
    time: Time,
}

/// The time of one step.
#[derive(Serialize)]
struct StepTime {
    nodes: Vec<String>,
    operations: Vec<&'static str>,
    /// Shape of one picture's output.
    output: Shape,
    #[serde(flatten)]
    time: Time,
    /// The time of each kind of work in it.
    work_milliseconds: BTreeMap<&'static str, f64>,
}

#[derive(Serialize)]
struct Time {
    milliseconds: f64,
    /// Share of the call.
    share: f64,
    /// Rate of the products, in the time of the products alone; `null` without any.
    giga_macs_per_second: Option<f64>,
}

/// A call that was measured.
pub(super) struct Call<'a> {
    pub(super) model: &'a Model,
    pub(super) batch: u32,
    pub(super) samples: u32,
    pub(super) bank_bytes: u64,
    /// Calls, of which this one was the fastest.
    pub(super) repeats: usize,
    pub(super) profile: Profile,
}

/// One kind of work in one step, or all that is done outside the steps.
struct Part {
    step: Option<usize>,
    work: &'static str,
    time: Duration,
    multiply_accumulates: u64,
}

impl Call<'_> {
    /// Reports where the time of the call went.
    pub(super) fn report(&self) -> Report {
        let &Self { model, batch, samples, bank_bytes, repeats, ref profile } = self;
        let parts = self.parts();
        let of_kind = |work| self.time(parts.iter().filter(|part| part.work == work));
        let kinds: BTreeSet<_> = parts.iter().map(|part| part.work).collect();
        let kinds = kinds.into_iter().map(|work| WorkTime { work, time: of_kind(work) });
        let mut work: Vec<_> = kinds.collect();
        work.sort_by(|a, b| b.time.milliseconds.total_cmp(&a.time.milliseconds));
        let steps = profile.steps.iter().enumerate().map(|(index, step)| {
            let parts = || parts.iter().filter(|part| part.step == Some(index));
            let nodes = step.nodes.iter().map(|&node| &model.quantized().graph().nodes()[node]);
            let nodes: Vec<_> = nodes.collect();
            StepTime {
                nodes: nodes.iter().map(|node| node.name.clone()).collect(),
                operations: nodes.iter().map(|node| node.op.name()).collect(),
                output: nodes[0].shape,
                time: self.time(parts()),
                work_milliseconds: parts().map(|p| (p.work, milliseconds(p.time))).collect(),
            }
        });
        Report {
            batch,
            samples,
            threads: 1,
            isa: model.isa().name(),
            kernel: model.kernel(),
            bank_bytes,
            repeats,
            milliseconds: milliseconds(profile.total),
            work,
            steps: steps.collect(),
        }
    }

    /// Sums up parts.
    fn time<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> Time {
        let (mut time, mut products) = (Duration::ZERO, Duration::ZERO);
        let mut multiply_accumulates = 0;
        for part in parts {
            time += part.time;
            if part.multiply_accumulates > 0 {
                products += part.time;
                multiply_accumulates += part.multiply_accumulates;
            }
        }
        let rate = multiply_accumulates as f64 / products.as_secs_f64() / 1e9;
        Time {
            milliseconds: milliseconds(time),
            share: time.as_secs_f64() / self.profile.total.as_secs_f64(),
            giga_macs_per_second: (multiply_accumulates > 0).then_some(rate),
        }
    }

    /// Splits the call into its parts.
    fn parts(&self) -> Vec<Part> {
        let nodes = self.model.quantized().graph().nodes();
        let part = |index: usize, step: &StepProfile, kind: Work| {
            let (work, multiply_accumulates) = match kind {
                Work::Sampling => ("sampling", 0),
                Work::Packing => ("packing", 0),
                Work::Transforms => ("transforms", 0),
                Work::Products => ("products", step.multiply_accumulates),
                Work::Depthwise => ("depthwise", step.multiply_accumulates),
                Work::Loop => (nodes[step.nodes[0]].op.name(), 0),
            };
            Part { step: Some(index), work, time: step.time(kind), multiply_accumulates }
        };
        let steps = self.profile.steps.iter().enumerate();
        let parts = steps.flat_map(|(index, step)| Work::ALL.map(|kind| part(index, step, kind)));
        let mut parts: Vec<_> = parts.filter(|part| !part.time.is_zero()).collect();
        let time = self.profile.total - parts.iter().map(|part| part.time).sum::<Duration>();
        parts.push(Part { step: None, work: "other", time, multiply_accumulates: 0 });
        parts
    }
}

fn milliseconds(time: Duration) -> f64 {
    1000.0 * time.as_secs_f64()
}

impl Report {
    pub(super) fn text(&self, name: &str, style: Style) -> String {
        let Self { batch, kernel, isa, .. } = self;
        let samples = counted(self.samples, "sample");
        let weights = match self.bank_bytes {
            0 => "fresh weights for every sample".to_string(),
            size => format!("a bank of {}", bytes(size)),
        };
        let mut text = format!("{}\n", style.bold(&printable(name)));
        let measured =
            format!("{:.2} ms, the fastest of {} calls", self.milliseconds, self.repeats);
        for (label, value) in [
            ("run", format!("batch {batch}, {samples}, 1 thread, {kernel} ({isa}), {weights}")),
            ("measured", measured),
            ("checked", "same bits as the portable reference".to_string()),
        ] {
            text.push_str(&fact(label, &value, style));
        }
        text + "\n" + &table(&self.work_table(), style) + "\n" + &table(&self.step_table(), style)
    }

    fn work_table(&self) -> Table {
        use Align::{Left, Right};
        let mut table =
            Table::new(&[("work", Left), ("ms", Right), ("share", Right), ("GMAC/s", Right)]);
        for WorkTime { work, time } in &self.work {
            let [milliseconds, share, rate] = time.cells();
            table.push(vec![work.to_string(), milliseconds, share, rate]);
        }
        table
    }

    fn step_table(&self) -> Table {
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("step", Left),
            ("operation", Left),
            ("output", Left),
            ("ms", Right),
            ("share", Right),
            ("sampling", Right),
            ("packing", Right),
            ("transforms", Right),
            ("products", Right),
            ("GMAC/s", Right),
        ]);
        for step in &self.steps {
            let [milliseconds, share, rate] = step.time.cells();
            let part = |work| {
                let time = step.work_milliseconds.get(work);
                time.map(|time| format!("{time:.3}")).unwrap_or_default()
            };
            let products = part("products") + &part("depthwise");
            table.push(vec![
                shorten(&step.nodes[0], 40),
                step.operations.join(" + "),
                shape(step.output),
                milliseconds,
                share,
                part("sampling"),
                part("packing"),
                part("transforms"),
                products,
                rate,
            ]);
        }
        table
    }
}

impl Time {
    fn cells(&self) -> [String; 3] {
        let rate = self.giga_macs_per_second.map(|rate| format!("{rate:.1}"));
        [
            format!("{:.3}", self.milliseconds),
            format!("{:.1} %", 100.0 * self.share),
            rate.unwrap_or_default(),
        ]
    }
}
