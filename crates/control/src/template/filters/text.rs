//! Texts: case, cutting, joining, comments.

use super::{Args, Table};
use words::value::{Map, Value};

pub(super) const FILTERS: Table = &[
    ("lower", "value", |args| Ok(args.text().to_lowercase().into())),
    ("upper", "value", |args| Ok(args.text().to_uppercase().into())),
    ("capitalize", "value", |args| Ok(capitalize(&args.text()).into())),
    ("title", "value", |args| Ok(title(&args.text()).into())),
    ("trim", "value, chars", trim),
    ("string", "value", |args| Ok(args.text().into())),
    ("replace", "s, old, new, count", replace),
    ("split", "string, sep, maxsplit", split),
    ("join", "value, d, attribute", join),
    ("indent", "s, width, first, blank", indent),
    ("truncate", "s, length, killwords, end, leeway", truncate),
    ("center", "value, width", center),
    ("wordcount", "value", |args| Ok(Value::Int(word_count(&args.text())))),
    ("wordwrap", "s, width, break_long_words, wrapstring", wordwrap),
    ("format", "value, *args, **kwargs", format),
    ("quote", "value", |args| {
        Ok(shell_quote(if *args.input() == Value::Null { String::new() } else { args.text() }).into())
    }),
    (
        "comment",
        "text, style, *, beginning, decoration, end, newline, prefix, prefix_count, postfix, postfix_count",
        comment,
    ),
    ("escape", "value", |args| Ok(escape(&args.text()).into())),
    ("e", "value", |args| Ok(escape(&args.text()).into())),
    ("forceescape", "value", |args| Ok(escape(&args.text()).into())),
    ("safe", "value", |args| Ok(args.text().into())),
    ("striptags", "value", striptags),
];

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

/// Jinja starts a word after blanks, hyphens and opening brackets.
fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::new();
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        start = c.is_whitespace() || matches!(c, '-' | '(' | '{' | '[' | '<');
    }
    out
}

fn trim(args: &Args) -> Result<Value, String> {
    let text = args.text();
    Ok(match args.string(1, "chars") {
        Some(chars) => text.trim_matches(|c| chars.contains(c)).into(),
        None => text.trim().into(),
    })
}

fn replace(args: &Args) -> Result<Value, String> {
    let (old, new) = (args.need_string(1, "old")?, args.string_or(2, "new", ""));
    let text = args.text();
    Ok(match args.int(3, "count")? {
        Some(count) if count >= 0 => text.replacen(&old, &new, count as usize).into(),
        _ => text.replace(&old, &new).into(),
    })
}

fn split(args: &Args) -> Result<Value, String> {
    let text = match args.input() {
        Value::String(text) => text,
        other => return Err(format!("needs a text, not {}", other.type_name())),
    };
    let limit = args.int(2, "maxsplit")?.filter(|limit| *limit >= 0).map_or(usize::MAX, |limit| limit as usize + 1);
    let parts: Vec<Value> = match args.string(1, "sep") {
        Some(separator) if separator.is_empty() => return Err("empty separator".into()),
        Some(separator) => text.splitn(limit, &separator).map(Value::from).collect(),
        None => text.split_whitespace().map(Value::from).collect(),
    };
    Ok(Value::List(parts))
}

fn join(args: &Args) -> Result<Value, String> {
    let separator = args.string_or(1, "d", "");
    let attribute = args.string(2, "attribute");
    let mut parts = Vec::new();
    for item in args.items()? {
        parts.push(match &attribute {
            Some(path) => super::compare::attribute(&item, path).ok_or_else(|| no_attribute(&item, path))?.to_string(),
            None => item.to_string(),
        });
    }
    Ok(parts.join(&separator).into())
}

/// The longest text that is made by repeating another.
const MAX_REPEATED: usize = 100_000_000;

/// `text`, `count` times; fails if that is very long.
fn repeated(text: &str, count: usize) -> Result<String, String> {
    match text.len().checked_mul(count) {
        Some(length) if length <= MAX_REPEATED => Ok(text.repeat(count)),
        _ => Err("the text becomes too long".into()),
    }
}

pub(super) fn no_attribute(item: &Value, path: &str) -> String {
    format!("an item of type {} has no '{path}'", item.type_name())
}

