//! Splits a host line into words as a POSIX shell would, comments off: Python's `shlex.split(line, comments=True)`.

/// One word and the column (in characters, from 1) where it starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub column: u32,
}

/// Why a line cannot be split, and the column of the quote or backslash at fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclosed {
    pub message: &'static str,
    pub column: u32,
}

/// The words of `line`. A `#` outside quotes ends the line, also within a word.
pub(super) fn split(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut words: Vec<Word> = Vec::new();
    let mut open: Option<Word> = None;
    let mut chars = (1..).zip(line.chars());
    while let Some((column, c)) = chars.next() {
        let mut add = |text: &str| {
            open.get_or_insert_with(|| Word { text: String::new(), column }).text.push_str(text);
        };
        match c {
            '#' => break,
            c if c.is_ascii_whitespace() => words.extend(open.take()),
            '\'' | '"' => add(&quoted(c, column, &mut chars)?),
            '\\' => {
                let message = "a backslash at the end of the line escapes nothing";
                let (_, escaped) = chars.next().ok_or(Unclosed { message, column })?;
                add(escaped.encode_utf8(&mut [0; 4]));
            }
            c => add(c.encode_utf8(&mut [0; 4])),
        }
    }
    words.extend(open);
    Ok(words)
}

/// The text up to the closing quote. Only in double quotes, `\\` and `\"` are escapes.
fn quoted(quote: char, column: u32, chars: &mut impl Iterator<Item = (u32, char)>) -> Result<String, Unclosed> {
    let mut text = String::new();
    let mut escaped = false;
    for (_, c) in chars {
        match c {
            c if escaped => {
                if c != '"' && c != '\\' {
                    text.push('\\');
                }
                text.push(c);
                escaped = false;
            }
            c if c == quote => return Ok(text),
            '\\' if quote == '"' => escaped = true,
            c => text.push(c),
        }
    }
    Err(Unclosed { message: "the quote that opens here is never closed", column })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn as_pythons_shlex() {
        assert_eq!(texts("a b=1  c=2"), ["a", "b=1", "c=2"]);
        assert_eq!(texts("a x='two words' y=\"it's\""), ["a", "x=two words", "y=it's"]);
        assert_eq!(texts("a b#c d"), ["a", "b"]);
        assert_eq!(texts("a 'b#c' d # x"), ["a", "b#c", "d"]);
        assert_eq!(texts("a b\\ c"), ["a", "b c"]);
        assert_eq!(texts(r#"a "b\x\"\\""#), ["a", r#"b\x"\"#]);
        assert_eq!(texts(r"a 'b\'"), ["a", r"b\"]);
        assert_eq!(texts("a ''"), ["a", ""]);
        assert_eq!(texts("# only"), Vec::<String>::new());
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(split("가나 b=1").unwrap()[1].column, 4);
        assert_eq!(split("가 b='x").unwrap_err().column, 5);
        assert_eq!(split("a \\").unwrap_err().column, 3);
    }
}
