//! SSH public keys as `authorized_keys` lines (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// The key types that OpenSSH 9 accepts; `ssh-dss` is gone from it.
const TYPES: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The key itself, base64 without options and comment: what makes two lines the same key. Else why it is none.
pub fn body(line: &str) -> Result<&str, String> {
    if line.contains("PRIVATE KEY") {
        return Err("this is a private key; it must be replaced now, since it was written into a file".into());
    }
    if line.contains(['\n', '\r', '\0']) {
        return Err("a key is one line".into());
    }
    let (kind, rest) = find_type(line).ok_or_else(|| format!("a key is one of: {}", TYPES.join(", ")))?;
    let body = rest.split_ascii_whitespace().next().ok_or("the key's data is missing after its type")?;
    match inner_type(body) {
        Some(inner) if inner == kind.as_bytes() => Ok(body),
        Some(_) => Err(format!("the data is not that of a {kind} key")),
        None => Err("the key's data is damaged or cut off".into()),
    }
}

/// The type word and what follows it; options before it may hold blanks inside double quotes.
fn find_type(line: &str) -> Option<(&str, &str)> {
    let mut rest = line.trim();
    for _ in 0..2 {
        let end = word_end(rest);
        if TYPES.contains(&&rest[..end]) {
            return Some((&rest[..end], &rest[end..]));
        }
        rest = rest[end..].trim_start();
    }
    None
}

/// Where the first word ends; a backslash before a quote keeps it inside.
fn word_end(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => return at,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// The type inside the data: a length in four bytes, then that many bytes; all fields must be whole.
fn inner_type(body: &str) -> Option<Vec<u8>> {
    let data = STANDARD.decode(body).or_else(|_| STANDARD_NO_PAD.decode(body)).ok()?;
    let mut fields = Vec::new();
    let mut rest = data.as_slice();
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (field, tail) = tail.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        fields.push(field);
        rest = tail;
    }
    (fields.len() >= 2).then(|| fields[0].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

    #[test]
    fn options_and_comment_do_not_count() {
        let line = format!(r#"from="10.0.0.0/8",command="echo \" hi" ssh-ed25519 {GOOD} gildong@home"#);
        assert_eq!(body(&line), Ok(GOOD));
        assert_eq!(body(&format!("ssh-ed25519 {GOOD}")), Ok(GOOD));
    }

    #[test]
    fn damaged_keys_are_refused() {
        for (line, why) in [
            (format!("ssh-rsa {GOOD}"), "not that of a ssh-rsa"),
            (format!("ssh-ed25519 {}", &GOOD[..40]), "damaged"),
            ("ssh-ed25519".to_owned(), "missing"),
            (format!("ssh-ed25519\n{GOOD}"), "one line"),
            ("ssh-dss AAAA".to_owned(), "one of"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), "private key"),
        ] {
            assert!(body(&line).is_err_and(|error| error.contains(why)), "{line}");
        }
    }
}
