//! Lookups: what `lookup` and `query` read on the controller.

use super::data::Eval;
use super::filters::crypt::{crypt, random_salt};
use super::filters::{Args, paths};
use super::{FileOptions, Lookup, TemplateError};
use crate::value::{Map, Value};
use std::path::{Path, PathBuf};

/// The names that [`run`] knows.
pub(super) const NAMES: &[&str] = &[
    "cartesian",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "first_found",
    "flattened",
    "indexed_items",
    "ini",
    "items",
    "lines",
    "list",
    "nested",
    "password",
    "pipe",
    "random_choice",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "varnames",
    "vars",
];

type Found = Result<Vec<Value>, TemplateError>;

/// The options of each lookup, beside `wantlist` and `errors`.
const OPTIONS: &[(&str, &[&str])] = &[
    ("env", &["default"]),
    ("file", &["lstrip", "rstrip"]),
    ("template", &["template_vars", "trim_blocks", "lstrip_blocks"]),
    ("vars", &["default"]),
    ("password", &["length", "chars", "encrypt", "seed"]),
    ("first_found", &["files", "paths", "skip"]),
    ("sequence", &["start", "end", "stride", "count", "format"]),
    ("csvfile", &["file", "delimiter", "col", "default"]),
    ("ini", &["file", "section", "type", "default"]),
];

/// Fails for options that the lookup does not have.
fn check_options(short: &str, given: &Map) -> Result<(), String> {
    let own = OPTIONS.iter().find(|(name, _)| *name == short).map_or(&[] as &[&str], |(_, own)| own);
    let known = |name: &&String| own.contains(&name.as_str()) || matches!(name.as_str(), "wantlist" | "errors");
    match given.keys().find(|name| !known(name)) {
        Some(name) => Err(super::filters::signature::unknown(name, own)),
        None => Ok(()),
    }
}

/// Runs the lookup `name`, with or without `ansible.builtin.` before it.
pub(super) fn run(name: &str, args: &Args, eval: &Eval) -> Found {
    let short = name.strip_prefix("ansible.builtin.").or(name.strip_prefix("ansible.legacy.")).unwrap_or(name);
    let found = check_options(short, args.named()).and_then(|()| find_all(name, short, args, eval));
    found.map_err(|message| TemplateError::failed(format!("lookup '{short}': {message}")))
}

fn find_all(name: &str, short: &str, args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    match short {
        "env" => each(args, |name| Ok(env(args, name))),
        "file" => each(args, |name| read(eval, "files", name).map(|text| file_text(args, text).into())),
        "unvault" => each(args, |name| read(eval, "files", name).map(Value::from)),
        "template" => each(args, |name| template(args, eval, name)),
        "pipe" => each(args, |command| pipe(command, eval).map(Value::from)),
        "lines" => lines(args, eval),
        "vars" => each(args, |name| variable(args, eval, name)),
        "varnames" => varnames(args, eval),
        "password" => each(args, |term| password(args, eval, term).map(Value::from)),
        "first_found" => first_found(args, eval),
        "fileglob" => fileglob(args, eval),
        "dict" => dict(args),
        "items" | "flattened" => Ok(opened(args, if short == "items" { Some(1) } else { None })),
        "list" => Ok(args.all().to_vec()),
        "indexed_items" => {
            let items = opened(args, Some(1)).into_iter().enumerate();
            Ok(items.map(|(index, item)| vec![Value::Int(index as i64), item].into()).collect())
        }
        "together" => super::filters::call_filter("zip_longest", args.all()),
        "nested" | "cartesian" => super::filters::call_filter("product", args.all()),
        "subelements" => subelements(args),
        "sequence" => sequence(args),
        "random_choice" => {
            super::filters::call_filter("random", args.all()).map(|found| found.into_iter().take(1).collect())
        }
        "csvfile" => each(args, |key| csvfile(args, eval, key)),
        "ini" => each(args, |key| ini(args, eval, key)),
        "inventory_hostnames" | "url" | "config" => Err(format!("the lookup '{short}' is not supported yet")),
        _ => Err(format!("there is no lookup '{name}'")),
    }
}

