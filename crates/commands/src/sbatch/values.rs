//! What values of options mean, with sbatch's own complaints (sbatch(1); recorded in tests/cases/sbatch).

use super::{Stop, complaint, invalid};
use ::words::text::{duration, hostlist, slurm_time};
use jiff::Zoned;
use scheduling::demand::GresDemand;
use scheduling::dependency::{Dependencies, Dependency, DependencyKind};
use scheduling::id::{JobId, NodeName, Time};

/// `UNLIMITED`, in minutes.
pub const UNLIMITED: u32 = u32::MAX;

/// What Slurm says to devices that it does not understand or does not have.
pub const BAD_GRES: &str = "Invalid generic resource (gres) specification";

/// A count of 1 or more.
pub fn count(option: &str, text: &str) -> Result<u32, Stop> {
    let count = text.parse::<u32>().ok().filter(|count| *count > 0 && i32::try_from(*count).is_ok());
    count.ok_or_else(|| complaint(1, &format!("Invalid numeric value \"{text}\" for --{option}.")))
}

/// A count that may be 0.
pub fn count_or_zero(option: &str, text: &str) -> Result<u32, Stop> {
    if text == "0" { Ok(0) } else { count(option, text) }
}

/// A time limit in minutes, a part of one counted whole; 0, -1 and the words are none.
pub fn minutes(option: &str, text: &str) -> Result<u32, Stop> {
    let is_endless = ["-1", "0", "INFINITE", "UNLIMITED"].iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_endless {
        return Ok(UNLIMITED);
    }
    let minutes = duration::parse_minutes(text).and_then(|minutes| u32::try_from(minutes).ok());
    minutes.ok_or_else(|| invalid(option))
}

/// Megabytes: a number, of megabytes unless a unit is behind it.
pub fn megabytes(option: &str, text: &str) -> Result<u64, Stop> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| invalid(option))?;
    let unit = unit.strip_suffix(['b', 'B']).filter(|rest| !rest.is_empty()).unwrap_or(unit);
    let counted = match unit.to_ascii_lowercase().as_str() {
        "k" => Some(number.div_ceil(1024)),
        "" | "m" => Some(number),
        "g" => number.checked_mul(1 << 10),
        "t" => number.checked_mul(1 << 20),
        _ => None,
    };
    counted.ok_or_else(|| invalid(option))
}

/// `--nodes`: least and most; without a most they are the same.
pub fn nodes(text: &str) -> Result<(u32, u32), Stop> {
    let one = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = match unit.to_ascii_lowercase().as_str() {
            "" => Some(1),
            "k" => Some(1 << 10),
            "m" => Some(1 << 20),
            _ => None,
        };
        let number = number.parse::<u32>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        number.ok_or_else(|| complaint(255, &format!("\"{text}\" is not a valid node count")))
    };
    match text.split_once('-') {
        None => one(text).map(|count| (count, count)),
        Some((least, "")) => {
            let least = one(least)?;
            Err(complaint(255, &format!("Maximum node count -1 is less than minimum node count {least}")))
        }
        Some((least, most)) => {
            let (least, most) = (one(least)?, one(most)?);
            if most < least {
                let text = format!("Maximum node count {most} is less than minimum node count {least}");
                return Err(complaint(255, &text));
            }
            Ok((least, most))
        }
    }
}

/// `--gres`: devices of each node; none for a count of 0.
pub fn gres(text: &str) -> Result<Vec<GresDemand>, Stop> {
    let bad = || complaint(1, BAD_GRES);
    let mut found = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty() && !part.eq_ignore_ascii_case("none")) {
        let part = part.strip_prefix("gres:").or_else(|| part.strip_prefix("gres/")).unwrap_or(part);
        let (name, rest) = part.split_once(':').unwrap_or((part, "1"));
        if name.is_empty() {
            return Err(bad());
        }
        found.extend(device(name, rest).ok_or_else(bad)?);
    }
    Ok(found)
}

/// `--gpus` and its like: `[kind:]count`.
pub fn gpus(text: &str) -> Result<Vec<GresDemand>, Stop> {
    let bad = || complaint(1, BAD_GRES);
    let mut found = Vec::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        found.extend(device("gpu", part).ok_or_else(bad)?);
    }
    Ok(found)
}

