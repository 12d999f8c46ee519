//! `authorized_keys` files: sshd(8), "AUTHORIZED_KEYS FILE FORMAT". Pure: bytes in, bytes out. Of lines that nobody named
//! every byte stays: comments are in whatever encoding their people use.

use words::text::lossless;

/// Key types as OpenSSH writes them; a `-cert-v01@openssh.com` form counts too.
const TYPES: &[&str] = &[
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "ssh-dss",
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-xmss@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
];

/// One key with its options and comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Options as written, such as `from="10.0.0.0/8",no-pty`; empty for none.
    pub options: String,
    /// The key's type.
    pub kind: String,
    /// The key itself in base64: what makes two lines the same key.
    pub body: String,
    /// The rest of the line.
    pub comment: String,
}

impl PublicKey {
    /// Reads a line; `None` when it is no key.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let (first, rest) = word(line);
        let (options, kind, rest) = if is_type(first) {
            ("", first, rest)
        } else {
            let (second, rest) = word(rest);
            (first, second, rest)
        };
        let (body, comment) = word(rest);
        let is_base64 = !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        (is_type(kind) && is_base64).then(|| Self {
            options: options.into(),
            kind: kind.into(),
            body: body.into(),
            comment: comment.into(),
        })
    }

    /// The line without its newline.
    pub fn print(&self) -> String {
        let parts = [&self.options, &self.kind, &self.body, &self.comment];
        parts.into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    }

    /// The key as it reads in a file, see [`lossless`].
    fn in_files(&self) -> PublicKey {
        let text = |text: &str| lossless::from_utf8(text.as_bytes());
        PublicKey { options: text(&self.options), comment: text(&self.comment), ..self.clone() }
    }

    /// Whether two lines mean the same; the order of options does not count.
    fn means(&self, other: &PublicKey) -> bool {
        (&self.kind, &self.body, &self.comment) == (&other.kind, &other.body, &other.comment)
            && split_options(&self.options) == split_options(&other.options)
    }
}

fn is_type(word: &str) -> bool {
    let plain = word.replace("-cert-v01@openssh.com", "");
    TYPES.iter().any(|known| *known == word || *known == plain || known.strip_suffix("@openssh.com") == Some(&plain))
}

/// The first word and what follows it; blanks inside double quotes do not end it.
fn word(text: &str) -> (&str, &str) {
    let end = unquoted(text, |c| c == ' ' || c == '\t').next().unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// Where `is_end` holds outside of double quotes; a backslash before a quote keeps it inside.
fn unquoted(text: &str, is_end: impl Fn(char) -> bool) -> impl Iterator<Item = usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter_map(move |(at, c)| {
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        (!quoted && is_end(c)).then_some(at)
    })
}

fn split_options(options: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for at in unquoted(options, |c| c == ',').chain([options.len()]) {
        found.push(&options[start..at]);
        start = at + 1;
    }
    found.sort_unstable();
    found
}

/// The keys in the text of a `key` argument; blank lines and comments are skipped. An error holds the bad line.
pub fn keys(text: &str) -> Result<Vec<PublicKey>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| PublicKey::parse(line).ok_or_else(|| line.to_owned())).collect()
}

/// The file with these keys in it, those that were not there or differ at its end. Everything else stays as it is,
/// or goes if `exclusive`.
pub fn with_keys(file: &[u8], wanted: &[PublicKey], exclusive: bool) -> Vec<u8> {
    let text = lossless::from_utf8(file);
    let wanted: Vec<PublicKey> = wanted.iter().map(PublicKey::in_files).collect();
    let is_right = |key: &PublicKey| wanted.iter().any(|other| other.means(key));
    let is_wanted = |key: &PublicKey| wanted.iter().any(|other| other.body == key.body);
    let mut seen: Vec<PublicKey> = Vec::new();
    let mut lines = Vec::new();
    for line in text.split_inclusive('\n') {
        match PublicKey::parse(line) {
            Some(key) if is_right(&key) && !seen.iter().any(|other| other.body == key.body) => {
                seen.push(key);
                lines.push(line.to_owned());
            }
            Some(key) if is_wanted(&key) => {}
            _ if exclusive => {}
            _ => lines.push(line.to_owned()),
        }
    }
    for key in wanted {
        if !seen.iter().any(|other| other.body == key.body) {
            end_line(lines.last_mut());
            lines.push(format!("{}\n", key.print()));
            seen.push(key);
        }
    }
    lossless::to_bytes(&lines.concat())
}

/// A last line without its end would go on in what follows.
fn end_line(last: Option<&mut String>) {
    if let Some(last) = last.filter(|last| !last.ends_with('\n')) {
        last.push('\n');
    }
}

