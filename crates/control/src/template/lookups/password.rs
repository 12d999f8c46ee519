//! `lookup('password')`: made once, then kept in a file of the controller.

use super::{check_options, directory};
use crate::template::data::Eval;
use crate::template::filters::crypt::{crypt, random_salt};
use crate::template::filters::{self, Args, paths};
use std::path::Path;
use words::value::{Map, Value};

/// `path length=20 chars=ascii_letters,digits encrypt=sha512_crypt seed=…`: made once, then kept in the file.
pub(super) fn password(args: &Args, eval: &Eval, term: &str) -> Result<String, String> {
    let mut words = term.split_whitespace();
    let path = words.next().ok_or("needs a path")?.to_owned();
    let mut settings: Map = args.named().clone();
    settings
        .extend(words.filter_map(|word| word.split_once('=')).map(|(key, value)| (key.to_owned(), Value::from(value))));
    check_options("password", &settings)?;
    let setting = |name: &str| settings.get(name).map(Value::to_string);
    let length = setting("length").map_or(Ok(20), |length| length.parse()).map_err(|_| "length must be a number")?;
    let chars = match settings.get("chars") {
        Some(Value::List(sets)) => sets.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        _ => setting("chars").unwrap_or_else(|| "ascii_letters,digits,.,:,-,_".into()),
    };
    let letters = letters(&chars);
    let path = directory(eval, "playbook_dir").unwrap_or_default().join(paths::expand_user(&path));
    let stored = stored_password(&path)?;
    let (plain, salt) = match stored.as_deref().map(str::trim_end) {
        Some(stored) => {
            stored.rsplit_once(" salt=").map_or((stored.to_owned(), None), |(p, s)| (p.to_owned(), Some(s.to_owned())))
        }
        None => (draw(&letters, length, settings.get("seed"))?, None),
    };
    let Some(kind) = setting("encrypt") else {
        keep(&path, &plain, None, stored.is_some())?;
        return Ok(plain);
    };
    let salt_is_kept = salt.is_some();
    let salt = salt.map_or_else(|| random_salt(16), Ok)?;
    keep(&path, &plain, Some(&salt), salt_is_kept)?;
    crypt(&plain, &kind, &salt, None)
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

fn draw(letters: &[char], length: usize, seed: Option<&Value>) -> Result<String, String> {
    if letters.is_empty() {
        return Err("no letters to choose from".into());
    }
    if length > MAX_PASSWORD {
        return Err(format!("a password has at most {MAX_PASSWORD} letters, and {length} are asked for"));
    }
    let mut draw = filters::Draw::new(seed)?;
    (0..length).map(|_| Ok(letters[draw.below(letters.len() as u64)? as usize])).collect()
}

/// What the file holds, if there is one.
fn stored_password(path: &Path) -> Result<Option<String>, String> {
    if path == Path::new("/dev/null") {
        return Ok(None);
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// Writes the file once, for its owner only.
fn keep(path: &Path, plain: &str, salt: Option<&str>, is_kept: bool) -> Result<(), String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if is_kept || path == Path::new("/dev/null") {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
        make_private(directory).map_err(failed)?;
    }
    let salt = salt.map(|salt| format!(" salt={salt}")).unwrap_or_default();
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(format!("{plain}{salt}\n").as_bytes()).map_err(failed)
}

/// A directory for its owner only, and what it lies in.
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(above) = directory.parent() {
        std::fs::create_dir_all(above)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(directory)
}