/// `count`, `kind` or `kind:count`; the inner `None` is for a count of 0.
fn device(name: &str, text: &str) -> Option<Option<GresDemand>> {
    let (kind, number) = match text.split_once(':') {
        Some((kind, number)) => (Some(kind), number),
        None if text.starts_with(|c: char| c.is_ascii_digit()) => (None, text),
        None => (Some(text), "1"),
    };
    let (digits, unit) = match number.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1024),
        None => (number, 1),
    };
    let number = digits.parse::<u32>().ok()?.checked_mul(unit)?;
    let kind = kind.map(str::to_owned);
    if kind.as_ref().is_some_and(String::is_empty) {
        return None;
    }
    Some((number > 0).then(|| GresDemand { name: name.to_owned(), kind, count: number }))
}

/// `--licenses`; the error is what the service would say.
pub fn licenses(text: &str) -> Result<Vec<(String, u32)>, Stop> {
    let refused = || complaint(1, "Batch job submission failed: Invalid license specification");
    let mut found: Vec<(String, u32)> = Vec::new();
    for part in text.split([',', ';']).filter(|part| !part.is_empty()) {
        let (name, number) = part.split_once([':', '=']).unwrap_or((part, "1"));
        let number: u32 = number.parse().map_err(|_| refused())?;
        if name.is_empty() || name.contains('|') || found.iter().any(|(known, _)| known == name) {
            return Err(refused());
        }
        if number > 0 {
            found.push((name.to_owned(), number));
        }
    }
    Ok(found)
}

/// A moment to come.
pub fn moment(option: &str, text: &str, now: &Zoned) -> Result<Time, Stop> {
    slurm_time::parse_future(text, now).map_err(|bad| {
        let Stop(mut reply) = invalid(option);
        reply.stderr.insert_str(0, &format!("{bad}\n"));
        Stop(reply)
    })
}

/// Names of nodes.
pub fn node_names(text: &str) -> Result<Vec<NodeName>, Stop> {
    let bad = || complaint(1, "Batch job submission failed: Invalid node name specified");
    let mut found = Vec::new();
    for part in hostlist::parts(text) {
        let names = hostlist::expand(part).filter(|_| !part.is_empty()).ok_or_else(bad)?;
        found.extend(names.iter().map(|name| NodeName::from(name.as_str())));
    }
    Ok(found)
}

const KINDS: &[(&str, DependencyKind)] = &[
    ("after", DependencyKind::After),
    ("afterany", DependencyKind::AfterAny),
    ("afterok", DependencyKind::AfterOk),
    ("afternotok", DependencyKind::AfterNotOk),
    ("aftercorr", DependencyKind::AfterCorr),
    // There are no burst buffers that would be emptied later.
    ("afterburstbuffer", DependencyKind::AfterAny),
];

/// `--dependency`: `type:id[:id…]` with `,` (all) or `?` (any) between them, or `singleton`.
pub fn dependencies(text: &str) -> Result<Dependencies, Stop> {
    let refused = |why: &str| complaint(1, &format!("Batch job submission failed: {why}"));
    let problem = || refused("Job dependency problem");
    let mut found = Dependencies { any: text.contains('?'), ..Dependencies::default() };
    if found.any && text.contains(',') {
        return Err(problem());
    }
    for part in text.split([',', '?']).filter(|_| !text.is_empty()) {
        let (word, ids) = part.split_once(':').unwrap_or((part, ""));
        if word.eq_ignore_ascii_case("singleton") && ids.is_empty() {
            found.singleton = true;
            continue;
        }
        if word == "expand" {
            return Err(refused("Requested operation not supported on this system"));
        }
        let (kind, ids) = match KINDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, kind)) => (*kind, ids),
            // A number alone is `afterany`.
            None => (DependencyKind::AfterAny, part),
        };
        for id in ids.split(':') {
            // Minutes count behind `after` alone; elsewhere Slurm reads them and does nothing.
            let (id, minutes) = match id.split_once('+') {
                Some((id, minutes)) => (id, minutes.parse::<u32>().map_err(|_| problem())?),
                None => (id, 0),
            };
            let minutes = if kind == DependencyKind::After { minutes } else { 0 };
            let (id, task) = match id.split_once('_') {
                Some((id, task)) => (id, Some(task.parse().map_err(|_| problem())?)),
                None => (id, None),
            };
            let job = id.parse::<u32>().ok().filter(|id| *id > 0).map(JobId).ok_or_else(problem)?;
            found.unmet.push(Dependency { task, minutes, ..Dependency::new(kind, job) });
        }
    }
    Ok(found)
}

