//! Python's regular expressions.

use super::{Args, Table};
use crate::value::Value;
use fancy_regex::{Captures, Regex, RegexBuilder};

pub(super) const FILTERS: Table = &[
    ("regex_replace", regex_replace),
    ("regex_search", regex_search),
    ("regex_findall", regex_findall),
    ("regex_escape", regex_escape),
];

pub(super) const TESTS: Table = &[
    ("match", |args| found(args, "match")),
    ("search", |args| found(args, "search")),
    ("regex", |args| found(args, &args.string_or(4, "match_type", "search"))),
];

pub(crate) fn compile(pattern: &str, ignore_case: bool, multi_line: bool) -> Result<Regex, String> {
    let pattern = translate(pattern);
    RegexBuilder::new(&pattern)
        .case_insensitive(ignore_case)
        .multi_line(multi_line)
        .build()
        .map_err(|error| format!("the regular expression '{pattern}' is wrong: {error}"))
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

fn of(args: &Args, pattern: usize, name: &str, ignore_case: usize, multi_line: usize) -> Result<Regex, String> {
    let pattern = args.get(pattern, name).map(Value::to_string).unwrap_or_default();
    compile(&pattern, args.flag(ignore_case, "ignorecase", false), args.flag(multi_line, "multiline", false))
}

fn found(args: &Args, kind: &str) -> Result<Value, String> {
    let regex = of(args, 1, "pattern", 2, 3)?;
    let text = args.text();
    let found = regex.find(&text).map_err(|error| error.to_string())?;
    Ok(match kind {
        "match" => starts(&regex, &text)?,
        "fullmatch" => found.is_some_and(|found| found.start() == 0 && found.end() == text.len()),
        _ => found.is_some(),
    }
    .into())
}

/// `re.match`: a match at the very start, which a search may miss if it finds a longer way elsewhere; it cannot, since
/// a search takes the leftmost.
fn starts(regex: &Regex, text: &str) -> Result<bool, String> {
    Ok(regex.find(text).map_err(|error| error.to_string())?.is_some_and(|found| found.start() == 0))
}

fn regex_replace(args: &Args) -> Result<Value, String> {
    let regex = of(args, 1, "pattern", 3, 4)?;
    let replacement = args.string_or(2, "replacement", "");
    let limit = args.int(5, "count")?.unwrap_or(0).max(0) as usize;
    let text = args.text();
    let (mut out, mut last, mut count) = (String::new(), 0, 0);
    for captures in regex.captures_iter(text.as_str()) {
        let captures = captures.map_err(|error| error.to_string())?;
        let whole = captures.get(0).ok_or("a match has no extent")?;
        out.push_str(&text[last..whole.start()]);
        expand(&replacement, &captures, &mut out)?;
        (last, count) = (whole.end(), count + 1);
        if count == limit {
            break;
        }
    }
    out.push_str(&text[last..]);
    match args.int(6, "mandatory_count")?.unwrap_or(0) {
        wanted if wanted != 0 && wanted != count as i64 => {
            Err(format!("'{}' should match {wanted} times, but matches {count} times in '{text}'", regex.as_str()))
        }
        _ => Ok(out.into()),
    }
}

/// `\1`, `\g<1>`, `\g<name>`, `\n` in a replacement.
fn expand(replacement: &str, captures: &Captures<str>, out: &mut String) -> Result<(), String> {
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
fn group(captures: &Captures<str>, name: &str) -> Result<String, String> {
    let known = |name: &str| captures.name(name).map(|found| found.as_str().to_owned());
    match name.parse::<usize>() {
        Ok(index) if index < captures.len() => {
            Ok(captures.get(index).map_or(String::new(), |found| found.as_str().to_owned()))
        }
        Ok(index) => Err(format!("invalid group reference {index}")),
        Err(_) => known(name).ok_or_else(|| format!("unknown group name '{name}'")),
    }
}

fn regex_search(args: &Args) -> Result<Value, String> {
    let regex = of(args, 1, "regex", usize::MAX, usize::MAX)?;
    let text = args.text();
    let Some(captures) = regex.captures(text.as_str()).map_err(|error| error.to_string())? else {
        return Ok(Value::Null);
    };
    let wanted: Vec<String> = args.all().iter().skip(2).map(Value::to_string).collect();
    if wanted.is_empty() {
        return Ok(captures.get(0).map_or(Value::Null, |found| found.as_str().into()));
    }
    let one = |wanted: &String| {
        let name = wanted.strip_prefix("\\g<").and_then(|name| name.strip_suffix('>')).or(wanted.strip_prefix('\\'));
        group(&captures, name.ok_or_else(|| format!("unknown argument '{wanted}'"))?).map(Value::from)
    };
    wanted.iter().map(one).collect::<Result<_, _>>().map(Value::List)
}

/// Without groups the whole matches, with one group its texts, with several lists of them.
fn regex_findall(args: &Args) -> Result<Value, String> {
    let regex = of(args, 1, "regex", 3, 2)?;
    let text = args.text();
    let mut all = Vec::new();
    for captures in regex.captures_iter(text.as_str()) {
        let captures = captures.map_err(|error| error.to_string())?;
        let text_of = |index: usize| Value::from(captures.get(index).map_or("", |found| found.as_str()));
        all.push(match captures.len() {
            1 => text_of(0),
            2 => text_of(1),
            count => Value::List((1..count).map(text_of).collect()),
        });
    }
    Ok(Value::List(all))
}

fn regex_escape(args: &Args) -> Result<Value, String> {
    let special = match args.string_or(1, "re_type", "python").as_str() {
        "python" => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        "posix_basic" => "].[^$*\\",
        other => return Err(format!("invalid regex type ({other})")),
    };
    let escaped = args.text().chars().fold(String::new(), |mut out, c| {
        if special.contains(c) {
            out.push('\\');
        }
        out.push(c);
        out
    });
    Ok(escaped.into())
}
