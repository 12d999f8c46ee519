//! Which names and numbers people, groups and accounts may have.

use std::ops::RangeInclusive;

/// Why `name` cannot be a login or group name everywhere: `[a-z_][a-z0-9_-]*`, at most 32 characters, which is what
/// Debian, Red Hat, Slurm and every directory take (POSIX allows more; shadow-utils does not).
pub fn posix_problem(name: &str) -> Option<String> {
    let mut bytes = name.bytes();
    match bytes.next() {
        None => Some("a name must not be empty".into()),
        Some(first) if !(first.is_ascii_lowercase() || first == b'_') => {
            Some("a name starts with a lower case letter or `_`".into())
        }
        Some(_) if name.len() > 32 => Some(format!("a name has at most 32 characters, this one has {}", name.len())),
        Some(_) if !bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-') => {
            Some("a name has only lower case letters, digits, `_` and `-`".into())
        }
        Some(_) => None,
    }
}

/// Why `name` cannot be an account of Slurm: it keeps names in lower case, and `,`, `=`, blanks and quotes are its
/// own syntax.
pub fn account_problem(name: &str) -> Option<String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b);
    match name.bytes().next() {
        None => Some("a name must not be empty".into()),
        Some(b'-') => Some("a name that starts with `-` would be read as an option".into()),
        Some(_) if !name.bytes().all(allowed) => {
            Some("an account's name has only lower case letters, digits, `_`, `.` and `-`".into())
        }
        Some(_) if name.len() > 64 => Some(format!("a name has at most 64 characters, this one has {}", name.len())),
        Some(_) => None,
    }
}

/// Numbers that are taken on any Linux, and by whom.
static RESERVED: &[(RangeInclusive<u32>, &str)] = &[
    (0..=999, "system accounts"),
    (60001..=60577, "systemd-homed"),
    (61184..=65519, "systemd's dynamic users"),
    (65534..=65535, "nobody, and 16 bit \"no id\""),
    (0x8000_0000..=u32::MAX, "nobody: programs that count in signed numbers break above 2147483647"),
];

/// Who has `id` already on any Linux, if anybody.
pub fn reserved_for(id: u32) -> Option<&'static str> {
    RESERVED.iter().find(|(range, _)| range.contains(&id)).map(|(_, owner)| *owner)
}

/// Numbers that are no person's, where they are given out: what is reserved, and what containers take. A site may have
/// written numbers there (FreeIPA and sssd do), so one that is written is taken.
static NOT_GIVEN: (RangeInclusive<u32>, &str) = (524_288..=1_879_048_191, "containers, and subordinate ids of people");

/// The first range within `range` that is not given out, and whose it is.
pub fn reserved_within(range: &RangeInclusive<u32>) -> Option<(RangeInclusive<u32>, &'static str)> {
    let mut all = RESERVED.iter().chain([&NOT_GIVEN]);
    let found = all.find(|(other, _)| other.start() <= range.end() && range.start() <= other.end());
    found.map(|(other, whose)| (other.clone(), *whose))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["gildong", "_x", "a-b_c9", &"a".repeat(32)] {
            assert_eq!(posix_problem(good), None, "{good}");
        }
        for bad in ["", "-x", "a;b", "9a", "Gildong", "길동", "a.b", "a b", &"a".repeat(33)] {
            assert!(posix_problem(bad).is_some(), "{bad}");
        }
        assert_eq!(account_problem("9_lives.x"), None);
        for bad in ["", "-x", "Ai", "a,b", "a=b", "a b", &"a".repeat(65)] {
            assert!(account_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn ids() {
        assert_eq!([1000, 2001, 60000, 60578, 65520, 2147483647].map(reserved_for), [None; 6]);
        for taken in [0, 999, 60001, 61184, 65534, 65535, 2147483648, u32::MAX] {
            assert!(reserved_for(taken).is_some(), "{taken}");
        }
    }
}
