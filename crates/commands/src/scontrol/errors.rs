//! `scontrol errnumstr`: what the numbers of errors mean (slurm/slurm_errno.h), those that this service has.

use super::Said;
use scheduling::event::Denial;

/// Numbers of release 22.05, with what is denied by them.
const NUMBERS: &[(u32, Denial)] = &[
    (2000, Denial::InvalidPartition),
    (2001, Denial::NoPartition),
    (2002, Denial::Denied),
    (2014, Denial::NodeConfiguration),
    (2016, Denial::NodesBusy),
    (2017, Denial::InvalidJob),
    (2018, Denial::InvalidNode),
    (2021, Denial::AlreadyDone),
    (2024, Denial::IsPending),
];

/// Gives an error's number in words.
pub fn in_words(rest: &[String]) -> Said {
    let [text] = rest else { return Said::failed("one arguments required for keyword:errnumstr\n") };
    let Ok(number) = text.parse::<u32>() else {
        return Said::failed("numeric arguments required for keyword:errnumstr\n");
    };
    let found = NUMBERS.iter().find(|(known, _)| *known == number);
    found.map_or_else(|| super::not_there("errnumstr"), |(_, denial)| Said::told(format!("{denial}\n")))
}