/// `--nice`, 100 when no number is said.
pub fn nice(text: &str) -> Result<i32, Stop> {
    if text.is_empty() {
        return Ok(100);
    }
    let number = crate::columns::leading_number(text);
    let fits = i32::try_from(number).ok().filter(|number| number.unsigned_abs() <= 2_147_483_645);
    fits.ok_or_else(|| complaint(255, "Invalid --nice value, out of range (+/- 2147483645)"))
}

const LIMITS: &[&str] =
    &["ALL", "NONE", "AS", "CORE", "CPU", "DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC", "RSS", "STACK"];

/// `--propagate`: names of limits.
pub fn limits(text: &str) -> Result<String, Stop> {
    let is_known =
        |name: &str| LIMITS.iter().any(|known| known.eq_ignore_ascii_case(name.trim_start_matches("RLIMIT_")));
    match text.split(',').find(|name| !text.is_empty() && !is_known(name)) {
        None => Ok(text.to_owned()),
        Some(name) => {
            let lines = [format!("Bad rlimit name: {name}"), format!("--propagate={text} is not valid.")];
            Err(super::lines(1, &[&lines[0], &lines[1]]))
        }
    }
}

const MAIL: &[&str] = &[
    "none",
    "begin",
    "end",
    "fail",
    "requeue",
    "all",
    "invalid_depend",
    "stage_out",
    "time_limit",
    "time_limit_90",
    "time_limit_80",
    "time_limit_50",
    "array_tasks",
];

/// `--mail-type`.
pub fn mail_types(text: &str) -> Result<String, Stop> {
    let known = |word: &str| MAIL.iter().any(|known| known.eq_ignore_ascii_case(word));
    if text.split(',').all(known) { Ok(text.to_owned()) } else { Err(invalid("mail-type")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (text, number) in [("100", 100), ("4G", 4096), ("1k", 1), ("100Gb", 102_400), ("2t", 2 << 20)] {
            assert_eq!(megabytes("mem", text).ok(), Some(number), "{text}");
        }
        for (text, number) in [("5", 5), ("1:30", 2), ("2-0", 2880), ("0", UNLIMITED), ("unlimited", UNLIMITED)] {
            assert_eq!(minutes("time", text).ok(), Some(number), "{text}");
        }
        assert_eq!(nodes("2-4").ok(), Some((2, 4)));
        assert_eq!(nodes("4k").ok(), Some((4096, 4096)));
    }

    #[test]
    fn devices() {
        let read = |text: &str| {
            let shown = |one: &GresDemand| format!("{}/{}/{}", one.name, one.kind.as_deref().unwrap_or("-"), one.count);
            gres(text).ok().map(|all| all.iter().map(shown).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(read("gpu").as_deref(), Some("gpu/-/1"));
        assert_eq!(read("gpu:2,tmp:a:1k").as_deref(), Some("gpu/-/2 tmp/a/1024"));
        assert_eq!(read("gpu:a100").as_deref(), Some("gpu/a100/1"));
        assert_eq!(read("none,gpu:0").as_deref(), Some(""));
        for bad in ["x:y:z:w", "gpu:a100:", ":2", "gpu:a:x"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_waited_for() {
        let read = dependencies("afterok:1:2,singleton").ok().unwrap();
        assert_eq!((read.unmet.len(), read.any, read.singleton), (2, false, true));
        assert!(dependencies("afterok:1?after:2").ok().unwrap().any);
        assert_eq!(dependencies("7").ok().unwrap().unmet[0].kind, DependencyKind::AfterAny);
        assert!(dependencies("afterok:x").is_err() && dependencies("nonsense").is_err());
    }
}
