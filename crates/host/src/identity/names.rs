//! Which names and field values an account may have.

use super::{AccountRefusal, bytes};

/// The longest name that utmp, `ps` and the tools agree on.
const LONGEST_NAME: usize = 32;

/// Checks the name of a new user or group (`kind`): the rule of shadow-utils upstream. Debian's own tools also take
/// names such as `a;b`, which no shell script survives; they are refused here.
pub fn check_name(kind: &str, name: &str) -> Result<(), AccountRefusal> {
    let refuse = |why: &str| {
        let shown: String = name.chars().take(LONGEST_NAME + 1).flat_map(char::escape_debug).collect();
        let dots = if name.chars().count() > LONGEST_NAME + 1 { "…" } else { "" };
        Err(AccountRefusal::new(format!("invalid {kind} name '{shown}{dots}': {why}"))
            .hint("use up to 32 of a-z, A-Z, 0-9, `_`, `.` and `-`, not `-` first and not digits alone"))
    };
    let body = name.strip_suffix('$').unwrap_or(name);
    match body.bytes().find(|byte| !byte.is_ascii_alphanumeric() && !b"_.-".contains(byte)) {
        _ if name.is_empty() => refuse("it is empty"),
        _ if name.len() > LONGEST_NAME => refuse(&format!("it has {} characters", name.chars().count())),
        Some(_) => refuse("it has a character that is not allowed"),
        None if body.is_empty() => refuse("it has no letter"),
        None if name.starts_with('-') => refuse("it starts with '-'"),
        None if matches!(name, "." | "..") => refuse("it is a directory's name"),
        None if name.bytes().all(|byte| byte.is_ascii_digit()) => refuse("it would be taken for a number"),
        None => Ok(()),
    }
}

/// Checks a field (`what`) that goes into a line as it is.
pub fn check_field(what: &str, value: &str) -> Result<(), AccountRefusal> {
    match value.chars().find(|c| *c == ':' || c.is_control() || bytes::has_bytes(c.encode_utf8(&mut [0; 4]))) {
        Some(c) => Err(AccountRefusal::new(format!("invalid {what} '{}': it has {c:?} in it", value.escape_debug()))
            .hint("a field of an account file cannot hold ':' or control characters")),
        None => Ok(()),
    }
}

/// Checks a home directory or shell: an absolute path, or nothing.
pub fn check_path(what: &str, value: &str) -> Result<(), AccountRefusal> {
    check_field(what, value)?;
    if value.is_empty() || value.starts_with('/') {
        Ok(())
    } else {
        Err(AccountRefusal::new(format!("invalid {what} '{value}': it does not start with '/'")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["gildong", "ai_team", "a.b-c", "host$", "_apt", "2fast", "A"] {
            assert_eq!(check_name("user", good), Ok(()));
        }
        let long = "a".repeat(300);
        for bad in ["", "a;b", "-x", &long, "a:b", "a\nb", "123", ".", "..", "$", "a b", "길동", "a/b", "$(id)", "+a"]
        {
            let refused = check_name("user", bad).unwrap_err().message;
            assert!(refused.starts_with("invalid user name '") && !refused.contains('\n'), "{refused}");
        }
        assert!(check_name("user", &long).unwrap_err().message.ends_with("…': it has 300 characters"));
    }

    #[test]
    fn fields() {
        assert_eq!(check_field("comment", "홍길동, 3층"), Ok(()));
        let refused = check_field("comment", "a\nroot::0:0:::").unwrap_err().message;
        assert_eq!(refused, r"invalid comment 'a\nroot::0:0:::': it has '\n' in it");
        assert!(check_path("home directory", "home/x").is_err());
        assert!(check_path("shell", "/bin/a:b").is_err());
    }
}
