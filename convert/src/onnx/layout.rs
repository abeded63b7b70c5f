//! The choice of an input's form.

use super::evidence::Evidence;
use crate::form::Form;

/// The form of an input with these `extents` after the batch (`None` where the file leaves one
/// open), by the graph's evidence about its channels, and otherwise by its extents: a picture or
/// volume has 1, 3 or 4 channels, and an input with two axes is a picture of one channel.
///
/// # Errors
/// The reason why the form is ambiguous.
pub(super) fn infer(evidence: Option<Evidence>, extents: &[Option<usize>]) -> Result<Form, String> {
    use Evidence::{Channels, NoChannels};
    let last = extents.len().saturating_sub(1);
    let few = |extent: &Option<usize>| matches!(extent, Some(1 | 3 | 4));
    let by_extents = match (extents.len(), extents.first().is_some_and(few)) {
        (2, _) => Some(NoChannels),
        (3 | 4, true) if !few(&extents[last]) => Some(Channels(0)),
        (3 | 4, false) if few(&extents[last]) => Some(Channels(last)),
        _ => None,
    };
    // Channels are never an axis between others, whatever the network does along that axis.
    let sensible = |evidence: &Evidence| match evidence {
        Channels(axis) => [0, last].contains(axis),
        NoChannels => last == 1,
    };
    match (extents.len(), evidence.filter(sensible).or(by_extents)) {
        (1, _) => Ok(Form::Vector),
        (2, Some(Channels(0))) => Ok(Form::Sequence),
        (2, Some(Channels(_))) => Ok(Form::SequenceLast),
        (2, _) => Ok(Form::Gray),
        (3, Some(Channels(0))) => Ok(Form::Picture),
        (3, Some(Channels(_))) => Ok(Form::ChannelsLast),
        (4, Some(Channels(0))) => Ok(Form::Volume),
        (4, Some(Channels(_))) => Ok(Form::VolumeLast),
        (axes @ (3 | 4), _) => Err(format!(
            "whether it is {} cannot be told from the network: give the input layout, {}",
            of_rank(axes + 1, Form::pattern),
            of_rank(axes + 1, |form| form.name().into())
        )),
        _ => Err("it must be one of [n, C], [n, C, L], [n, L, C], [n, H, W], [n, C, H, W], \
                  [n, H, W, C], [n, C, D, H, W], [n, D, H, W, C]"
            .into()),
    }
}

/// The forms of `rank` axes, as `what` shows them.
fn of_rank(rank: usize, what: impl Fn(Form) -> String) -> String {
    let forms = Form::ALL.into_iter().filter(|form| form.rank() == rank);
    forms.map(what).collect::<Vec<_>>().join(" or ")
}