fn indent(args: &Args) -> Result<Value, String> {
    let width = match args.get(1, "width") {
        Some(Value::String(text)) => text.clone(),
        _ => " ".repeat(args.size(1, "width")?.unwrap_or(4)),
    };
    let (first, blank) = (args.flag(2, "first", false), args.flag(3, "blank", false));
    let text = args.text();
    repeated(&width, text.matches('\n').count() + 1)?;
    let mut out = String::new();
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty()) {
            out.push_str(&width);
        }
        out.push_str(line);
    }
    Ok(out.into())
}

fn truncate(args: &Args) -> Result<Value, String> {
    let length = args.size(1, "length")?.unwrap_or(255);
    let end = args.string_or(3, "end", "...");
    let leeway = args.size(4, "leeway")?.unwrap_or(5);
    let text: Vec<char> = args.text().chars().collect();
    if text.len() <= length + leeway {
        return Ok(text.into_iter().collect::<String>().into());
    }
    let kept: String = text[..length.saturating_sub(end.chars().count())].iter().collect();
    Ok(match (args.flag(2, "killwords", false), kept.rsplit_once(' ')) {
        (false, Some((words, _))) => format!("{words}{end}").into(),
        _ => format!("{kept}{end}").into(),
    })
}

/// Python puts the odd blank on the left if the width is odd.
fn center(args: &Args) -> Result<Value, String> {
    let width = args.size(1, "width")?.unwrap_or(80);
    let text = args.text();
    let missing = width.saturating_sub(text.chars().count());
    let left = missing / 2 + (missing & width & 1);
    Ok(format!("{}{text}{}", " ".repeat(left), " ".repeat(missing - left)).into())
}

fn word_count(text: &str) -> i64 {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count() as i64
}

fn wordwrap(args: &Args) -> Result<Value, String> {
    let width = args.size(1, "width")?.unwrap_or(79).max(1);
    let break_long = args.flag(2, "break_long_words", true);
    let newline = args.string_or(3, "wrapstring", "\n");
    let lines: Vec<String> = args.text().lines().map(|line| wrap_line(line, width, break_long, &newline)).collect();
    Ok(lines.join(&newline).into())
}

fn wrap_line(line: &str, width: usize, break_long: bool, newline: &str) -> String {
    let mut lines = vec![String::new()];
    for word in line.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let current = lines.last_mut().expect("there is always a line");
            let used = current.chars().count();
            let space = usize::from(used > 0);
            if used + space + word.len() <= width || (used == 0 && !break_long) {
                current.push_str(&" ".repeat(space));
                current.extend(word.iter());
                break;
            }
            if used == 0 {
                current.extend(word.drain(..width));
            }
            lines.push(String::new());
        }
    }
    lines.join(newline)
}

fn format(args: &Args) -> Result<Value, String> {
    let values = args.all().get(1..).unwrap_or_default();
    if !values.is_empty() && !args.named().is_empty() {
        return Err("takes arguments by position or by name, not both at once".into());
    }
    percent(&args.text(), values, args.named())
}

/// Python's `%` formatting with `%s %r %d %i %f %e %g %x %X %o %c %%`, flags, width and precision, `%(name)s`.
pub(super) fn percent(format: &str, values: &[Value], named: &Map) -> Result<Value, String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut by_name = matches!(values.as_slice(), [Value::Map(_)]);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut name = None;
        if let Some(named) = rest.strip_prefix('(') {
            let (key, after) = named.split_once(')').ok_or("incomplete format key")?;
            (name, rest, by_name) = (Some(key), after, true);
        }
        let end = rest.find(|c: char| !"-+ #.0123456789".contains(c)).ok_or("incomplete format")?;
        let after = rest[end..].chars().next().map_or(end, |kind| end + kind.len_utf8());
        let (spec, kind) = (&rest[..end], &rest[end..after]);
        rest = &rest[after..];
        if kind == "%" {
            out.push('%');
            continue;
        }
        let value = match name {
            Some(key) => named.get(key).or_else(|| values.as_slice().first()?.get(key)),
            None => values.next(),
        };
        out.push_str(&percent_one(spec, kind, value.ok_or("not enough arguments for format string")?)?);
    }
    if values.next().is_some() && !by_name {
        return Err("not all arguments converted during string formatting".into());
    }
    out.push_str(rest);
    Ok(out.into())
}

