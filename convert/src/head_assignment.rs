//! Which output the details belong to that people give, and what they say about it.

use std::collections::BTreeSet;

use crate::details::{Family, HeadDetails, OutputDetails};
use crate::head_error::{HeadError, HeadFault};
use crate::head_kind::HeadKind;
use crate::network::{Network, NetworkOutput};

/// The kind of an output, `None` if nothing says what it is, and its details.
pub(crate) type Assigned = (Option<HeadKind>, OutputDetails);

/// Returns the kind and the details of each output.
///
/// # Errors
/// [`HeadError`] if details fit no output, or several.
pub(crate) fn assign(network: &Network, details: &HeadDetails) -> Result<Vec<Assigned>, HeadError> {
    let outputs = &network.outputs;
    let name = |output: &NetworkOutput| output.name.clone();
    if let Some(unknown) =
        details.outputs.keys().find(|key| outputs.iter().all(|o| o.name != **key))
    {
        let fault = HeadFault::UnknownOutput {
            name: unknown.clone(),
            outputs: outputs.iter().map(name).collect(),
        };
        return Err(fault.of(None));
    }
    let mut assigned: Vec<Assigned> =
        outputs.iter().map(|output| (output.head, OutputDetails::default())).collect();
    let mut own = BTreeSet::new();
    for (index, output) in outputs.iter().enumerate() {
        let Some(details) = details.outputs.get(&output.name) else { continue };
        own.insert(index);
        for family in Family::ALL {
            give(network, index, &mut assigned[index], family, details)?;
        }
    }
    for family in Family::ALL {
        let Some(detail) = details.common.first(family) else { continue };
        let free = (0..outputs.len()).filter(|index| !own.contains(index));
        let is_of = |&index: &usize| match assigned[index].0 {
            Some(kind) => family.is_of(kind),
            // Three numbers and more are classes unless something else is said.
            None => family == Family::Classes,
        };
        let mut takers: Vec<usize> = free.clone().filter(is_of).collect();
        if takers.is_empty() {
            takers = free.filter(|&index| assigned[index].0.is_none()).collect();
        }
        match takers[..] {
            [index] => give(network, index, &mut assigned[index], family, &details.common)?,
            [] => return Err(HeadFault::Unused { details: family }.of(detail)),
            _ => {
                let outputs = takers.into_iter().map(|index| name(&outputs[index])).collect();
                return Err(HeadFault::Ambiguous { details: family, outputs }.of(detail));
            }
        }
    }
    Ok(assigned)
}

/// Gives an output its details of a family, which say what it is if nothing else does.
fn give(
    network: &Network,
    index: usize,
    (kind, to): &mut Assigned,
    family: Family,
    details: &OutputDetails,
) -> Result<(), HeadError> {
    let Some(detail) = details.first(family) else { return Ok(()) };
    let output = &network.outputs[index];
    let count = network.numbers_of(output);
    let says = match family {
        Family::Classes => Some(HeadKind::Classes),
        Family::Labels => Some(HeadKind::Labels),
        Family::Targets => {
            let is_one_each =
                [details.targets.names.len(), details.targets.units.len()].contains(&count);
            is_one_each.then_some(HeadKind::GaussianMean)
        }
    };
    match kind.or(says) {
        Some(of) if family.is_of(of) => *kind = Some(of),
        Some(of) => {
            let fault = HeadFault::OtherHead { details: family, kind: of };
            return Err(fault.of(detail).in_output(network, output));
        }
        None => {
            let fault = HeadFault::NoHead { count };
            return Err(fault.of(detail).in_output(network, output));
        }
    }
    to.replace(family, details);
    Ok(())
}
