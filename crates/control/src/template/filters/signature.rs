//! Which arguments a filter, test or lookup takes, as Python writes it: `value, width`, `*terms, recursive`.

use crate::template::error::did_you_mean;
use words::value::{Map, Value};

/// A signature, read.
struct Signature<'s> {
    /// Taken by position or by name, the input first.
    names: Vec<&'s str>,
    /// Taken by name only.
    named: Vec<&'s str>,
    /// `*rest`: any more by position.
    is_open: bool,
    /// `**rest`: any more by name.
    is_free: bool,
}

impl<'s> Signature<'s> {
    fn read(text: &'s str) -> Signature<'s> {
        let mut signature = Signature { names: Vec::new(), named: Vec::new(), is_open: false, is_free: false };
        let mut by_name = false;
        for word in text.split(',').map(str::trim) {
            if word.starts_with("**") {
                signature.is_free = true;
            } else if word.starts_with('*') {
                by_name = true;
                signature.is_open = word.len() > 1;
            } else if by_name {
                signature.named.push(word);
            } else {
                signature.names.push(word);
            }
        }
        signature
    }
}

/// Whether `count` arguments by position (the input among them) and those by name are what `signature` takes. Fails for
/// one that is not known, one too many, and one that is given twice: nothing is dropped in silence.
pub(super) fn fits<'n>(signature: &str, count: usize, named: impl Iterator<Item = &'n str>) -> Result<(), String> {
    let signature = Signature::read(signature);
    let most = signature.names.len();
    if count > most && !signature.is_open {
        let given = count.saturating_sub(1);
        return Err(format!("takes {} besides its input, and this has {given}", arguments(most.saturating_sub(1))));
    }
    for name in named {
        match signature.names.iter().position(|known| *known == name) {
            Some(index) if index < count => return Err(format!("the argument '{name}' is given twice")),
            None if !signature.is_free && !signature.named.contains(&name) => {
                return Err(unknown(name, &[&signature.names[1.min(most)..], &signature.named].concat()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts arguments that are given by name to their positions; those that are not given before them are null there.
pub(super) fn settle(signature: &str, positional: &mut Vec<Value>, named: &mut Map) -> Result<(), String> {
    fits(signature, positional.len(), named.keys().map(String::as_str))?;
    let names = Signature::read(signature).names;
    let mut slots: Vec<Option<Value>> = positional.drain(..).map(Some).collect();
    for (index, name) in names.iter().enumerate() {
        if let Some(value) = named.shift_remove(*name) {
            slots.resize(slots.len().max(index + 1), None);
            slots[index] = Some(value);
        }
    }
    positional.extend(slots.into_iter().map(Option::unwrap_or_default));
    Ok(())
}

fn arguments(count: usize) -> String {
    match count {
        0 => "no argument".into(),
        1 => "one argument".into(),
        count => format!("at most {count} arguments"),
    }
}

/// What to say of an argument or option that is not among `known`.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    let near = did_you_mean(name, known.iter().map(|name| (*name).to_owned()).collect());
    let hint = near.unwrap_or_else(|| match known {
        [] => "there are none".into(),
        known => format!("there are {}", known.join(", ")),
    });
    format!("there is no argument '{name}'; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(signature: &str, positional: &[i64], named: &[(&str, i64)]) -> Result<String, String> {
        let mut positional: Vec<Value> = positional.iter().map(|number| Value::Int(*number)).collect();
        let mut named: Map = named.iter().map(|(name, number)| ((*name).to_owned(), Value::Int(*number))).collect();
        settle(signature, &mut positional, &mut named)?;
        Ok(format!("{} {}", Value::List(positional), Value::Map(named)))
    }

    #[test]
    fn names_go_to_their_places() {
        assert_eq!(settled("s, width, first", &[1], &[("first", 3)]).as_deref(), Ok("[1, None, 3] {}"));
        assert_eq!(settled("s, width, first", &[1], &[("first", 3), ("width", 2)]).as_deref(), Ok("[1, 2, 3] {}"));
        assert_eq!(settled("*lists, repeat", &[1, 2, 3], &[("repeat", 2)]).as_deref(), Ok("[1, 2, 3] {'repeat': 2}"));
        assert_eq!(settled("v, *args, **named", &[1, 2], &[("x", 2)]).as_deref(), Ok("[1, 2] {'x': 2}"));
    }

    #[test]
    fn what_is_not_taken_is_said() {
        let error =
            |signature, positional: &[i64], named: &[(&str, i64)]| settled(signature, positional, named).unwrap_err();
        assert_eq!(error("s", &[1, 2], &[]), "takes no argument besides its input, and this has 1");
        assert_eq!(error("s, *, b", &[1, 2], &[]), "takes no argument besides its input, and this has 1");
        assert_eq!(error("s, width", &[1, 2], &[("width", 3)]), "the argument 'width' is given twice");
        assert_eq!(
            error("*t, recursive", &[1], &[("recursiv", 1)]),
            "there is no argument 'recursiv'; did you mean 'recursive'?"
        );
        assert_eq!(error("s, width", &[1], &[("nonsense", 1)]), "there is no argument 'nonsense'; there are width");
        assert_eq!(error("s", &[1], &[("nonsense", 1)]), "there is no argument 'nonsense'; there are none");
    }
}