/// More digits than a number has.
const MAX_PRECISION: usize = 400;

fn percent_one(spec: &str, kind: &str, value: &Value) -> Result<String, String> {
    let flags: String = spec.chars().take_while(|c| "-+ #0".contains(*c)).collect();
    let (width, precision) = match spec[flags.len()..].split_once('.') {
        Some((width, precision)) => (width, Some(precision.parse::<usize>().unwrap_or(0).min(MAX_PRECISION))),
        None => (&spec[flags.len()..], None),
    };
    let number = || super::compare::number(value).ok_or(format!("%{kind} needs a number, not {}", value.type_name()));
    let whole = || match value {
        Value::Int(number) => Ok(*number),
        _ => number().map(|number| number as i64),
    };
    let text = match kind {
        "s" => value.to_string(),
        "r" => value.repr(),
        "d" | "i" | "u" => whole()?.to_string(),
        "x" => format!("{:x}", whole()?),
        "X" => format!("{:X}", whole()?),
        "o" => format!("{:o}", whole()?),
        "c" => value.to_string(),
        "f" | "F" => format!("{:.*}", precision.unwrap_or(6), number()?),
        "e" => super::numbers::exponent(number()?, precision.unwrap_or(6)),
        "g" => Value::Float(number()?).to_string().trim_end_matches(".0").to_owned(),
        other => return Err(format!("unsupported format character '{other}'")),
    };
    let text = match (kind, precision) {
        ("s" | "r", Some(precision)) => text.chars().take(precision).collect(),
        _ => text,
    };
    Ok(padded(text, &flags, width.parse::<usize>().unwrap_or(0).min(1_000_000), !matches!(kind, "s" | "r" | "c")))
}

fn padded(text: String, flags: &str, width: usize, numeric: bool) -> String {
    let text = if flags.contains('+') && numeric && !text.starts_with('-') { format!("+{text}") } else { text };
    let missing = width.saturating_sub(text.chars().count());
    if flags.contains('-') {
        format!("{text}{}", " ".repeat(missing))
    } else if flags.contains('0') && numeric {
        let sign = if text.starts_with(['-', '+']) { text[..1].to_owned() } else { String::new() };
        format!("{sign}{}{}", "0".repeat(missing), &text[sign.len()..])
    } else {
        format!("{}{text}", " ".repeat(missing))
    }
}

/// As Python's `shlex.quote`: single quotes unless every letter is harmless.
pub(crate) fn shell_quote(text: String) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if text.is_empty() || !text.chars().all(harmless) { format!("'{}'", text.replace('\'', "'\"'\"'")) } else { text }
}

fn comment(args: &Args) -> Result<Value, String> {
    let style = args.string_or(1, "style", "plain");
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(format!("invalid style '{other}'; there are plain, erlang, c, cblock and xml")),
    };
    let given = |name: &str, default: &str| args.named().get(name).map_or(default.to_owned(), Value::to_string);
    let count = |name: &str| args.size(usize::MAX, name).map(|count| count.unwrap_or(1));
    let decoration = given("decoration", decoration);
    let (newline, around) = (given("newline", "\n"), decoration.trim_end());
    let (prefix, postfix) = (given("prefix", around), given("postfix", around));
    let mut out = match given("beginning", beginning) {
        beginning if beginning.is_empty() => String::new(),
        beginning => format!("{beginning}{newline}"),
    };
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { format!("{prefix}{newline}") };
        out.push_str(&repeated(&line, count("prefix_count")?)?);
    }
    let text = args.text().replace(&newline, &format!("{newline}{decoration}"));
    let empty_line = format!("{}{newline}", decoration.trim_end());
    out.push_str(&format!("{decoration}{text}").replace(&format!("{decoration}{newline}"), &empty_line));
    out.push_str(&repeated(&format!("{newline}{postfix}"), count("postfix_count")?)?);
    match given("end", end) {
        end if end.is_empty() => {}
        end => out.push_str(&format!("{newline}{end}")),
    }
    Ok(out.into())
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&#34;").replace('\'', "&#39;")
}

fn striptags(args: &Args) -> Result<Value, String> {
    let mut out = String::new();
    let mut inside = false;
    for c in args.text().chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    Ok(out.split_whitespace().collect::<Vec<_>>().join(" ").into())
}
