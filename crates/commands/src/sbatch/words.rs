//! Options that take known words and change nothing here: a word that is none is complained about as sbatch does it.

use super::{Stop, complaint, invalid, lines};

const CPU_SPEEDS: &[&str] = &[
    "low",
    "medium",
    "high",
    "highm1",
    "conservative",
    "ondemand",
    "performance",
    "powersave",
    "schedutil",
    "userspace",
];
const MEMORY: &[&str] =
    &["quiet", "verbose", "none", "rank", "local", "prefer", "sort", "nosort", "help", "q", "v", "no"];
const GPUS: &[&str] = &["closest", "none", "verbose"];
const LAYOUTS: &[&str] = &["block", "cyclic", "fcyclic", "arbitrary", "*", "pack", "nopack"];
const PROFILES: &[&str] = &["none", "all", "energy", "lustre", "network", "task"];

/// Whether each part is one of these words, or begins as one of those that have a value.
fn all_known(value: &str, between: &[char], words: &[&str], begins: &[&str]) -> bool {
    let is_known = |part: &str| {
        let part = part.to_ascii_lowercase();
        words.contains(&part.as_str()) || begins.iter().any(|begin| part.starts_with(begin))
    };
    value.split(between).all(is_known)
}

/// Looks at the value of an option.
pub fn check(option: &str, value: &str) -> Result<(), Stop> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match option {
        "profile" if !all_known(value, &[','], PROFILES, &[]) => {
            Err(complaint(255, &format!("invalid --profile={value} option")))
        }
        "gres-flags" if !all_known(value, &[','], &["disable-binding", "enforce-binding"], &[]) => Err(invalid(option)),
        "distribution" if !all_known(value, &[':', ','], LAYOUTS, &["plane="]) => Err(invalid(option)),
        "mem-bind" if !all_known(value, &[','], MEMORY, &["map_mem:", "mask_mem:"]) => {
            Err(complaint(255, &format!("unrecognized --mem-bind argument \"{value}\"")))
        }
        "gpu-bind" if !all_known(value, &[], GPUS, &["map_gpu:", "mask_gpu:", "per_task:", "single:", "verbose,"]) => {
            Err(complaint(255, &format!("Invalid --gpu-bind argument: gpu:{value}")))
        }
        "acctg-freq" if !value.split(',').all(|part| is_number(part.split_once('=').map_or(part, |(_, it)| it))) => {
            Err(complaint(255, &format!("Invalid --acctg-freq specification: {value}")))
        }
        "cpu-freq" => {
            let is_known = |part: &str| is_number(part) || CPU_SPEEDS.iter().any(|it| it.eq_ignore_ascii_case(part));
            if value.split(['-', ':']).all(is_known) {
                return Ok(());
            }
            let why = format!("unrecognized --cpu-freq argument \"{value}\"");
            Err(lines(255, &[&why, "Invalid --cpu-freq argument"]))
        }
        _ => Ok(()),
    }
}
