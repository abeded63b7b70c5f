//! Finds a place in memory for every value.

use super::work::NodeWork;
use crate::graph::{Shape, Value};
use crate::model::Parts;
use alloc::{vec, vec::Vec};

/// The memory that a value is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Region {
    /// Memory that outlives the samples: for the input and for results of the prefix.
    Kept,
    /// The arena that all steps share.
    Scratch,
    /// The f32 outputs of the model.
    Outputs,
}

/// The place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The memory.
    pub region: Region,
    /// Offset for one picture: in bytes, of outputs in numbers.
    pub offset: usize,
    /// Size for one picture: in bytes, of outputs in numbers.
    pub size: usize,
}

/// Values start at multiples of this, a cache line.
const ALIGNMENT: usize = 64;

/// The places of all values.
pub(super) struct Places {
    input: Place,
    nodes: Vec<Place>,
    /// On 32-bit machines these two may saturate; a model of that size does not run there
    /// ([`crate::limits`]).
    pub(super) kept_bytes: usize,
    pub(super) scratch_bytes: usize,
}

/// A scratch value, alive from step `first` to step `last`, that needs a place.
struct Tenant {
    node: usize,
    size: usize,
    first: usize,
    last: usize,
}

impl Places {
    pub(super) fn of(&self, value: Value) -> Place {
        match value {
            Value::Input => self.input,
            Value::Node(n) => self.nodes[n],
        }
    }

    /// Finds a place for every value. The largest values choose first; each takes the lowest gap
    /// that is free during its life.
    pub(super) fn assign(
        parts: &Parts,
        order: &[usize],
        sampled: &[bool],
        works: &[NodeWork],
    ) -> Self {
        let Parts { graph, input_planes, outputs, .. } = parts;
        let nodes = graph.nodes();
        let mut time = vec![0; nodes.len()];
        for (step, &node) in order.iter().enumerate() {
            time[node] = step;
        }
        // A fused convolution runs when its addition does.
        for (node, work) in works.iter().enumerate() {
            if let NodeWork::Fused { addition } = *work {
                time[node] = time[addition];
            }
        }
        // The value whose memory each node uses: a view shares the memory of its input.
        let mut owner: Vec<Value> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            owner.push(match (&works[index], node.inputs[0]) {
                (NodeWork::View, Value::Node(n)) => owner[n],
                (NodeWork::View, Value::Input) => Value::Input,
                _ => Value::Node(index),
            });
        }
        let mut last: Vec<usize> = time.clone();
        let mut kept = vec![false; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for &input in &node.inputs {
                let Value::Node(input) = input else { continue };
                let Value::Node(source) = owner[input] else { continue };
                last[source] = last[source].max(time[index]);
                kept[source] |= sampled[index] && !sampled[source];
            }
        }

        let size = |shape: Shape| shape.elements();
        let place = |region, offset, size| Place { region, offset, size };
        let input = place(Region::Kept, 0, input_planes.count() * size(graph.input()));
        let mut kept_bytes = round_up(input.size);
        let mut places = vec![place(Region::Scratch, 0, 0); nodes.len()];
        let mut end = 0;
        for &node in outputs.iter().flat_map(|output| &output.nodes) {
            places[node] = place(Region::Outputs, end, size(nodes[node].shape));
            end += places[node].size;
        }
        let mut tenants = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let size = size(node.shape);
            let is_fused = matches!(works[index], NodeWork::Fused { .. });
            let no_memory = owner[index] != Value::Node(index) || is_fused;
            if no_memory || node.data.output.is_none() {
                continue;
            } else if kept[index] {
                places[index] = place(Region::Kept, kept_bytes, size);
                kept_bytes = kept_bytes.saturating_add(round_up(size));
            } else {
                // The largest first.
                let at = tenants.partition_point(|tenant: &Tenant| tenant.size >= size);
                let (first, last) = (time[index], last[index]);
                tenants.insert(at, Tenant { node: index, size, first, last });
            }
        }

        let mut settled: Vec<(usize, Tenant)> = Vec::new();
        let mut scratch_bytes = 0;
        for tenant in tenants {
            let offset = lowest_gap(&settled, &tenant);
            scratch_bytes = scratch_bytes.max(offset.saturating_add(round_up(tenant.size)));
            places[tenant.node] = place(Region::Scratch, offset, tenant.size);
            let at = settled.partition_point(|(o, _)| *o < offset);
            settled.insert(at, (offset, tenant));
        }
        for index in 0..nodes.len() {
            match owner[index] {
                Value::Input => places[index] = input,
                Value::Node(n) => places[index] = places[n],
            }
        }
        Self { input, nodes: places, kept_bytes, scratch_bytes }
    }
}

/// Finds the lowest offset at which `tenant` overlaps none of the `settled` values (in order of
/// their offsets) that live at the same time.
fn lowest_gap(settled: &[(usize, Tenant)], tenant: &Tenant) -> usize {
    let mut offset: usize = 0;
    for (start, other) in settled {
        if other.last < tenant.first || tenant.last < other.first {
            continue;
        }
        if offset.saturating_add(round_up(tenant.size)) <= *start {
            break;
        }
        offset = offset.max(start.saturating_add(round_up(other.size)));
    }
    offset
}

fn round_up(size: usize) -> usize {
    size.next_multiple_of(ALIGNMENT)
}
