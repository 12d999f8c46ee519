//! Filters and tests of regular expressions.

use super::{Args, Table};
use fancy_regex::Regex;
use words::text::python_re::{self, all_matches, compile, group};
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("regex_replace", "value, pattern, replacement, ignorecase, multiline, count, mandatory_count", regex_replace),
    ("regex_search", "value, regex, *args, ignorecase, multiline", regex_search),
    ("regex_findall", "value, regex, multiline, ignorecase", regex_findall),
    ("regex_escape", "string, re_type", regex_escape),
];

pub(super) const TESTS: Table = &[
    ("match", "value, pattern, ignorecase, multiline", |args| found(args, "match")),
    ("search", "value, pattern, ignorecase, multiline", |args| found(args, "search")),
    ("regex", "value, pattern, ignorecase, multiline, match_type", |args| {
        found(args, &args.string_or(4, "match_type", "search"))
    }),
];

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
    let (out, count) = python_re::replace(&regex, &text, &replacement, limit)?;
    match args.int(6, "mandatory_count")?.unwrap_or(0) {
        wanted if wanted != 0 && wanted != count as i64 => {
            Err(format!("'{}' should match {wanted} times, but matches {count} times in '{text}'", regex.as_str()))
        }
        _ => Ok(out.into()),
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
    for captures in all_matches(&regex, &text)? {
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
