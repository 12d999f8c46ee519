//! One word of a sacctmgr command line: `name`, `key=value`, `key+=value`, `key-=value` (sacctmgr(1), "SPECIFICATIONS").

use std::collections::BTreeSet;
use words::text::hostlist;

/// How a word joins key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Set,
    /// `+=`
    Add,
    /// `-=`
    Remove,
}

/// One word, taken apart at its first `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// As it was typed; errors quote it.
    pub raw: &'a str,
    /// What stands before the operator; the whole word without one.
    pub key: &'a str,
    /// The operator; `None` for a bare word.
    pub operator: Option<Operator>,
    /// What stands after the operator; the whole word without one.
    pub value: &'a str,
}

impl<'a> Word<'a> {
    /// Takes a word apart.
    pub fn parse(raw: &'a str) -> Self {
        let Some((before, value)) = raw.split_once('=') else {
            return Self { raw, key: raw, operator: None, value: raw };
        };
        let (key, operator) = match before.as_bytes().last() {
            Some(b'+') => (&before[..before.len() - 1], Operator::Add),
            Some(b'-') => (&before[..before.len() - 1], Operator::Remove),
            _ => (before, Operator::Set),
        };
        Self { raw, key, operator: Some(operator), value }
    }

    /// Whether the key is a beginning of `name`, in any case, of at least `shortest` letters.
    pub fn is(&self, name: &str, shortest: usize) -> bool {
        begins(self.key, name, shortest)
    }

    /// [`Word::is`] for a word that must stand alone, such as `WithAssoc`.
    pub fn is_bare(&self, name: &str, shortest: usize) -> bool {
        self.operator.is_none() && self.is(name, shortest)
    }
}

/// Whether `typed` abbreviates `name`: a beginning of it in any case, of at least `shortest` letters.
pub fn begins(typed: &str, name: &str, shortest: usize) -> bool {
    typed.len() >= shortest && name.get(..typed.len()).is_some_and(|part| part.eq_ignore_ascii_case(typed))
}

/// A text without the quotes around it; inner quotes become backquotes, as Slurm stores them.
pub fn unquote(text: &str) -> String {
    let (body, quote) = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => (&text[1..], Some(quote)),
        _ => (text, None),
    };
    let end = quote.and_then(|quote| body.find(quote)).unwrap_or(body.len());
    body[..end].replace(['"', '\''], "`")
}

/// [`unquote`], lower-cased (ASCII only, as Slurm does).
pub fn unquote_lower(text: &str) -> String {
    unquote(text).to_ascii_lowercase()
}

/// A comma list of names: quotes off, lower case, bracket ranges expanded, a repeated name moves to the end. `x=` gives
/// one empty name. `None` when a bracket range cannot be read.
pub fn names(text: &str) -> Option<Vec<String>> {
    expanded(&unquote_lower(text))
}

/// [`names`] whose case is kept.
pub fn names_as_written(text: &str) -> Option<Vec<String>> {
    expanded(&unquote(text))
}

fn expanded(text: &str) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for part in hostlist::parts(text).into_iter().filter(|part| !part.is_empty()) {
        found.extend(hostlist::expand(part)?);
    }
    if found.is_empty() {
        found.push(String::new());
    }
    Some(last_of_each(found))
}

/// Without repetitions: a repeated name stands where it came last.
pub fn last_of_each(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let last: Vec<bool> = names.iter().rev().map(|name| seen.insert(name.as_str())).collect();
    names.iter().zip(last.into_iter().rev()).filter(|(_, last)| *last).map(|(name, _)| name.clone()).collect()
}

/// Splits words into conditions and settings, as `where` and `set` switch between them.
pub fn split<'a>(words: &'a [Word<'a>]) -> (Vec<&'a Word<'a>>, Vec<&'a Word<'a>>) {
    let (mut conditions, mut settings) = (Vec::new(), Vec::new());
    let mut setting = false;
    for word in words {
        match (word.is_bare("Where", 5), word.is_bare("Set", 3)) {
            (true, _) => setting = false,
            (_, true) => setting = true,
            _ if setting => settings.push(word),
            _ => conditions.push(word),
        }
    }
    (conditions, settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let word = Word::parse("QOS+=high=x");
        assert_eq!((word.key, word.operator, word.value), ("QOS", Some(Operator::Add), "high=x"));
        assert!(Word::parse("maxj=1").is("MaxJobs", 4));
        assert!(!Word::parse("max=1").is("MaxJobs", 4));
        assert!(!Word::parse("maxjobsx=1").is("MaxJobs", 4));
        assert!(!Word::parse("withassoc=1").is_bare("WithAssoc", 5));
        assert!(!Word::parse("é").is("Names", 1), "no panic inside a character");
    }

    #[test]
    fn lists() {
        assert_eq!(names("B,a,B").unwrap(), ["a", "b"]);
        assert_eq!(names("'x y',z").unwrap(), ["x y"], "what follows the closing quote is dropped, as in Slurm");
        assert_eq!(names("u[1-2,4],v").unwrap(), ["u1", "u2", "u4", "v"]);
        assert_eq!(names(",,").unwrap(), [""]);
        assert_eq!(names("u[1-").map(|_| ()), None);
        assert_eq!(unquote("\"It's\""), "It`s");
    }
}
