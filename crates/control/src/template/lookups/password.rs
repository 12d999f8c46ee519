//! `lookup('password')`: made once, then kept in a file of the control node.

use super::{check_options, directory};
use crate::template::ControlNode;
use crate::template::data::Eval;
use crate::template::filters::crypt::{crypt, random_salt};
use crate::template::filters::{self, Args, paths};
use std::path::{Path, PathBuf};
use words::value::{Map, Value};

/// `path length=20 chars=ascii_letters,digits encrypt=sha512_crypt seed=…`: made once, then kept in the file. In a dry
/// run it is promised: the same one until the end, and in no file.
pub(super) fn password(args: &Args, eval: &Eval, term: &str) -> Result<String, String> {
    let control = &**eval.control();
    let wish = Wish::read(args, eval, term)?;
    let mut secret = Secret::default();
    let mut decide = |stored: Option<&str>| {
        let known = stored.map(Secret::parse);
        secret = wish.secret(known.clone(), control)?;
        Ok((known.as_ref() != Some(&secret)).then(|| secret.line()))
    };
    if wish.path == Path::new("/dev/null") {
        decide(None)?;
    } else {
        control.settle(&wish.path, &mut decide)?;
    }
    match &wish.encrypt {
        Some(kind) => crypt(&secret.plain, kind, secret.salt.as_deref().unwrap_or_default(), None),
        None => Ok(secret.plain),
    }
}

/// What is asked for.
struct Wish {
    path: PathBuf,
    letters: Vec<char>,
    length: usize,
    seed: Option<Value>,
    encrypt: Option<String>,
}

impl Wish {
    fn read(args: &Args, eval: &Eval, term: &str) -> Result<Wish, String> {
        let mut words = term.split_whitespace();
        let path = words.next().ok_or("needs a path")?;
        let mut settings: Map = args.named().clone();
        let pairs = words.filter_map(|word| word.split_once('='));
        settings.extend(pairs.map(|(key, value)| (key.to_owned(), Value::from(value))));
        check_options("password", &settings)?;
        let setting = |name: &str| settings.get(name).map(Value::to_string);
        let length =
            setting("length").map_or(Ok(20), |length| length.parse()).map_err(|_| "length must be a number")?;
        let chars = match settings.get("chars") {
            Some(Value::List(sets)) => sets.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
            _ => setting("chars").unwrap_or_else(|| "ascii_letters,digits,.,:,-,_".into()),
        };
        let path = paths::expand_user(path, &**eval.control())?;
        Ok(Wish {
            path: directory(eval, "playbook_dir").unwrap_or_default().join(path),
            letters: letters(&chars),
            length,
            seed: settings.get("seed").cloned(),
            encrypt: setting("encrypt"),
        })
    }

    /// What is known already, else a new one; a hash needs a salt that is known, too.
    fn secret(&self, known: Option<Secret>, control: &dyn ControlNode) -> Result<Secret, String> {
        let mut secret = match known {
            Some(known) => known,
            None => {
                let plain = draw(&self.letters, self.length, self.seed.as_ref(), control)?;
                Secret { plain, salt: None }
            }
        };
        if self.encrypt.is_some() && secret.salt.is_none() {
            secret.salt = Some(random_salt(16, control)?);
        }
        Ok(secret)
    }
}

/// What the file holds: `password`, or `password salt=…`.
#[derive(Clone, Default, PartialEq, Eq)]
struct Secret {
    plain: String,
    salt: Option<String>,
}

impl Secret {
    fn parse(stored: &str) -> Secret {
        let stored = stored.trim_end();
        match stored.rsplit_once(" salt=") {
            Some((plain, salt)) => Secret { plain: plain.to_owned(), salt: Some(salt.to_owned()) },
            None => Secret { plain: stored.to_owned(), salt: None },
        }
    }

    fn line(&self) -> String {
        let salt = self.salt.as_ref().map(|salt| format!(" salt={salt}")).unwrap_or_default();
        format!("{}{salt}\n", self.plain)
    }
}

fn letters(sets: &str) -> Vec<char> {
    let range = |text: &str| match text {
        "ascii_letters" => ('a'..='z').chain('A'..='Z').collect(),
        "ascii_lowercase" => ('a'..='z').collect(),
        "ascii_uppercase" => ('A'..='Z').collect(),
        "digits" => ('0'..='9').collect(),
        "hexdigits" => "0123456789abcdefABCDEF".chars().collect(),
        "octdigits" => ('0'..='7').collect(),
        "punctuation" => (' '..='~').filter(char::is_ascii_punctuation).collect(),
        other => other.chars().collect::<Vec<char>>(),
    };
    let mut all: Vec<char> = sets.split(',').filter(|set| !set.is_empty()).flat_map(range).collect();
    if sets.contains(",,") {
        all.push(',');
    }
    // As in Ansible, no quotes: shells would read them.
    all.retain(|letter| !matches!(letter, '"' | '\''));
    all
}

/// The longest password that is made.
const MAX_PASSWORD: usize = 100_000;

fn draw(letters: &[char], length: usize, seed: Option<&Value>, control: &dyn ControlNode) -> Result<String, String> {
    if letters.is_empty() {
        return Err("no letters to choose from".into());
    }
    if length > MAX_PASSWORD {
        return Err(format!("a password has at most {MAX_PASSWORD} letters, and {length} are asked for"));
    }
    let mut draw = filters::Draw::new(seed, control)?;
    (0..length).map(|_| Ok(letters[draw.below(letters.len() as u64)? as usize])).collect()
}
