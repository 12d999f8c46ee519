//! Python literals as values: how INI inventories type what stands after `=` (`ast.literal_eval`).

use crate::value::{Map, Value};

/// Deepest nesting of brackets accepted.
const MAX_DEPTH: usize = 64;

/// The value of a Python literal: numbers, texts, `True`, `False`, `None`, lists, tuples, sets and dicts of them.
///
/// `None` for everything else, which callers keep as text: names, expressions, `0700`, `yes`, complex numbers, `...`,
/// integers beyond 64 bits. Tuples and sets become lists; keys of dicts become text; bytes become text.
pub fn literal(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text, depth: 0 };
    let value = reader.value()?;
    reader.skip_blanks();
    // `1,` without parentheses is a tuple, as in Python.
    if reader.rest.starts_with(',') {
        return Some(Value::List(reader.bare_tuple(value)?));
    }
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    /// Open brackets: inside them, line breaks are blanks.
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip_blanks(&mut self) {
        loop {
            let multiline = self.depth > 0;
            self.rest =
                self.rest.trim_start_matches(|c| matches!(c, ' ' | '\t') || multiline && matches!(c, '\n' | '\r'));
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = &comment[comment.find('\n').unwrap_or(comment.len())..],
                None => return,
            }
        }
    }

    fn take(&mut self, mark: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_blanks();
        self.rest.chars().next()
    }

    fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            '[' => self.bracketed("[", "]").map(|(items, _)| Value::List(items)),
            '(' => self.parentheses(),
            '{' => self.braces(),
            '-' | '+' => self.signed(),
            c if c.is_ascii_digit() || c == '.' => self.number(),
            _ => self.word(),
        }
    }

    /// Runs `read` between brackets, one level deeper.
    fn nested<T>(&mut self, open: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MAX_DEPTH || !self.take(open) {
            return None;
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Items up to `close`, and whether a comma was among them.
    fn bracketed(&mut self, open: &str, close: &str) -> Option<(Vec<Value>, bool)> {
        self.nested(open, |reader| {
            let (mut items, mut comma) = (Vec::new(), false);
            while !reader.take(close) {
                if !items.is_empty() && !comma {
                    return None;
                }
                items.push(reader.value()?);
                comma = reader.take(",");
            }
            Some((items, comma))
        })
    }

    /// A value in parentheses, or a tuple.
    fn parentheses(&mut self) -> Option<Value> {
        match self.nested_tuple()? {
            (items, false) if items.len() == 1 => items.into_iter().next(),
            (items, _) => Some(Value::List(items)),
        }
    }

    fn nested_tuple(&mut self) -> Option<(Vec<Value>, bool)> {
        self.bracketed("(", ")")
    }

    fn bare_tuple(&mut self, first: Value) -> Option<Vec<Value>> {
        let mut items = vec![first];
        while self.take(",") {
            if self.peek().is_none() {
                break;
            }
            items.push(self.value()?);
        }
        self.peek().is_none().then_some(items)
    }

    /// A dict or a set.
    fn braces(&mut self) -> Option<Value> {
        self.nested("{", |reader| {
            if reader.take("}") {
                return Some(Value::Map(Map::new()));
            }
            let first = reader.value()?;
            if reader.take(":") { reader.dict(first).map(Value::Map) } else { reader.set(first).map(Value::List) }
        })
    }

    fn dict(&mut self, first: Value) -> Option<Map> {
        let mut map = Map::new();
        let mut key = first;
        loop {
            if matches!(key, Value::List(_) | Value::Map(_)) {
                return None;
            }
            let value = self.value()?;
            map.insert(key.to_string(), value);
            let comma = self.take(",");
            if self.take("}") {
                return Some(map);
            }
            key = self.value()?;
            if !comma || !self.take(":") {
                return None;
            }
        }
    }

    fn set(&mut self, first: Value) -> Option<Vec<Value>> {
        let mut items = vec![first];
        loop {
            let comma = self.take(",");
            if self.take("}") {
                return Some(items);
            }
            let item = self.value()?;
            if !comma {
                return None;
            }
            if !items.contains(&item) {
                items.push(item);
            }
        }
    }

    fn signed(&mut self) -> Option<Value> {
        let negative = self.peek()? == '-';
        self.rest = &self.rest[1..];
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let value = self.value();
        self.depth -= 1;
        match (value?, negative) {
            (Value::Int(number), true) => number.checked_neg().map(Value::Int),
            (Value::Float(number), true) => Some(Value::Float(-number)),
            (number @ (Value::Int(_) | Value::Float(_)), false) => Some(number),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let mut exponent = false;
        let hex = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        let end = self.rest.find(|c: char| {
            let part = c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || exponent && matches!(c, '+' | '-');
            exponent = !hex && matches!(c, 'e' | 'E');
            !part
        });
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        number(digits)
    }

    /// `True`, `False`, `None`, or texts one after the other.
    fn word(&mut self) -> Option<Value> {
        for (name, value) in [("True", Value::Bool(true)), ("False", Value::Bool(false)), ("None", Value::Null)] {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                return (!rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).then_some(value);
            }
        }
        let mut text = self.string()?;
        while let Some('\'' | '"' | 'r' | 'R' | 'b' | 'B' | 'u' | 'U') = self.peek() {
            text += &self.string()?;
        }
        Some(Value::from(text))
    }

    /// One quoted text with its prefix.
    fn string(&mut self) -> Option<String> {
        let quote_at = self.rest.find(['\'', '"'])?;
        let prefix = self.rest[..quote_at].to_ascii_lowercase();
        if !matches!(prefix.as_str(), "" | "r" | "u" | "b" | "rb" | "br") {
            return None;
        }
        self.rest = &self.rest[quote_at..];
        let quote = &self.rest[..1];
        let triple = quote.repeat(3);
        let quote = if self.rest.starts_with(&triple) { triple } else { quote.to_owned() };
        self.rest = &self.rest[quote.len()..];
        self.quoted(&quote, prefix.contains('r'))
    }

    fn quoted(&mut self, quote: &str, raw: bool) -> Option<String> {
        let mut text = String::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                self.rest = rest;
                return Some(text);
            }
            let mut chars = self.rest.chars();
            let c = chars.next()?;
            self.rest = chars.as_str();
            match c {
                '\\' if raw => {
                    text.push(c);
                    text.push(chars.next()?);
                    self.rest = chars.as_str();
                }
                '\\' => self.escape(&mut text)?,
                '\n' if quote.len() == 1 => return None,
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        self.rest = unescape(self.rest, text)?;
        Some(())
    }
}

/// Reads what follows a backslash in a text of Python: adds what it stands for and gives what comes after it. An unknown
/// escape keeps its backslash; `None` for a number that is none or no character.
pub fn unescape<'a>(escape: &'a str, text: &mut String) -> Option<&'a str> {
    let c = escape.chars().next()?;
    let rest = &escape[c.len_utf8()..];
    let code = |digits: &str, base| char::from_u32(u32::from_str_radix(digits, base).ok()?);
    let hexadecimal = |length: usize| {
        let digits = rest.get(..length).filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))?;
        Some((code(digits, 16)?, &rest[length..]))
    };
    let (meant, rest) = match c {
        '\n' => return Some(rest),
        '\\' | '\'' | '"' => (c, rest),
        'n' => ('\n', rest),
        't' => ('\t', rest),
        'r' => ('\r', rest),
        'a' => ('\u{7}', rest),
        'b' => ('\u{8}', rest),
        'f' => ('\u{c}', rest),
        'v' => ('\u{b}', rest),
        'x' => hexadecimal(2)?,
        'u' => hexadecimal(4)?,
        'U' => hexadecimal(8)?,
        '0'..='7' => {
            let length = escape.chars().take(3).take_while(|c| c.is_digit(8)).count();
            (code(&escape[..length], 8)?, &escape[length..])
        }
        other => {
            text.push('\\');
            (other, rest)
        }
    };
    text.push(meant);
    Some(rest)
}

