//! How hosts are written in inventories: ports (`web:2222`) and ranges (`node[01:16]`).

use std::net::Ipv6Addr;

/// More hosts than this in one range are taken for a mistake.
const MAX_HOSTS: usize = 100_000;

/// A host pattern without its port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub host: &'a str,
    pub port: Option<u16>,
}

/// Host name, IPv4 or IPv6 address, ranges allowed, with an optional port (for IPv6 only as `[v6]:port`).
/// `None` if it is none of these; then a colon means nothing.
pub(super) fn address(text: &str) -> Option<Address<'_>> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) => match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            Some(inner) => (inner, Some(port)),
            None if outside_brackets(host, ':') => (text, None),
            None => (host, Some(port)),
        },
        _ => (text, None),
    };
    let port = port.map(|port| port.parse().ok());
    (is_name(host) || is_ipv6(host)).then_some(())?;
    match port {
        Some(None) => None,
        Some(port) => Some(Address { host, port }),
        None => Some(Address { host, port: None }),
    }
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
}

/// Whether `mark` occurs in `text` outside of `[…]`.
fn outside_brackets(text: &str, mark: char) -> bool {
    let mut inside = false;
    text.chars().any(|c| {
        inside = c == '[' || inside && c != ']';
        !inside && c == mark
    })
}

/// Labels of letters, digits, `_` and `-`, not starting with `-` nor ending with `-` or `_`, separated by dots.
fn is_name(text: &str) -> bool {
    let Some(text) = ranges_as_digit(text, |end| end.len() == 1 && end.chars().all(|c| c.is_ascii_alphabetic())) else {
        return false;
    };
    text.split('.').all(|label| {
        label.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
            && !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with(['-', '_'])
    })
}

fn is_ipv6(text: &str) -> bool {
    let hex = |end: &str| (1..=4).contains(&end.len()) && end.chars().all(|c| c.is_ascii_hexdigit());
    ranges_as_digit(text, hex).is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// The text with every range `[a:b]` or `[a:b:step]` replaced by a zero; `None` if a bracket is no range. Ends are
/// digits, or what `also` says.
fn ranges_as_digit(text: &str, also: impl Fn(&str) -> bool) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once('[') {
        let (range, tail) = tail.split_once(']')?;
        let parts: Vec<&str> = range.split(':').collect();
        let fits = match parts[..] {
            [first, last] | [first, last, _] => {
                [first, last].iter().all(|end| is_port(end)) || also(first) && also(last)
            }
            _ => false,
        };
        if !fits || parts.get(2).is_some_and(|step| !is_port(step)) {
            return None;
        }
        plain.extend([head, "0"]);
        rest = tail;
    }
    plain += rest;
    Some(plain)
}

/// All hosts of a pattern, several ranges multiplied. The message of an error names the rule that is broken.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let Some((head, rest)) = pattern.split_once('[') else { return Ok(vec![pattern.to_owned()]) };
    let (range, tail) = rest.split_once(']').ok_or("the `[` of a range is never closed")?;
    let steps = steps(range)?;
    let tails = expand(tail)?;
    if steps.len() * tails.len() > MAX_HOSTS {
        return Err(format!("a host range may give at most {MAX_HOSTS} hosts"));
    }
    Ok(steps.iter().flat_map(|step| tails.iter().map(move |tail| format!("{head}{step}{tail}"))).collect())
}

/// What stands for a range, in order: `01:03` → `01`, `02`, `03`.
fn steps(range: &str) -> Result<Vec<String>, String> {
    let parts: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match parts[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err("host range must be begin:end or begin:end:step".into()),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    if end.is_empty() {
        return Err("host range must specify end value".into());
    }
    let padded = begin.len() > 1 && begin.starts_with('0');
    if padded && begin.len() != end.len() {
        return Err("host range must specify equal-length begin and end formats".into());
    }
    let step =
        step.parse().ok().filter(|step| *step > 0).ok_or("the step of a host range must be a positive number")?;
    if let (Some(begin), Some(end)) = (letter(begin), letter(end)) {
        let letters = ('a'..='z').chain('A'..='Z').skip(begin).take((end + 1).saturating_sub(begin)).step_by(step);
        return not_empty(letters.map(String::from).collect());
    }
    let number = |text: &str| text.parse::<u64>().map_err(|_| "host range must be of numbers or of single letters");
    let (first, last) = (number(begin)?, number(end)?);
    if last.saturating_sub(first) / step as u64 >= MAX_HOSTS as u64 {
        return Err(format!("a host range may give at most {MAX_HOSTS} hosts"));
    }
    let width = if padded { begin.len() } else { 0 };
    not_empty((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

fn not_empty(steps: Vec<String>) -> Result<Vec<String>, String> {
    if steps.is_empty() { Err("host range must have begin <= end".into()) } else { Ok(steps) }
}

/// Position in `a`…`z`, `A`…`Z`.
fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [c @ b'a'..=b'z'] => Some((c - b'a').into()),
        [c @ b'A'..=b'Z'] => Some(usize::from(c - b'A') + 26),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let rows = [
            ("web", Some(("web", None))),
            ("web:22", Some(("web", Some(22)))),
            ("node[1:3]:22", Some(("node[1:3]", Some(22)))),
            ("node[1:3]", Some(("node[1:3]", None))),
            ("10.0.0.1:22", Some(("10.0.0.1", Some(22)))),
            ("fe80::1", Some(("fe80::1", None))),
            ("[fe80::1]:22", Some(("fe80::1", Some(22)))),
            ("::1", Some(("::1", None))),
            ("fe80::[1:3]", Some(("fe80::[1:3]", None))),
            ("로그인1:22", Some(("로그인1", Some(22)))),
            ("web:", None),
            ("web_:22", None),
            ("a:b", None),
            ("all:!web", None),
            ("web*:22", None),
            ("web:99999", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(address(text), expected.map(|(host, port)| Address { host, port }), "{text}");
        }
    }

    #[test]
    fn ranges() {
        assert_eq!(expand("n[1:3]").unwrap(), ["n1", "n2", "n3"]);
        assert_eq!(expand("n[08:10]x").unwrap(), ["n08x", "n09x", "n10x"]);
        assert_eq!(expand("n[:2]").unwrap(), ["n0", "n1", "n2"]);
        assert_eq!(expand("n[0:9:4]").unwrap(), ["n0", "n4", "n8"]);
        assert_eq!(expand("n[a:c]").unwrap(), ["na", "nb", "nc"]);
        assert_eq!(expand("n[y:B]").unwrap(), ["ny", "nz", "nA", "nB"]);
        assert_eq!(expand("r[1:2]-n[a:b]").unwrap(), ["r1-na", "r1-nb", "r2-na", "r2-nb"]);
    }

    #[test]
    fn wrong_ranges() {
        for range in ["n[1:3", "n[1]", "n[1:]", "n[01:3]", "n[3:1]", "n[c:a]", "n[1:3:0]", "n[1:x]", "n[1:2:3:4]"] {
            assert!(expand(range).is_err(), "{range}");
        }
        for range in ["n[1:99999999999]", "n[0:18446744073709551615]", "n[1:999]m[1:999]"] {
            assert!(expand(range).unwrap_err().contains("at most"), "{range}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in r"[a0-9\[\]:.\-가]{0,16}") {
            let _ = (address(&text), expand(&text));
        }
    }
}