/// As the filter, but the first of each pair comes without the list that the second is of.
fn subelements(args: &Args) -> Result<Vec<Value>, String> {
    let mut pairs = super::filters::call_filter("subelements", args.all())?;
    let way: Vec<String> = match args.all().get(1) {
        Some(Value::List(keys)) => keys.iter().map(Value::to_string).collect(),
        Some(keys) => keys.to_string().split('.').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    for pair in &mut pairs {
        if let Value::List(pair) = pair
            && let Some(first) = pair.first_mut()
        {
            remove(first, &way);
        }
    }
    Ok(pairs)
}

fn remove(from: &mut Value, way: &[String]) {
    match (from, way) {
        (Value::Map(map), [last]) => drop(map.shift_remove(last)),
        (Value::Map(map), [key, rest @ ..]) => map.get_mut(key).into_iter().for_each(|inner| remove(inner, rest)),
        _ => {}
    }
}

fn each(args: &Args, one: impl Fn(&str) -> Result<Value, String>) -> Result<Vec<Value>, String> {
    args.all().iter().map(|term| one(&term.to_string())).collect()
}

fn opened(args: &Args, levels: Option<i64>) -> Vec<Value> {
    let mut out = Vec::new();
    super::filters::flatten(args.all().to_vec(), levels, &mut out);
    out
}

fn env(args: &Args, name: &str) -> Value {
    let default = || args.named().get("default").cloned().unwrap_or_else(|| Value::from(""));
    std::env::var(name).map_or_else(|_| default(), Value::from)
}

/// Blanks at the end go, as with Ansible, unless asked otherwise.
fn file_text(args: &Args, text: String) -> String {
    let text = if args.flag(usize::MAX, "lstrip", false) { text.trim_start().to_owned() } else { text };
    if args.flag(usize::MAX, "rstrip", true) { text.trim_end().to_owned() } else { text }
}

/// Where a relative path is searched: in each directory of the search path (the role, the task file, the playbook),
/// each with its `files` or `templates`, then where enlist was started.
fn places(eval: &Eval, kind: &str, name: &str) -> Vec<PathBuf> {
    let name = paths::expand_user(name);
    if Path::new(&name).is_absolute() {
        return vec![name.into()];
    }
    let mut roots = search_path(eval);
    roots.push(PathBuf::from("."));
    roots.iter().flat_map(|root| [root.join(kind).join(&name), root.join(&name)]).collect()
}

fn search_path(eval: &Eval) -> Vec<PathBuf> {
    let said = match eval.scope.lookup("ansible_search_path") {
        Some(Lookup::Data(value) | Lookup::Trusted(value)) => value.as_list().map(<[Value]>::to_vec),
        _ => None,
    };
    match said {
        Some(said) => said.iter().map(|path| PathBuf::from(path.to_string())).collect(),
        None => ["role_path", "playbook_dir"].into_iter().filter_map(|name| directory(eval, name)).collect(),
    }
}

fn directory(eval: &Eval, variable: &str) -> Option<PathBuf> {
    match eval.scope.lookup(variable)? {
        Lookup::Data(value) | Lookup::Trusted(value) => value.as_str().map(PathBuf::from),
        Lookup::Scope(_) => None,
    }
}

fn find(eval: &Eval, kind: &str, name: &str) -> Result<PathBuf, String> {
    let places = places(eval, kind, name);
    let searched = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    places
        .iter()
        .find(|place| place.exists())
        .cloned()
        .ok_or_else(|| format!("no file '{name}'; searched {}", searched()))
}

fn read(eval: &Eval, kind: &str, name: &str) -> Result<String, String> {
    let path = find(eval, kind, name)?;
    if path.is_dir() {
        return Err(format!("{} is a directory, and a file is needed", path.display()));
    }
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

fn template(args: &Args, eval: &Eval, name: &str) -> Result<Value, String> {
    let path = find(eval, "templates", name)?;
    let text = read(eval, "templates", name)?;
    let mut options = FileOptions::default();
    options.trim_blocks = args.flag(usize::MAX, "trim_blocks", options.trim_blocks);
    options.lstrip_blocks = args.flag(usize::MAX, "lstrip_blocks", options.lstrip_blocks);
    let inner = match args.named().get("template_vars") {
        Some(Value::Map(vars)) => eval.with_data(vars.clone()),
        Some(other) => return Err(format!("template_vars must be a mapping, not {}", other.type_name())),
        None => eval.clone(),
    };
    inner.render_file(&path.to_string_lossy(), &text, &options).map(Value::from).map_err(|error| error.to_string())
}

/// What a command of the controller prints, run in the playbook's directory.
fn shell(command: &str, eval: &Eval) -> Result<String, String> {
    let mut program = std::process::Command::new("/bin/sh");
    if let Some(directory) = directory(eval, "playbook_dir") {
        program.current_dir(directory);
    }
    let output = program.arg("-c").arg(command).output();
    let output = output.map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            Err(format!("`{command}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}

fn pipe(command: &str, eval: &Eval) -> Result<String, String> {
    shell(command, eval).map(|output| output.trim_end().to_owned())
}

fn lines(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let outputs = args.all().iter().map(|command| shell(&command.to_string(), eval)).collect::<Result<Vec<_>, _>>()?;
    Ok(outputs.iter().flat_map(|output| output.lines()).map(Value::from).collect())
}

fn variable(args: &Args, eval: &Eval, name: &str) -> Result<Value, String> {
    match eval.value_of(name) {
        Some(value) => value.map_err(|error| error.to_string()),
        None => args.named().get("default").cloned().ok_or_else(|| format!("no variable found with this name: {name}")),
    }
}

fn varnames(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let names = eval.scope.names();
    let mut found = Vec::new();
    for term in args.all() {
        let regex = crate::text::python_re::compile(&term.to_string(), false, false)?;
        found.extend(
            names.iter().filter(|name| regex.is_match(name.as_str()).unwrap_or(false)).map(|n| Value::from(n.as_str())),
        );
    }
    Ok(found)
}

fn dict(args: &Args) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for term in args.all() {
        let map = term.as_map().ok_or_else(|| format!("needs mappings, not {}", term.type_name()))?;
        let pair = |(key, value): (&String, &Value)| {
            Value::from_iter([("key", key.as_str().into()), ("value", value.clone())])
        };
        found.extend(map.iter().map(pair));
    }
    Ok(found)
}

fn fileglob(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let one = |term: &Value| {
        let found =
            places(eval, "files", &term.to_string()).into_iter().map(|place| paths::glob(&place.to_string_lossy()));
        found.into_iter().find(|found| !found.is_empty()).unwrap_or_default()
    };
    Ok(args.all().iter().flat_map(one).map(Value::from).collect())
}

/// The first of several files that exists; terms are names, lists of names, or mappings with `files` and `paths`.
fn first_found(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let names = |value: Option<&Value>| match value {
        Some(Value::List(list)) => list.iter().map(Value::to_string).collect(),
        Some(Value::String(text)) => text.split([',', ';', ':']).map(|part| part.trim().to_owned()).collect(),
        _ => Vec::<String>::new(),
    };
    let mut candidates = Vec::new();
    let mut skip = args.flag(usize::MAX, "skip", false);
    let mut terms = Vec::new();
    super::filters::flatten(args.all().to_vec(), None, &mut terms);
    if !args.named().is_empty() {
        terms.push(Value::Map(args.named().clone()));
    }
    for term in &terms {
        let Value::Map(map) = term else {
            candidates.push(term.to_string());
            continue;
        };
        skip |= map.get("skip").is_some_and(Value::is_truthy);
        let (files, directories) = (names(map.get("files")), names(map.get("paths")));
        match directories.is_empty() {
            true => candidates.extend(files),
            false => candidates
                .extend(files.iter().flat_map(|file| directories.iter().map(move |path| format!("{path}/{file}")))),
        }
    }
    let kinds = ["templates", "files", "vars", "tasks"];
    let found = candidates.iter().find_map(|name| kinds.iter().find_map(|kind| find(eval, kind, name).ok()));
    match found {
        Some(path) => Ok(vec![paths::normal(&path.to_string_lossy()).into()]),
        None if skip => Ok(Vec::new()),
        None => Err(format!("no file was found; searched {}", candidates.join(", "))),
    }
}

/// `start=1 end=5 stride=2 count=3 format=web%02d`, as one text or as named arguments, or `1-5/2:format`.
fn sequence(args: &Args) -> Result<Vec<Value>, String> {
    let mut settings: Map = args.named().clone();
    for term in args.all() {
        let text = term.to_string();
        if !text.contains('=') {
            shorthand(&text, &mut settings)?;
        }
        for (key, value) in text.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            settings.insert(key.to_owned(), value.into());
        }
    }
    check_options("sequence", &settings)?;
    let number = |name: &str| settings.get(name).map(|value| whole(&value.to_string())).transpose();
    let (start, stride) = (number("start")?.unwrap_or(1), number("stride")?.unwrap_or(1));
    let numbers = match (number("end")?, number("count")?) {
        (Some(end), None) => up_to(start, end, stride)?,
        (None, Some(count)) => counted(start, count, stride)?,
        _ => return Err("give either end or count".into()),
    };
    let format = settings.get("format").map_or("%d".to_owned(), Value::to_string);
    let one = |number| super::filters::call_filter("format", &[format.as_str().into(), Value::Int(number)]);
    let made = numbers.into_iter().map(one).collect::<Result<Vec<_>, _>>()?;
    Ok(made.into_iter().flatten().collect())
}

/// The most numbers that a sequence makes.
const MAX_SEQUENCE: i128 = 1_000_000;

/// From `start` up or down to `end`; none for a stride of 0.
fn up_to(start: i64, end: i64, stride: i64) -> Result<Vec<i64>, String> {
    if stride > 0 && end < start {
        return Err("to count backwards make stride negative".into());
    }
    if stride < 0 && end > start {
        return Err("to count forward don't make stride negative".into());
    }
    if stride == 0 {
        return Ok(Vec::new());
    }
    let span = i128::from(end) - i128::from(start);
    steps(start, span / i128::from(stride) + 1, stride)
}

fn counted(start: i64, count: i64, stride: i64) -> Result<Vec<i64>, String> {
    if count < 0 {
        return Err("count must not be negative".into());
    }
    steps(start, if stride == 0 { 0 } else { count.into() }, stride)
}

fn steps(start: i64, count: i128, stride: i64) -> Result<Vec<i64>, String> {
    if count > MAX_SEQUENCE {
        return Err("more than a million numbers".into());
    }
    let number = |index| i64::try_from(i128::from(start) + index * i128::from(stride));
    (0..count).map(|index| number(index).map_err(|_| "the numbers are too large".into())).collect()
}

fn shorthand(text: &str, settings: &mut Map) -> Result<(), String> {
    let (range, format) = text.split_once(':').map_or((text, None), |(range, format)| (range, Some(format)));
    let (range, stride) = range.split_once('/').map_or((range, None), |(range, stride)| (range, Some(stride)));
    let (start, end) = match range.find('-').filter(|at| *at > 0) {
        Some(at) => (Some(&range[..at]), &range[at + 1..]),
        None => (None, range),
    };
    whole(end)?;
    for (name, value) in [("start", start), ("end", Some(end)), ("stride", stride), ("format", format)] {
        if let Some(value) = value {
            settings.insert(name.to_owned(), value.into());
        }
    }
    Ok(())
}

/// Decimal, or with `0x`, `0o` or a leading zero.
fn whole(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => i64::from_str_radix(text.trim_start_matches(['0', 'o']), 8),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("'{text}' is no integer"))
}

/// `path length=20 chars=ascii_letters,digits encrypt=sha512_crypt seed=…`: made once, then kept in the file.
fn password(args: &Args, eval: &Eval, term: &str) -> Result<String, String> {
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
    let mut draw = super::filters::Draw::new(seed)?;
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
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let salt = salt.map(|salt| format!(" salt={salt}")).unwrap_or_default();
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(format!("{plain}{salt}\n").as_bytes()).map_err(failed)
}

/// `key file=users.csv delimiter=, col=1 default=`: a column of the row whose first field is the key.
fn csvfile(args: &Args, eval: &Eval, term: &str) -> Result<Value, String> {
    let settings = inline(args, term);
    check_options("csvfile", &settings.1)?;
    let setting = |name: &str, default: &str| settings.1.get(name).map_or(default.to_owned(), Value::to_string);
    let delimiter = match setting("delimiter", "TAB").as_str() {
        "TAB" | "t" | "\\t" => "\t".to_owned(),
        other => other.to_owned(),
    };
    let column: usize = setting("col", "1").parse().map_err(|_| "col must be a number")?;
    let text = read(eval, "files", &setting("file", "ansible.csv"))?;
    let mut rows = text.lines().map(|line| line.split(delimiter.as_str()).collect::<Vec<_>>());
    let row = rows.find(|row| row.first().is_some_and(|key| key.trim_matches('"') == settings.0));
    match row.and_then(|row| row.get(column).map(|field| field.trim_matches('"').to_owned())) {
        Some(field) => Ok(field.into()),
        None => settings.1.get("default").cloned().ok_or_else(|| format!("no row with the key '{}'", settings.0)),
    }
}

/// `key section=global file=ansible.ini type=ini default=`.
fn ini(args: &Args, eval: &Eval, term: &str) -> Result<Value, String> {
    let (key, settings) = inline(args, term);
    check_options("ini", &settings)?;
    let setting = |name: &str, default: &str| settings.get(name).map_or(default.to_owned(), Value::to_string);
    let text = read(eval, "files", &setting("file", "ansible.ini"))?;
    let properties = setting("type", "ini") == "properties";
    let (wanted, mut section) = (setting("section", "global"), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, value)) = line.split_once(['=', ':'])
            && (properties || section == wanted)
            && name.trim().eq_ignore_ascii_case(&key)
        {
            return Ok(value.trim().into());
        }
    }
    Ok(settings.get("default").cloned().unwrap_or_else(|| Value::from("")))
}

/// A term with settings in it (`key file=x`), and the named arguments.
fn inline(args: &Args, term: &str) -> (String, Map) {
    let mut settings = args.named().clone();
    let mut key = Vec::new();
    for word in term.split_whitespace() {
        match word.split_once('=') {
            Some((name, value)) => drop(settings.insert(name.to_owned(), value.into())),
            None => key.push(word),
        }
    }
    (key.join(" "), settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::MapScope;

    #[test]
    fn every_name_is_known() {
        let eval = Eval::new(&MapScope::data(Map::new()));
        for name in NAMES {
            let found = run(name, &Args::default(), &eval).map_err(|error| error.to_string());
            assert!(!found.is_err_and(|error| error.contains("there is no lookup")), "{name}");
        }
    }
}
