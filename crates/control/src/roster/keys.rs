//! SSH public keys as `authorized_keys` lines (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use words::text::secrets;

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
    if let Some(found) = Mistaken::find(line.as_bytes()) {
        return Err(found.says().into());
    }
    if line.contains(['\n', '\r', '\0']) {
        return Err("a key is one line".into());
    }
    let (options, kind, rest) = parts(line).ok_or_else(|| unknown_type(line))?;
    options_problem(options).map_or(Ok(()), Err)?;
    let body = rest.split_ascii_whitespace().next().ok_or("the key's data is missing after its type")?;
    match inner_type(body) {
        Some(inner) if inner == kind.as_bytes() => Ok(body),
        Some(_) => Err(format!("the data is not that of a {kind} key")),
        None => Err("the key's data is damaged or cut off".into()),
    }
}

/// The options before a key's type; empty when there are none.
pub fn options(line: &str) -> &str {
    parts(line).map_or("", |(options, ..)| options)
}

fn unknown_type(line: &str) -> String {
    let kinds = format!("a key is one of: {}", TYPES.join(", "));
    match line.split_ascii_whitespace().find(|word| word.starts_with("ssh-") || word.starts_with("ecdsa-")) {
        Some("ssh-dss" | "ssh-dsa") => format!("sshd takes no DSA keys any more; {kinds}"),
        _ => kinds,
    }
}

/// A file or text that is given where a public key is meant, and is something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistaken {
    /// A private key, of OpenSSH's or PEM's form.
    Private,
    /// A private key of PuTTY's.
    PuttyPrivate,
    /// A public key in the form of RFC 4716, as PuTTY saves it.
    Rfc4716,
    /// A public key in PEM.
    Pem,
    /// A certificate, which signs a key.
    Certificate,
    /// Text in UTF-16, as Windows saves it.
    Utf16,
    /// Text of another encoding, or no text.
    NotText,
    /// A byte order mark before the key, which nobody sees.
    Marked,
}

impl Mistaken {
    /// What `content` is instead of public keys of OpenSSH's, a line each; `None` if it looks like them.
    pub fn find(content: &[u8]) -> Option<Self> {
        if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
            return Some(Self::Utf16);
        }
        let Ok(text) = std::str::from_utf8(content) else { return Some(Self::NotText) };
        let has = |words: &str| text.contains(words);
        if has("PuTTY-User-Key-File-") {
            Some(Self::PuttyPrivate)
        } else if secrets::has_private_key(text) {
            Some(Self::Private)
        } else if has("BEGIN SSH2 PUBLIC KEY") {
            Some(Self::Rfc4716)
        } else if has("BEGIN PUBLIC KEY") || has("BEGIN RSA PUBLIC KEY") {
            Some(Self::Pem)
        } else if has("-cert-v01@openssh.com ") {
            Some(Self::Certificate)
        } else {
            text.starts_with('\u{feff}').then_some(Self::Marked)
        }
    }

    /// What it is, for people.
    pub fn says(self) -> &'static str {
        match self {
            Self::Private => "this is a private key, which is nobody's to give away",
            Self::PuttyPrivate => "this is a private key of PuTTY's, which is nobody's to give away",
            Self::Rfc4716 => "this is a public key in the form of RFC 4716, as PuTTY saves it",
            Self::Pem => "this is a public key in PEM",
            Self::Certificate => "this is a certificate, not a key",
            Self::Utf16 => "this is text in UTF-16, as Windows saves it",
            Self::NotText => "this is no text in UTF-8",
            Self::Marked => "there is a byte order mark (U+FEFF) before the key, which is not seen",
        }
    }

    /// What to do instead; `file` is what the user calls it.
    pub fn hint(self, file: &str) -> String {
        match self {
            Self::Private => "give the public one, which ends in .pub; `ssh-keygen -y -f KEY` prints it".into(),
            Self::PuttyPrivate => {
                format!("`puttygen {file} -O public-openssh` prints the public one in OpenSSH's form")
            }
            Self::Rfc4716 => format!("`ssh-keygen -i -f {file}` prints it in OpenSSH's form"),
            Self::Pem => format!("`ssh-keygen -i -m PKCS8 -f {file}` prints it in OpenSSH's form (or `-m PEM`)"),
            Self::Certificate => "give the key itself: the file of the same name without `-cert`".into(),
            Self::Utf16 => format!("save it as UTF-8: `iconv -f UTF-16 -t UTF-8 {file}`"),
            Self::NotText => "give the one line of the person's id_ed25519.pub".into(),
            Self::Marked => "save the file as UTF-8 without a mark, or paste the line anew".into(),
        }
    }
}

