//! What must not be shown to anybody, wherever it comes from: private keys and hashes of passwords, found by their form.
//!
//! Messages quote what people wrote, and people write the wrong file into the right place. Everything that quotes goes
//! through [`conceal`] or [`is_within_key`].

use std::borrow::Cow;

/// Stands for what is not shown.
pub const NOT_SHOWN: &str = "(a private key, not shown)";

/// How the data of an OpenSSH private key begins in base64: `openssh-key-v1`.
const OPENSSH: &str = "b3BlbnNzaC1rZXktdjE";

/// The first word of a private key of PuTTY's.
const PUTTY: &str = "PuTTY-User-Key-File-";

/// The names of crypt(5)'s methods, between dollars.
const METHODS: &[&str] = &["1", "2a", "2b", "2y", "5", "6", "7", "y", "gy"];

/// Whether there is (a part of) a private key in `text`.
pub fn has_private_key(text: &str) -> bool {
    begin(text).is_some() || text.contains(PUTTY) || text.contains(OPENSSH)
}

/// `text` with private keys and hashes of passwords replaced.
pub fn conceal(text: &str) -> Cow<'_, str> {
    let without_keys = if has_private_key(text) { Cow::Owned(conceal_keys(text)) } else { Cow::Borrowed(text) };
    if without_keys.contains('$') { Cow::Owned(conceal_hashes(&without_keys)) } else { without_keys }
}

/// Whether line `number` (from 1) of `text` is part of a private key.
pub fn is_within_key(text: &str, number: u32) -> bool {
    let mut within = false;
    for (line, at) in text.lines().zip(1..=number) {
        let (begins, ends) = (begin(line).is_some() || line.contains(PUTTY), ends(line));
        within |= begins;
        if at == number {
            return within || line.contains(OPENSSH);
        }
        within &= !ends;
    }
    false
}

/// Where a private key of PEM's form begins.
fn begin(text: &str) -> Option<usize> {
    let name = text.find("PRIVATE KEY")?;
    Some(text[..name].rfind("-----BEGIN").unwrap_or(name))
}

fn ends(line: &str) -> bool {
    line.contains("-----END") || line.contains("Private-MAC:")
}

fn conceal_keys(text: &str) -> String {
    let starts = [begin(text), text.find(PUTTY), text.find(OPENSSH)];
    let Some(start) = starts.into_iter().flatten().min() else { return text.to_owned() };
    let rest = &text[start..];
    let end = ["-----END", "Private-MAC:"].iter().filter_map(|word| rest.find(word)).min();
    let end = end.map_or(rest.len(), |at| rest[at..].find('\n').map_or(rest.len(), |line| at + line));
    format!("{}{NOT_SHOWN}{}", &text[..start], conceal_keys(&rest[end..]))
}

fn conceal_hashes(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        shown.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let Some((method, hash)) = rest.split_once('$').filter(|(method, _)| METHODS.contains(method)) else {
            continue;
        };
        let length = hash.find(|c: char| !is_of_hash(c)).unwrap_or(hash.len());
        // A short one is no hash: `$1$` stands in scripts, too.
        if length >= 8 {
            shown.push_str(method);
            shown.push_str("$(not shown)");
            rest = &hash[length..];
        }
    }
    shown + rest
}

fn is_of_hash(c: char) -> bool {
    c.is_ascii_alphanumeric() || "./$=,+".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\nAAAAsecret\n-----END OPENSSH PRIVATE KEY-----";

    #[test]
    fn keys_are_not_shown() {
        assert_eq!(conceal(&format!("before\n{KEY}\nafter")), format!("before\n{NOT_SHOWN}\nafter"));
        assert_eq!(conceal(&format!("'{}'", KEY.replace('\n', "\\n"))), format!("'{NOT_SHOWN}"));
        assert_eq!(conceal("- b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"), format!("- {NOT_SHOWN}"));
        let putty = "PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 00ff\nx";
        assert_eq!(conceal(putty), format!("{NOT_SHOWN}\nx"));
        assert_eq!(conceal("ssh-ed25519 AAAA a@b"), "ssh-ed25519 AAAA a@b");
        let lines: Vec<_> = (1..=6).map(|line| is_within_key(&format!("x\n{KEY}\ny"), line)).collect();
        assert_eq!(lines, [false, true, true, true, true, false]);
    }

    #[test]
    fn hashes_are_not_shown() {
        assert_eq!(conceal("password: $6$salt$abcdefgh./12 # x"), "password: $6$(not shown) # x");
        assert_eq!(conceal("'$y$j9T$abc$defgh'"), "'$y$(not shown)'");
        for fine in ["costs $5", "$HOME/$1/x", "$1$2", "{{ $6 }}"] {
            assert_eq!(conceal(fine), fine);
        }
    }
}
