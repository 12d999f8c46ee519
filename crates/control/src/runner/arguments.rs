//! From what a playbook writes for a module to named arguments, still as templates.

use crate::playbook::model::{Action, Argument, Expr};
use host::parameters::Spec;
use words::diag::Diagnostic;
use words::value::python;

/// Parameters that free-form commands accept as `key=value` words beside the command itself.
const COMMAND_WORDS: &[&str] = &["creates", "removes", "chdir", "executable", "stdin", "strip_empty_ends"];

/// A task's arguments.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// By name.
    pub named: Vec<Argument>,
    /// A template that yields more of them, which those by name win over.
    pub all: Option<Expr>,
}

/// The arguments of `action`. Free-form text goes to the module's free-form parameter; where the module has none it is
/// one template of all arguments, or is read as `k=v` words.
pub fn named(action: &Action, spec: &Spec) -> Result<Arguments, Diagnostic> {
    let all = action.more_args.clone();
    let Some(text) = &action.free_form else { return Ok(Arguments { named: action.args.clone(), all }) };
    let written = text.value.to_string();
    if spec.free_form.is_none() && is_one_template(&written) {
        return Ok(Arguments { named: action.args.clone(), all: Some(text.clone()) });
    }
    let argument = |name: &str, value: &str| Argument {
        name: name.to_owned(),
        place: text.place.clone(),
        value: Expr::text(value, &text.place),
    };
    let mut args: Vec<Argument> = Vec::new();
    match spec.free_form {
        Some(parameter) => {
            let is_word = |name: &str| match spec.name {
                "command" | "shell" => COMMAND_WORDS.contains(&name),
                _ => spec.param(name).is_some(),
            };
            let (command, words) = free_words(&written, is_word);
            args.extend((!command.is_empty()).then(|| argument(parameter, &command)));
            args.extend(words.iter().map(|(name, value)| argument(name, value)));
        }
        None => {
            for word in split_words(&written) {
                let Some((name, value)) = key_value(&word) else {
                    let message = format!("`{word}` is no `parameter=value` for the module `{}`", spec.name);
                    return Err(Diagnostic::input(&text.place, message));
                };
                args.push(argument(&name, &value));
            }
        }
    }
    args.extend(action.args.iter().cloned());
    Ok(Arguments { named: args, all })
}

/// `k=v` words of `set_fact` and extra variables.
pub fn key_values(text: &str) -> Option<Vec<(String, String)>> {
    split_words(text).iter().map(|word| key_value(word)).collect()
}

/// One word as name and value. As in Ansible, escapes are read first, then the quotes around the value go.
fn key_value(word: &str) -> Option<(String, String)> {
    let word = without_escapes(word);
    // A `=` at the very start, or after a backslash, is no sign.
    let is_sign = |at: &usize| *at > 0 && word.as_bytes()[at - 1] != b'\\';
    let at = word.match_indices('=').map(|(at, _)| at).find(is_sign)?;
    Some((word[..at].trim().to_owned(), unquote(word[at + 1..].trim()).to_owned()))
}

/// Python's escapes `\n \t \" \' \\ \xNN \uNNNN …` as what they stand for; every other backslash stays.
fn without_escapes(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        let known = escape.starts_with(['\\', '\'', '"', 'a', 'b', 'f', 'n', 'r', 't', 'v', 'x', 'u', 'U']);
        match Some(escape).filter(|_| known).and_then(|escape| python::unescape(escape, &mut out)) {
            Some(after) => rest = after,
            None => {
                out.push('\\');
                rest = escape;
            }
        }
    }
    out + rest
}

/// Whether the text is one `{{ … }}` and nothing else.
fn is_one_template(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("{{") && text.ends_with("}}") && text[2..text.len() - 2].find("}}").is_none()
}

/// Takes `name=value` words with a name that `is_word` out of a free-form text; all else stays as it was written.
fn free_words(text: &str, is_word: impl Fn(&str) -> bool) -> (String, Vec<(String, String)>) {
    let mut words = Vec::new();
    let mut kept = Vec::new();
    for word in split_words(text) {
        match key_value(&word).filter(|(name, _)| is_word(name)) {
            Some(known) => words.push(known),
            None => kept.push(word),
        }
    }
    if words.is_empty() { (text.to_owned(), words) } else { (kept.join(" "), words) }
}

/// Splits at blanks, keeping quoted text and `{{ … }}` together, quotes included.
fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut depth, mut previous) = (None, 0_usize, ' ');
    for c in text.chars() {
        match (c, quote) {
            ('{', _) if previous == '{' => depth += 1,
            ('}', _) if previous == '}' => depth = depth.saturating_sub(1),
            ('\'' | '"', None) if depth == 0 => quote = Some(c),
            (c, Some(open)) if c == open && depth == 0 && previous != '\\' => quote = None,
            _ => {}
        }
        if c.is_whitespace() && quote.is_none() && depth == 0 {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(c);
        }
        previous = c;
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Without the quotes around it; a last one that has a backslash before it is no quote.
fn unquote(text: &str) -> &str {
    let quoted = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    let inner = quoted('"').or_else(|| quoted('\''));
    inner.filter(|inner| !inner.ends_with('\\')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_quotes_and_templates() {
        assert_eq!(
            key_values(r#"name={{ user | default("a b") }} comment="AI team" uid=5"#).unwrap(),
            [("name", r#"{{ user | default("a b") }}"#), ("comment", "AI team"), ("uid", "5")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
        assert_eq!(key_values("novalue"), None);
    }

    #[test]
    fn one_template_is_all_arguments() {
        assert!(is_one_template(" {{ base | combine(item, recursive=true) }}"));
        for text in ["name={{ x }}", "{{ a }} {{ b }}", "{{ x }} state=present", "{{"] {
            assert!(!is_one_template(text), "{text}");
        }
    }

    #[test]
    fn escapes_are_pythons() {
        let value = |text: &str| key_values(text).unwrap().remove(0).1;
        assert_eq!(value(r#"content="one\ntwo\n""#), "one\ntwo\n");
        assert_eq!(value(r#"key_options="no-pty,from=\"10.0.0.0/8\"""#), r#"no-pty,from="10.0.0.0/8""#);
        assert_eq!(value(r"msg={{ 'a.b' | regex_replace('\\.', '-') }}"), r"{{ 'a.b' | regex_replace('\.', '-') }}");
        assert_eq!(value(r"re=^\d+\.\w\x4"), r"^\d+\.\w\x4");
        assert_eq!(value(r"line='\tA\x41\u00e9'"), "\tAAé");
        assert_eq!(value(r"a\=b=c"), "c");
        assert_eq!(
            free_words(r"printf 'a\n' creates=/x\ty", |name| name == "creates"),
            (r"printf 'a\n'".into(), vec![("creates".into(), "/x\ty".into())])
        );
    }

    #[test]
    fn a_command_keeps_its_text_unless_words_are_taken_out() {
        let words = |text| free_words(text, |name| COMMAND_WORDS.contains(&name));
        assert_eq!(words("echo  'a  b'"), ("echo  'a  b'".into(), vec![]));
        assert_eq!(words("make creates=/x all"), ("make all".into(), vec![("creates".into(), "/x".into())]));
        assert_eq!(words("chdir=/x").0, "");
    }
}
