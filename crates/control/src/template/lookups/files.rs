//! Lookups of files of the controller.

use super::{check_options, directory};
use crate::template::data::Eval;
use crate::template::filters::{self, Args, paths};
use crate::template::{EntryKind, FileOptions, Lookup};
use std::path::{Path, PathBuf};
use words::value::{Map, Value};

/// Blanks at the end go, as with Ansible, unless asked otherwise.
pub(super) fn file_text(args: &Args, text: String) -> String {
    let text = if args.flag(usize::MAX, "lstrip", false) { text.trim_start().to_owned() } else { text };
    if args.flag(usize::MAX, "rstrip", true) { text.trim_end().to_owned() } else { text }
}

/// Where a relative path is searched: in each directory of the search path (the role, the task file, the playbook),
/// each with its `files` or `templates`, then where enlist was started.
fn places(eval: &Eval, kind: &str, name: &str) -> Result<Vec<PathBuf>, String> {
    let name = paths::expand_user(name, &**eval.control())?;
    if Path::new(&name).is_absolute() {
        return Ok(vec![name.into()]);
    }
    let mut roots = search_path(eval);
    roots.push(PathBuf::from("."));
    Ok(roots.iter().flat_map(|root| [root.join(kind).join(&name), root.join(&name)]).collect())
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

fn find(eval: &Eval, kind: &str, name: &str) -> Result<PathBuf, String> {
    let places = places(eval, kind, name)?;
    let searched = || places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ");
    places
        .iter()
        .find(|place| eval.control().entry(place).is_ok())
        .cloned()
        .ok_or_else(|| format!("no file '{name}'; searched {}", searched()))
}

pub(super) fn read(eval: &Eval, kind: &str, name: &str) -> Result<String, String> {
    let path = find(eval, kind, name)?;
    if eval.control().entry(&path).is_ok_and(|entry| entry.kind == EntryKind::Directory) {
        return Err(format!("{} is a directory, and a file is needed", path.display()));
    }
    eval.control().read_text(&path).map_err(|error| format!("{}: {error}", path.display()))
}

pub(super) fn template(args: &Args, eval: &Eval, name: &str) -> Result<Value, String> {
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

pub(super) fn fileglob(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for term in args.all() {
        let places = places(eval, "files", &term.to_string())?;
        let mut found = places.iter().map(|place| paths::glob(&place.to_string_lossy(), &**eval.control()));
        all.extend(found.find(|found| !found.is_empty()).unwrap_or_default());
    }
    Ok(all.into_iter().map(Value::from).collect())
}

/// The first of several files that exists; terms are names, lists of names, or mappings with `files` and `paths`.
pub(super) fn first_found(args: &Args, eval: &Eval) -> Result<Vec<Value>, String> {
    let names = |value: Option<&Value>| match value {
        Some(Value::List(list)) => list.iter().map(Value::to_string).collect(),
        Some(Value::String(text)) => text.split([',', ';', ':']).map(|part| part.trim().to_owned()).collect(),
        _ => Vec::<String>::new(),
    };
    let mut candidates = Vec::new();
    let mut skip = args.flag(usize::MAX, "skip", false);
    let mut terms = Vec::new();
    filters::flatten(args.all().to_vec(), None, &mut terms);
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
        if directories.is_empty() {
            candidates.extend(files)
        } else {
            candidates
                .extend(files.iter().flat_map(|file| directories.iter().map(move |path| format!("{path}/{file}"))))
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

/// `key file=users.csv delimiter=, col=1 default=`: a column of the row whose first field is the key.
pub(super) fn csvfile(args: &Args, eval: &Eval, term: &str) -> Result<Value, String> {
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
pub(super) fn ini(args: &Args, eval: &Eval, term: &str) -> Result<Value, String> {
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
