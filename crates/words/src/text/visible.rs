//! Text as people may see it: what would order a terminal about, turn lines around or hide is written out.
//!
//! Whatever comes from a host, a file or a store can hold such characters, and a plan that erases its own lines is no plan.

use std::borrow::Cow;

/// `text` with every hidden character written out: `\x1b`, `\x9b`, `\u{202e}`. Newlines and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    written(
        text,
        |c| if (c as u32) < 0x100 { format!("\\x{:02x}", c as u32) } else { format!("\\u{{{:x}}}", c as u32) },
    )
}

/// The same for a text of one line: newlines and tabs are written out, too.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    match visible(text) {
        text if text.contains(['\n', '\t']) => Cow::Owned(text.replace('\n', "\\n").replace('\t', "\\t")),
        text => text,
    }
}

/// JSON with every hidden character in JSON's own form, `\u202e`; such characters can only stand inside of strings.
pub fn json(text: &str) -> Cow<'_, str> {
    written(text, |c| {
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

fn written(text: &str, form: impl Fn(char) -> String) -> Cow<'_, str> {
    let Some(first) = hidden_in(text).next() else { return Cow::Borrowed(text) };
    let mut shown = text[..first.0].to_owned();
    let mut done = first.0;
    for (at, c) in hidden_in(text) {
        shown.push_str(&text[done..at]);
        shown.push_str(&form(c));
        done = at + c.len_utf8();
    }
    shown.push_str(&text[done..]);
    Cow::Owned(shown)
}

fn hidden_in(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut before = ' ';
    text.char_indices().filter(move |(_, c)| {
        let joins_symbols = is_joiner(*c) && !before.is_ascii() && !before.is_alphanumeric();
        before = *c;
        is_hidden(*c) && !joins_symbols
    })
}

/// What makes one picture of several, as in 👨‍👩‍👧 and ❤️. Between letters it only hides.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}')
}

/// Whether a character commands a terminal, changes the direction of text, or takes no room.
fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        ' '..='~' => false,
        c if c.is_control() => true,
        // Soft hyphen, grapheme joiner, Hangul and Khmer fillers, Mongolian vowel separator.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' => true,
        '\u{3164}' | '\u{ffa0}' | '\u{feff}' => true,
        // Direction: Arabic mark, marks, embeddings, overrides, isolates. Zero width, line and paragraph separators.
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        // Variation selectors, interlinear annotations, musical controls, tags.
        '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_commands_is_written_out() {
        let cases = [
            ("\u{1b}[2Kgone\u{7f}\u{9b}1A\r", "\\x1b[2Kgone\\x7f\\x9b1A\\x0d"),
            ("abc\u{202e}fdp.\u{2069}", "abc\\u{202e}fdp.\\u{2069}"),
            (
                "ro\u{200b}ot ro\u{200d}ot 길\u{200d}동 a\u{fe0f}",
                "ro\\u{200b}ot ro\\u{200d}ot 길\\u{200d}동 a\\u{fe0f}",
            ),
            ("\u{e0041}\u{3164}\u{feff}\0", "\\u{e0041}\\u{3164}\\u{feff}\\x00"),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn people_s_texts_stay() {
        for text in ["홍길동\n\tDürer ünïcode e\u{301} 日本", "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} 🇰🇷", "C:\\x1b"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        assert_eq!(on_one_line("a\nok: [b]\t\u{7}"), "a\\nok: [b]\\t\\x07");
    }

    #[test]
    fn json_stays_json() {
        let value = serde_json::json!({"a": "\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}\n홍"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let shown = json(&text);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