/// An integer (no leading zeros; `0x`, `0o`, `0b`; single underscores between digits) or a float.
fn number(text: &str) -> Option<Value> {
    let lower = text.to_ascii_lowercase();
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let digits = without_underscores(digits.strip_prefix('_').unwrap_or(digits), "", base)?;
            return i64::from_str_radix(&digits, base).ok().map(Value::Int);
        }
    }
    let digits = without_underscores(&lower, ".e+-", 10)?;
    if digits.contains(['.', 'e']) {
        return digits.parse().ok().map(Value::Float);
    }
    if digits.starts_with('0') && !digits.trim_start_matches('0').is_empty() {
        return None;
    }
    digits.parse().ok().map(Value::Int)
}

/// Digits of `base` and `marks`; an underscore may only stand between two digits.
fn without_underscores(text: &str, marks: &str, base: u32) -> Option<String> {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_digit(base));
    let (mut plain, mut before, mut chars) = (String::new(), None, text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '_' if is_digit(before) && is_digit(chars.peek().copied()) => {}
            c if c.is_digit(base) || marks.contains(c) => plain.push(c),
            _ => return None,
        }
        before = Some(c);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        literal(text).map_or("-".into(), |value| value.to_json_line(false))
    }

    #[test]
    fn literals() {
        let rows = [
            ("23", "23"),
            ("-5", "-5"),
            ("+5", "5"),
            ("--5", "5"),
            ("1_000", "1000"),
            ("0x1F", "31"),
            ("0xe1", "225"),
            ("0o17", "15"),
            ("0b101", "5"),
            ("000", "0"),
            ("1.5", "1.5"),
            ("1.", "1.0"),
            (".5", "0.5"),
            ("1e3", "1000.0"),
            ("1e-3", "0.001"),
            ("True", "true"),
            ("None", "null"),
            ("8080 # x", "8080"),
            ("'two words'", r#""two words""#),
            (r#""a" 'b'"#, r#""ab""#),
            (r"'a\tb\x41\u00e9\101\q'", r#""a\tbAéA\\q""#),
            (r"r'a\tb'", r#""a\\tb""#),
            ("'''a'b'''", r#""a'b""#),
            ("b'x'", r#""x""#),
            ("[1, 'x', [True]]", r#"[1, "x", [true]]"#),
            ("[1,]", "[1]"),
            ("(1)", "1"),
            ("(1,)", "[1]"),
            ("()", "[]"),
            ("1, 2", "[1, 2]"),
            (r#"{"a": 1, 2: [None]}"#, r#"{"a": 1, "2": [null]}"#),
            ("{}", "{}"),
            ("{1, 2, 1}", "[1, 2]"),
            ("['그룹']", r#"["그룹"]"#),
        ];
        for (text, expected) in rows {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_is_no_literal() {
        let rows = [
            "",
            "0700",
            "yes",
            "FALSE",
            "Truely",
            "foo # x",
            "a=b",
            "10.0.0.1",
            "1 2",
            "1__0",
            "_1",
            "1_",
            "1_.5",
            "0x_",
            "[1",
            "[1 2]",
            "[,]",
            "{1: }",
            "{[1]: 2}",
            "{1, }x",
            "'a",
            "\"a\nb\"",
            "f'a'",
            "1+2j",
            "1j",
            "...",
            "9223372036854775808",
            "2026-1-2",
            "-'a'",
            "lambda: 1",
            "1e",
            "{{ x }}",
            "1.2.3",
            "set()",
        ];
        for text in rows {
            assert_eq!(json(text), "-", "{text}");
        }
        assert_eq!(literal(&"[".repeat(10_000)), None);
        assert_eq!(literal(&"-".repeat(10_000)), None);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in r#"[a\-0-9_.eExXrbu'"\\\[\](){},:# \n가]{0,40}"#) {
            let _ = literal(&text);
        }

        #[test]
        fn reads_what_repr_writes(text in "\\PC*", number: i64, float: f64) {
            let value = Value::from(vec![Value::from(text), Value::Int(number)]);
            proptest::prop_assume!(number != i64::MIN && float.is_finite());
            proptest::prop_assert_eq!(literal(&value.repr()), Some(value));
            proptest::prop_assert_eq!(literal(&format!("{float:?}")), Some(Value::Float(float)));
        }
    }
}
