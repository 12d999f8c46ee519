//! Python's regular expressions, as playbooks write them in filters and in the modules lineinfile and replace.

use super::lossless;
use fancy_regex::{Captures, Regex, RegexBuilder};

/// A pattern of Python's `re`. With `multi_line`, `^` and `$` are at every line.
pub fn compile(pattern: &str, ignore_case: bool, multi_line: bool) -> Result<Regex, String> {
    let pattern = translate(pattern);
    RegexBuilder::new(&pattern)
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .build()
        .map_err(|error| format!("the regular expression '{pattern}' is wrong: {error}"))
}

/// A pattern of Python's for `bytes`, for texts made by [`lossless::from_bytes`]: a dot is one byte, and only ASCII has
/// letters, digits and blanks. The pattern is given as it is written.
pub fn compile_bytes(pattern: &str) -> Result<Regex, String> {
    compile(&bytes_of_escapes(&lossless::from_bytes(pattern.as_bytes())), false, false)
}

/// `\xfc` is a byte here, not the letter of that number.
fn bytes_of_escapes(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let code = escape.strip_prefix("\\x").and_then(|after| u8::from_str_radix(after.get(..2)?, 16).ok());
        let length = match code.filter(|code| !code.is_ascii()) {
            Some(byte) => {
                out.push(lossless::escape(byte));
                4
            }
            None => {
                let length = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&escape[..length]);
                length
            }
        };
        rest = &escape[length..];
    }
    out + rest
}

/// What Python writes in another way: `\Z` is the very end, `$` matches before a last newline too, `(?P=name)` refers
/// back, an opening bracket in a class is a plain letter.
fn translate(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if !in_class => out.push_str("\\z"),
                Some(next) => out.extend(['\\', next]),
                None => out.push('\\'),
            },
            '[' if in_class => out.push_str("\\["),
            '&' | '~' if in_class && chars.peek() == Some(&c) => out.extend(['\\', c]),
            '[' => {
                in_class = true;
                out.push('[');
                out.extend(chars.next_if_eq(&'^'));
                if chars.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '$' if !in_class => out.push_str("(?:$|(?=\\n\\z))"),
            c => out.push(c),
        }
    }
    out.replace("(?P=", "\\k<PLACE").split("\\k<PLACE").enumerate().fold(String::new(), |whole, (index, part)| {
        if index == 0 { part.to_owned() } else { format!("{whole}\\k<{}", part.replacen(')', ">", 1)) }
    })
}

/// All matches from left to right. Like Python, and unlike others, an empty match may follow right after another one.
pub fn all_matches<'t>(regex: &Regex, text: &'t str) -> Result<Vec<Captures<'t, str>>, String> {
    let mut all: Vec<Captures<str>> = Vec::new();
    let (mut from, mut empty_at) = (0, None);
    while from <= text.len() {
        let captures = regex.captures_from_pos(text, from).map_err(|error| error.to_string())?;
        let Some((captures, whole)) = captures.and_then(|captures| captures.get(0).map(|whole| (captures, whole)))
        else {
            break;
        };
        let empty = whole.start() == whole.end();
        if empty && empty_at == Some(whole.start()) {
            from = whole.end() + text[whole.end()..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        (from, empty_at) = (whole.end(), empty.then_some(whole.start()));
        all.push(captures);
    }
    Ok(all)
}

/// `\1`, `\g<1>`, `\g<name>`, `\n` in a replacement.
pub fn expand(replacement: &str, captures: &Captures<str>, out: &mut String) -> Result<(), String> {
    let mut rest = replacement;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let digits = digits.min(2);
            out.push_str(&group(captures, &rest[..digits])?);
            rest = &rest[digits..];
        } else if let Some((name, after)) = rest.strip_prefix("g<").and_then(|named| named.split_once('>')) {
            out.push_str(&group(captures, name)?);
            rest = after;
        } else {
            let next = rest.chars().next().ok_or("bad escape (end of pattern)")?;
            match next {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                '\\' => out.push('\\'),
                c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c} in the replacement")),
                c => out.extend(['\\', c]),
            }
            rest = &rest[next.len_utf8()..];
        }
    }
    out.push_str(rest);
    Ok(())
}

/// The text of a group by number or name; a group that took no part is empty.
pub fn group(captures: &Captures<str>, name: &str) -> Result<String, String> {
    let known = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
    match name.parse::<usize>() {
        Ok(index) if index < captures.len() => {
            Ok(captures.get(index).map_or(String::new(), |found| found.as_str().to_owned()))
        }
        Ok(index) => Err(format!("invalid group reference {index}")),
        Err(_) => known(name).ok_or_else(|| format!("unknown group name '{name}'")),
    }
}

/// Replaces the first `limit` matches (0: all); the new text and how many there were.
pub fn replace(regex: &Regex, text: &str, replacement: &str, limit: usize) -> Result<(String, usize), String> {
    let (mut out, mut last, mut count) = (String::new(), 0, 0);
    for captures in all_matches(regex, text)? {
        let whole = captures.get(0).ok_or("a match has no extent")?;
        out.push_str(&text[last..whole.start()]);
        expand(replacement, &captures, &mut out)?;
        (last, count) = (whole.end(), count + 1);
        if count == limit {
            break;
        }
    }
    out.push_str(&text[last..]);
    Ok((out, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, text: &str, replacement: &str) -> String {
        replace(&compile(pattern, false, false).unwrap(), text, replacement, 0).unwrap().0
    }

    #[test]
    fn patterns_of_bytes() {
        let found = |pattern: &str, bytes: &[u8]| {
            compile_bytes(pattern).unwrap().is_match(&lossless::from_bytes(bytes)).unwrap()
        };
        assert!(found(r"M\xfcn", b"M\xfcn") && found("^M.n$", b"M\xfcn\n") && found("M[^a]n", b"M\xfcn"));
        assert!(!found("M.n", "M\u{fc}n".as_bytes()) && found("M..n", "M\u{fc}n".as_bytes()));
        assert!(!found(r"M\wn", b"M\xfcn") && found("M\u{fc}n", "M\u{fc}n".as_bytes()));
        assert!(!found("two$", b"two\r\n") && found(r"\\xfc", br"\xfc"));
    }

    #[test]
    fn pythons_words() {
        assert_eq!(replaced(r"(?P<a>b+)(c)", "abbcd", r"\2\g<a>\g<1>"), "acbbbbd");
        assert_eq!(replaced(r"x\Z", "x x", "y"), "x y");
        assert_eq!(replaced("c*", "abc", "-"), "-a-b--");
        assert_eq!(replaced("x$", "x\n", "y"), "y\n");
        assert!(compile("(", false, false).is_err());
    }
}