/// The options of sshd(8) that stand alone or with `no-` before them.
const FLAGS: &[&str] = &[
    "agent-forwarding",
    "cert-authority",
    "no-touch-required",
    "port-forwarding",
    "pty",
    "restrict",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];

/// The options of sshd(8) with a value in quotes.
const VALUES: &[&str] =
    &["command", "environment", "expiry-time", "from", "permitlisten", "permitopen", "principals", "tunnel"];

/// Why sshd would pass over a key with these options: it refuses a line with an option that it does not know.
fn options_problem(options: &str) -> Option<String> {
    split_options(options).into_iter().filter(|option| !option.is_empty()).find_map(|option| {
        let (name, value) = option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
        let name = name.to_ascii_lowercase();
        let is_flag = FLAGS.contains(&name.as_str()) || name.strip_prefix("no-").is_some_and(|it| FLAGS.contains(&it));
        match value {
            None if is_flag => None,
            Some(value) if VALUES.contains(&name.as_str()) => {
                let is_quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
                (!is_quoted)
                    .then(|| format!("the value of the option `{name}` needs double quotes, or sshd refuses the key"))
            }
            _ => Some(format!(
                "sshd knows no option `{name}`{}, and refuses such a key",
                if value.is_some() { "=" } else { "" }
            )),
        }
    })
}

/// Options at their commas; a comma in quotes is part of a value.
fn split_options(options: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in options.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&options[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&options[start..]);
    parts
}

/// The options, the type word and what follows it; options may hold blanks inside double quotes.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let line = line.trim();
    let first = word_end(line);
    if TYPES.contains(&&line[..first]) {
        return Some(("", &line[..first], &line[first..]));
    }
    let rest = line[first..].trim_start();
    let end = word_end(rest);
    TYPES.contains(&&rest[..end]).then(|| (&line[..first], &rest[..end], &rest[end..]))
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
        let line = format!(r#"restrict,no-pty,environment="A=b,c" ssh-ed25519 {GOOD} x"#);
        assert_eq!((body(&line), options(&line)), (Ok(GOOD), r#"restrict,no-pty,environment="A=b,c""#));
    }

    #[test]
    fn damaged_keys_are_refused() {
        for (line, why) in [
            (format!("ssh-rsa {GOOD}"), "not that of a ssh-rsa"),
            (format!("ssh-ed25519 {}", &GOOD[..40]), "damaged"),
            ("ssh-ed25519".to_owned(), "missing"),
            (format!("ssh-ed25519\n{GOOD}"), "one line"),
            ("ssh-dss AAAA".to_owned(), "no DSA keys"),
            (format!("form=\"10.0.0.0/8\" ssh-ed25519 {GOOD}"), "knows no option `form`"),
            (format!("from=10.0.0.0/8 ssh-ed25519 {GOOD}"), "needs double quotes"),
            (format!("nopty ssh-ed25519 {GOOD}"), "knows no option `nopty`"),
            (format!("\u{feff}ssh-ed25519 {GOOD}"), "byte order mark"),
            ("ssh-ed25519-cert-v01@openssh.com AAAA".to_owned(), "certificate"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(), "private key"),
        ] {
            assert!(body(&line).is_err_and(|error| error.contains(why)), "{line}");
        }
    }
}
