//! Distinguished names: RFC 4514, in and out. Two spellings of one name have one normal form.

/// The normal form of a name: types and values in lower case, blanks collapsed, everything special as `\hh`. A server may
/// answer in another spelling than it was asked in. A text that is no name is its own form, marked so that it is nobody's.
pub fn normal(dn: &str) -> String {
    let rdns: Option<Vec<String>> = split(dn, ',').iter().map(|rdn| normal_rdn(rdn)).collect();
    rdns.map_or_else(|| format!("\0{dn}"), |rdns| rdns.join(","))
}

/// Whether both, in normal form, are `dn` below `container`, at any depth.
pub fn is_below(dn: &str, container: &str) -> bool {
    dn.strip_suffix(container).is_some_and(|rest| rest.ends_with(',') && !rest.starts_with('\0'))
}

/// `type=value,parent`, with the value escaped.
pub fn child(kind: &str, value: &str, parent: &str) -> String {
    format!("{kind}={},{parent}", escape(value))
}

/// The domain that the `dc` parts of a name make up, in lower case; `None` where there are none.
pub fn realm(dn: &str) -> Option<String> {
    let normal = normal(dn);
    let parts: Vec<&str> = split(&normal, ',').into_iter().filter_map(|rdn| rdn.strip_prefix("dc=")).collect();
    (!parts.is_empty()).then(|| parts.join("."))
}

/// Why `dn` is no distinguished name that something can lie below, if it is none.
pub fn problem(dn: &str) -> Option<&'static str> {
    (dn.trim().is_empty() || normal(dn).starts_with('\0'))
        .then_some("it is no distinguished name such as ou=people,dc=example,dc=org")
}

/// A value within a name, RFC 4514 section 2.4.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let at_end = (at == 0 && (c == ' ' || c == '#')) || (at == last && c == ' ');
        if at_end || ",+\"\\<>;=".contains(c) {
            escaped.push('\\');
        }
        if c == '\0' { escaped.push_str("\\00") } else { escaped.push(c) }
    }
    escaped
}

/// Parts between separators that are not escaped.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    parts.push(&text[start..]);
    parts
}

fn normal_rdn(rdn: &str) -> Option<String> {
    let mut pairs: Vec<String> = split(rdn, '+').iter().map(|pair| normal_pair(pair)).collect::<Option<_>>()?;
    pairs.sort_unstable();
    Some(pairs.join("+"))
}

fn normal_pair(pair: &str) -> Option<String> {
    let (kind, value) = pair.split_once('=')?;
    let kind = kind.trim();
    let is_kind = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    let value = unescape(trim_unescaped(value))?;
    let folded = value.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = folded.bytes().map(shown_byte).collect();
    (is_kind && !shown.is_empty()).then(|| format!("{}={shown}", kind.to_ascii_lowercase()))
}

/// Letters and digits as they are, also those of other scripts, and the rest in hex.
fn shown_byte(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_. @".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("\\{byte:02x}")
    }
}

/// Without the blanks around it; one that is escaped at its end belongs to it.
fn trim_unescaped(value: &str) -> &str {
    let value = value.trim_start();
    let trimmed = value.trim_end();
    let backslashes = trimmed.bytes().rev().take_while(|b| *b == b'\\').count();
    if backslashes % 2 == 1 && trimmed.len() < value.len() { &value[..trimmed.len() + 1] } else { trimmed }
}

fn unescape(value: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let hex = rest.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match hex {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[2..];
            }
            None => {
                bytes.push(*rest.first()?);
                rest = &rest[1..];
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_name() {
        let people = normal("ou=people,dc=example,dc=org");
        assert_eq!(normal("OU=People , DC=example,dc = org"), people);
        assert_eq!(normal(r"cn=Kim\2C Lee,dc=x"), normal(r"CN=kim\, lee,DC=X"));
        assert_eq!(normal("a=1+b=2,dc=x"), normal("B=2+A=1,dc=x"));
        assert!(is_below(&normal("uid=kim,ou=people,dc=example,dc=org"), &people));
        assert!(!is_below(&people, &people), "not below itself");
        assert!(!is_below(&normal(r"uid=kim\,ou=people,dc=example,dc=org"), &people), "a comma within a value");
        assert!(!is_below(&normal("xou=people,dc=example,dc=org"), &people));
        assert_eq!(realm("OU=people,DC=ad,DC=Example,dc=org").as_deref(), Some("ad.example.org"));
        assert_eq!(realm("o=Example"), None);
        for bad in ["", "kim", "=x,dc=y", "uid=,dc=x", "uid=a,,dc=x", r"uid=\"] {
            assert!(problem(bad).is_some(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_is_one_name_below_its_parent(value in "\\S(.{0,20}\\S)?") {
            let parent = "ou=people,dc=example,dc=org";
            let name = normal(&child("uid", &value, parent));
            prop_assert!(is_below(&name, &normal(parent)), "{name}");
            prop_assert_eq!(name.matches(',').count(), 3);
        }

        #[test]
        fn any_text_has_a_form(text in ".{0,40}") {
            normal(&text);
        }
    }
}