/// The file without these keys, whatever their options and comments.
pub fn without_keys(file: &[u8], unwanted: &[PublicKey]) -> Vec<u8> {
    let text = lossless::from_utf8(file);
    let is_unwanted =
        |line: &&str| PublicKey::parse(line).is_some_and(|key| unwanted.iter().any(|u| u.body == key.body));
    let kept: String = text.split_inclusive('\n').filter(|line| !is_unwanted(line)).collect();
    lossless::to_bytes(&kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "ssh-ed25519 AAAAa= alice@home";
    const B: &str = "from=\"10.0.0.0/8, x\",no-pty ssh-rsa AAAAb";

    #[test]
    fn a_line_has_four_parts() {
        let key = PublicKey::parse(r#"command="echo \" a b",no-pty ssh-rsa AAAA long comment"#).unwrap();
        assert_eq!(key.options, r#"command="echo \" a b",no-pty"#);
        assert_eq!((key.kind.as_str(), key.body.as_str(), key.comment.as_str()), ("ssh-rsa", "AAAA", "long comment"));
        assert!(PublicKey::parse("ssh-ed25519-cert-v01@openssh.com AAAA").is_some());
        for bad in ["", "ssh-rsa", "ssh-foo AAAA", "# ssh-rsa AAAA", "x y ssh-rsa AAAA", "ssh-rsa !!"] {
            assert_eq!(PublicKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_order_of_options_does_not_count() {
        let [x, y] = ["no-pty,from=\"a,b\" ssh-rsa AAAA", "from=\"a,b\",no-pty ssh-rsa AAAA"];
        let file = format!("{x}\n");
        assert_eq!(with_keys(file.as_bytes(), &keys(y).unwrap(), false), file.as_bytes());
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn new_and_differing_keys_go_to_the_end() {
        let file = format!("# mine\nbroken line\n{B}\n{A}\n");
        let wanted = keys("ssh-rsa AAAAb new\nssh-rsa AAAAc\n").unwrap();
        let after = with_keys(file.as_bytes(), &wanted, false);
        assert_eq!(text(&after), format!("# mine\nbroken line\n{A}\nssh-rsa AAAAb new\nssh-rsa AAAAc\n"));
        assert_eq!(text(&with_keys(file.as_bytes(), &keys(A).unwrap(), true)), format!("{A}\n"));
        assert_eq!(text(&without_keys(&after, &wanted)), format!("# mine\nbroken line\n{A}\n"));
        assert_eq!(without_keys(b"x", &wanted), b"x");
    }

    #[test]
    fn other_lines_keep_every_byte() {
        // Comments in EUC-KR, line ends of Windows, no end at the last line.
        let others = b"ssh-rsa AAAAb \xb1\xe8 laptop\r\n# \xb8\xde\xb8\xf0\r\n\xff\n";
        let wanted = keys(A).unwrap();
        let added = [others.as_slice(), A.as_bytes(), b"\n"].concat();
        assert_eq!(with_keys(others, &wanted, false), added);
        assert_eq!(with_keys(&added, &wanted, false), added);
        assert_eq!(without_keys(&added, &wanted), others);
        let open = &others[..others.len() - 1];
        assert_eq!(with_keys(open, &wanted, false), added);
    }

    #[test]
    fn a_comment_is_compared_by_its_bytes() {
        let [latin, private] = [b"ssh-rsa AAAA \xfc\n".as_slice(), "ssh-rsa AAAA \u{f7fc}\n".as_bytes()];
        let wanted = keys("ssh-rsa AAAA \u{f7fc}").unwrap();
        assert_eq!(with_keys(latin, &wanted, false), private);
        assert_eq!(with_keys(private, &wanted, false), private);
    }

    #[test]
    fn bad_keys_are_named() {
        assert_eq!(keys("# ok\n\nnonsense\n"), Err("nonsense".into()));
    }

    proptest! {
        #[test]
        fn setting_twice_is_setting_once(
            old in prop::collection::vec("(# x|junk|no-pty ssh-rsa AAA[a-c]|ssh-rsa AAA[a-c] c?)", 0..6),
            new in prop::collection::vec("(no-pty )?ssh-rsa AAA[a-c] d?", 1..4),
            exclusive: bool,
        ) {
            let wanted = keys(&new.join("\n")).unwrap();
            // One key with two comments in one argument: the last to be found wins, once.
            let once = with_keys(old.join("\n").as_bytes(), &wanted, exclusive);
            prop_assert_eq!(with_keys(&once, &wanted, exclusive), once.clone());
            prop_assert!(wanted.iter().all(|key| text(&once).lines().any(|l| PublicKey::parse(l).is_some_and(|k| k.body == key.body))));
        }
    }
}
