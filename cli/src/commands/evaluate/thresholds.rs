//! One option for each threshold of the library.

use crate::args::{finite, nats, not_negative, share, signed_share};
use bayes8_evaluate::{Domain, Need, THRESHOLDS, Threshold};
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

/// The limits that were given.
pub(super) struct Thresholds(pub(super) Vec<(&'static Threshold, f64)>);

impl Args for Thresholds {
    fn augment_args(command: Command) -> Command {
        command.args(THRESHOLDS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Thresholds {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let limit = |row: &'static Threshold| Some((row, *matches.get_one(row.option)?));
        Ok(Self(THRESHOLDS.iter().filter_map(limit).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(&Threshold { option, help, domain, needs, .. }: &'static Threshold) -> Arg {
    let argument = Arg::new(option).long(option).value_name("X").help(help);
    let argument = argument.help_heading("Thresholds").allow_hyphen_values(true);
    let argument = match domain {
        Domain::Share => argument.value_parser(share),
        Domain::SignedShare => argument.value_parser(signed_share),
        Domain::Nats => argument.value_parser(nats),
        Domain::NotNegative => argument.value_parser(not_negative),
        Domain::Finite => argument.value_parser(finite),
    };
    needs.iter().fold(argument, |argument, need| {
        argument.requires(match need {
            Need::Ood => "ood",
            Need::Drift => "drift",
            Need::Fp32 => "fp32",
            Need::Peer => "peer",
        })
    })
}
