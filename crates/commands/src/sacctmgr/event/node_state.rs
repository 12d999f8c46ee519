//! Slurm's node states: a base state in the lower four bits and flags above them (slurm.h, `NODE_STATE_…`).

use crate::sacctmgr::word::begins;

/// The bits of the base state.
const BASE: u32 = 0xf;

/// Base states by number: the long name and the short one.
const BASES: [(&str, &str); 7] = [
    ("UNKNOWN", "UNK"),
    ("DOWN", "DOWN"),
    ("IDLE", "IDLE"),
    ("ALLOCATED", "ALLOC"),
    ("ERROR", "ERR"),
    ("MIXED", "MIX"),
    ("FUTURE", "FUTR"),
];

const DRAIN: u32 = 1 << 9;
const COMPLETING: u32 = 1 << 10;
const NO_RESPOND: u32 = 1 << 11;
const POWERED_DOWN: u32 = 1 << 12;
const FAIL: u32 = 1 << 13;
const POWERING_UP: u32 = 1 << 14;
const MAINT: u32 = 1 << 15;
const REBOOT: u32 = 1 << 16;
const POWERING_DOWN: u32 = 1 << 18;
const REBOOT_ISSUED: u32 = 1 << 20;
const INVALID: u32 = 1 << 22;
const POWER_DOWN: u32 = 1 << 23;

/// Flags that can be asked for.
const FLAGS: [(&str, u32); 10] = [
    ("DRAIN", DRAIN),
    ("FAIL", FAIL),
    ("COMPLETING", COMPLETING),
    ("NO_RESPOND", NO_RESPOND),
    ("POWERED_DOWN", POWERED_DOWN),
    ("POWERING_UP", POWERING_UP),
    ("POWERING_DOWN", POWERING_DOWN),
    ("MAINT", MAINT),
    ("REBOOT_ISSUED", REBOOT_ISSUED),
    ("REBOOT", REBOOT),
];

/// A state that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A base state.
    Base(u32),
    /// A flag.
    Flag(u32),
}

impl Asked {
    /// From a beginning of its name, of three letters at least.
    pub fn parse(text: &str) -> Option<Self> {
        let flag = FLAGS.iter().find(|(name, _)| begins(text, name, 3)).map(|(_, bit)| Asked::Flag(*bit));
        let base = || BASES.iter().position(|(name, _)| begins(text, name, 3));
        flag.or_else(|| Some(Asked::Base(u32::try_from(base()?).ok()?)))
    }

    /// Whether a node in `state` is in it.
    pub fn holds(self, state: u32) -> bool {
        match self {
            Asked::Base(base) => state & BASE == base,
            Asked::Flag(bit) => state & bit != 0,
        }
    }
}

/// What sacctmgr lists as valid when a state is none; the blank at its end is its own, too.
pub const VALID: &str = "DRAIN FAIL UNKNOWN DOWN IDLE ALLOCATED ? MIXED FUTURE ";

/// The short name with a mark for what else is the matter, as `sinfo` and `show event` write it.
pub fn short(state: u32) -> String {
    let has = |flag: u32| state & flag != 0;
    let base = state & BASE;
    let (_, name) = BASES.get(base as usize).unwrap_or(&("", "?"));
    let is_busy = matches!(*name, "ALLOC" | "MIX");
    if has(INVALID) {
        return "INVAL".into();
    }
    let silent = if has(NO_RESPOND) { "*" } else { "" };
    if has(MAINT) && !has(DRAIN) && !is_busy && *name != "DOWN" {
        return format!("MAINT{silent}");
    }
    if (has(REBOOT) || has(REBOOT_ISSUED)) && !is_busy {
        return format!("BOOT{}", if has(REBOOT_ISSUED) { "^" } else { silent });
    }
    let marks = [
        (MAINT, "$"),
        (REBOOT_ISSUED, "^"),
        (REBOOT, "@"),
        (POWERING_UP, "#"),
        (POWERING_DOWN, "%"),
        (POWERED_DOWN, "~"),
    ];
    let marks = marks.into_iter().chain([(POWER_DOWN, "!"), (NO_RESPOND, "*")]);
    let mark = marks.into_iter().find(|(flag, _)| has(*flag)).map_or("", |(_, mark)| mark);
    if has(DRAIN) {
        return format!("{}{mark}", if has(COMPLETING) || is_busy { "DRNG" } else { "DRAIN" });
    }
    if has(FAIL) {
        return format!("{}{silent}", if has(COMPLETING) || *name == "ALLOC" { "FAILG" } else { "FAIL" });
    }
    match (*name, has(COMPLETING)) {
        ("DOWN", _) => format!("DOWN{mark}"),
        ("ALLOC", true) if mark.is_empty() => "ALLOC+".into(),
        ("ALLOC", _) => format!("ALLOC{mark}"),
        (_, true) => format!("COMP{mark}"),
        (name, false) => format!("{name}{mark}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_and_questions() {
        for (state, name) in [
            (1, "DOWN"),
            (2, "IDLE"),
            (0x202, "DRAIN"),
            (0x203, "DRNG"),
            (0x401, "DOWN"),
            (0x8002, "MAINT"),
            (0x8003, "ALLOC$"),
            (0x403, "ALLOC+"),
            (0x402, "COMP"),
            (0x801, "DOWN*"),
            (0x40_0002, "INVAL"),
            (15, "?"),
        ] {
            assert_eq!(short(state), name, "{state:#x}");
        }
        assert_eq!(Asked::parse("dra"), Some(Asked::Flag(DRAIN)));
        assert_eq!(Asked::parse("down"), Some(Asked::Base(1)));
        assert_eq!(Asked::parse("dr"), None);
        assert!(Asked::Base(1).holds(0x201) && Asked::Flag(DRAIN).holds(0x201) && !Asked::Base(2).holds(0x201));
    }
}
