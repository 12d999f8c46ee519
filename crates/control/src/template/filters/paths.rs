//! Paths as texts, and what the controller has under them.

use super::{Args, Reaching, Table};
use crate::template::{ControlNode, EntryKind};
use std::path::{Path, PathBuf};
use words::text::login_name::LoginName;
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("basename", "value", |args| Ok(split(&args.text()).1.into())),
    ("dirname", "value", |args| Ok(split(&args.text()).0.into())),
    ("splitext", "value", |args| Ok(splitext(&args.text()))),
    ("path_join", "value", path_join),
    ("normpath", "value", |args| Ok(normal(&args.text()).into())),
    ("commonpath", "value", commonpath),
    ("win_basename", "value", |args| Ok(args.text().rsplit(['\\', '/']).next().unwrap_or_default().into())),
    ("win_dirname", "value", |args| Ok(win_dirname(&args.text()).into())),
    ("win_splitdrive", "value", |args| Ok(win_splitdrive(&args.text()))),
];

pub(super) const REACHING_FILTERS: Reaching = &[
    ("realpath", "value", |args, control| Ok(real(&args.text(), control)?.into())),
    ("relpath", "path, start", relpath),
    ("expanduser", "value", |args, control| Ok(expand_user(&args.text(), control)?.into())),
    ("expandvars", "value", |args, control| Ok(expand_vars(&args.text(), control).into())),
    ("fileglob", "value", |args, control| Ok(Value::List(globbed(&args.text(), control)))),
];

pub(super) const TESTS: Table = &[
    ("abs", "value", |args| Ok(path(args).is_absolute().into())),
    ("is_abs", "value", |args| Ok(path(args).is_absolute().into())),
];

pub(super) const REACHING_TESTS: Reaching = &[
    ("file", "value", |args, control| Ok(is_file(&path(args), control).into())),
    ("is_file", "value", |args, control| Ok(is_file(&path(args), control).into())),
    ("directory", "value", is_directory),
    ("is_dir", "value", is_directory),
    ("link", "value", is_link),
    ("is_link", "value", is_link),
    ("exists", "value", |args, control| Ok(control.entry(&path(args)).is_ok().into())),
    ("link_exists", "value", |args, control| Ok(control.entry_or_link(&path(args)).is_ok().into())),
    ("same_file", "value, path", same_file),
    ("is_same_file", "value, path", same_file),
    ("mount", "value", |args, control| Ok(is_mount(&path(args), control).into())),
    ("is_mount", "value", |args, control| Ok(is_mount(&path(args), control).into())),
];

fn path(args: &Args) -> PathBuf {
    PathBuf::from(args.text())
}

/// Whether a path leads to a regular file; one that cannot be looked at does not.
fn is_file(path: &Path, control: &dyn ControlNode) -> bool {
    control.entry(path).is_ok_and(|entry| entry.kind == EntryKind::File)
}

fn is_directory(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    Ok(control.entry(&path(args)).is_ok_and(|entry| entry.kind == EntryKind::Directory).into())
}

fn is_link(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    Ok(control.entry_or_link(&path(args)).is_ok_and(|entry| entry.kind == EntryKind::Link).into())
}

/// As Python's `os.path.split`.
fn split(path: &str) -> (String, String) {
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }.to_owned(), tail.to_owned())
}

fn splitext(path: &str) -> Value {
    let name_at = path.rfind('/').map_or(0, |at| at + 1);
    let name = &path[name_at..];
    let dot = name.rfind('.').filter(|dot| name[..*dot].contains(|c| c != '.'));
    let (root, extension) = path.split_at(dot.map_or(path.len(), |dot| name_at + dot));
    Value::List(vec![root.into(), extension.into()])
}

fn path_join(args: &Args) -> Result<Value, String> {
    let parts = match args.input() {
        Value::String(text) => return Ok(text.clone().into()),
        Value::List(parts) => parts,
        other => return Err(format!("expects a text or list, got {} instead", other.type_name())),
    };
    let join = |path: String, part: &Value| match part.to_string() {
        part if part.starts_with('/') || path.is_empty() => part,
        part if path.ends_with('/') => path + &part,
        part => path + "/" + &part,
    };
    Ok(parts.iter().fold(String::new(), join).into())
}

/// As `os.path.normpath`: `.` and doubled slashes dropped, `..` applied.
pub(crate) fn normal(path: &str) -> String {
    let slashes =
        if path.starts_with("//") && !path.starts_with("///") { 2 } else { usize::from(path.starts_with('/')) };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if slashes > 0 && parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    match "/".repeat(slashes) + &parts.join("/") {
        empty if empty.is_empty() => ".".into(),
        path => path,
    }
}

fn absolute(path: &str, control: &dyn ControlNode) -> Result<String, String> {
    if path.is_empty() {
        return Err("the path is empty".into());
    }
    if path.starts_with('/') {
        return Ok(normal(path));
    }
    let start = control.directory().map_err(|error| format!("{path}: {error}"))?;
    Ok(normal(&start.join(path).to_string_lossy()))
}

/// Links resolved as far as the path exists.
fn real(path: &str, control: &dyn ControlNode) -> Result<String, String> {
    let full = absolute(path, control)?;
    let ancestors = Path::new(&full).ancestors();
    let known = ancestors
        .into_iter()
        .find_map(|part| Some((control.resolved(part).ok()?, Path::new(&full).strip_prefix(part).ok()?)));
    Ok(known.map_or(full.clone(), |(real, rest)| normal(&real.join(rest).to_string_lossy())))
}

fn relpath(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let (path, start) = (absolute(&args.text(), control)?, absolute(&args.string_or(1, "start", "."), control)?);
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let common = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), start.len() - common);
    let relative = up.chain(path[common..].iter().cloned()).collect::<Vec<_>>().join("/");
    Ok(if relative.is_empty() { ".".into() } else { relative.into() })
}

fn commonpath(args: &Args) -> Result<Value, String> {
    let paths: Vec<String> = args.items()?.iter().map(Value::to_string).collect();
    let absolute = paths.first().ok_or("needs at least one path")?.starts_with('/');
    if paths.iter().any(|path| path.starts_with('/') != absolute) {
        return Err("can't mix absolute and relative paths".into());
    }
    let parts =
        |path: &str| path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect::<Vec<_>>();
    let mut common = parts(&paths[0]);
    for path in &paths[1..] {
        let same = common.iter().zip(parts(path)).take_while(|(a, b)| *a == b).count();
        common.truncate(same);
    }
    Ok(format!("{}{}", if absolute { "/" } else { "" }, common.join("/")).into())
}

/// `~` and `~user` at the start; nobody's home stays as it is. Fails if the users cannot be asked.
pub(crate) fn expand_user(path: &str, control: &dyn ControlNode) -> Result<String, String> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.to_owned()) };
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = if user.is_empty() { control.variable("HOME") } else { home_of(user, control)? };
    Ok(home.map_or(path.to_owned(), |home| format!("{}{rest}", home.trim_end_matches('/'))))
}

/// The home of a user. Templates may ask with any text, so only what could be a name is looked up.
fn home_of(user: &str, control: &dyn ControlNode) -> Result<Option<String>, String> {
    let Some(name) = LoginName::parse(user) else { return Ok(None) };
    control.home_of(&name).map_err(|error| format!("the user '{user}' cannot be looked up: {error}"))
}

/// `$NAME` and `${NAME}`; unknown ones stay.
fn expand_vars(path: &str, control: &dyn ControlNode) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, length) = match after.strip_prefix('{').and_then(|name| name.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match control.variable(name).filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[at..at + 1 + length]),
        }
        rest = &after[length..];
    }
    out + rest
}

fn win_dirname(path: &str) -> &str {
    let head = &path[..path.rfind(['\\', '/']).map_or(0, |at| at + 1)];
    match head.trim_end_matches(['\\', '/']) {
        "" => head,
        drive if drive.ends_with(':') => head,
        trimmed => trimmed,
    }
}

fn win_splitdrive(path: &str) -> Value {
    let drive = if path.get(1..2) == Some(":") { 2 } else { 0 };
    Value::List(vec![path[..drive].into(), path[drive..].into()])
}

/// Files (not directories) that match a pattern with `*`, `?` and `[…]` in any part, sorted.
pub(crate) fn glob(pattern: &str, control: &dyn ControlNode) -> Vec<String> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|base| matches_in(base, part, control)).collect();
    }
    found.retain(|path| is_file(Path::new(path), control));
    found.sort();
    found
}

fn globbed(pattern: &str, control: &dyn ControlNode) -> Vec<Value> {
    glob(pattern, control).into_iter().map(Value::from).collect()
}

fn matches_in(base: &str, part: &str, control: &dyn ControlNode) -> Vec<String> {
    let join = |name: &str| {
        if base.is_empty() || base.ends_with('/') { format!("{base}{name}") } else { format!("{base}/{name}") }
    };
    if !part.contains(['*', '?', '[']) {
        let path = join(part);
        return if control.entry(Path::new(&path)).is_ok() { vec![path] } else { Vec::new() };
    }
    let directory = if base.is_empty() { "." } else { base };
    let names = control.names_in(Path::new(directory)).unwrap_or_default();
    let visible = names.into_iter().filter(|name| !name.starts_with('.') || part.starts_with('.'));
    let (pattern, letters): (Vec<char>, _) = (part.chars().collect(), |name: &str| name.chars().collect::<Vec<char>>());
    visible.filter(|name| wildcard(&pattern, &letters(name))).map(|name| join(&name)).collect()
}

/// Shell wildcards over one name.
fn wildcard(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], rest) => rest.is_empty(),
        (['*', after @ ..], _) => (0..=name.len()).any(|skip| wildcard(after, &name[skip..])),
        (['?', after @ ..], [_, rest @ ..]) => wildcard(after, rest),
        (['[', inside @ ..], [first, rest @ ..]) => match inside.iter().skip(1).position(|c| *c == ']') {
            Some(end) => in_class(&inside[..=end], *first) && wildcard(&inside[end + 2..], rest),
            None => *first == '[' && wildcard(inside, rest),
        },
        ([letter, after @ ..], [first, rest @ ..]) => letter == first && wildcard(after, rest),
        _ => false,
    }
}

fn in_class(class: &[char], letter: char) -> bool {
    let (negated, class) = match class {
        ['!', class @ ..] => (true, class),
        class => (false, class),
    };
    let range = |window: &[char]| window[1] == '-' && (window[0]..=window[2]).contains(&letter);
    (class.contains(&letter) || class.windows(3).any(range)) != negated
}

fn same_file(args: &Args, control: &dyn ControlNode) -> Result<Value, String> {
    let identity = |path: PathBuf| {
        let entry = control.entry(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>((entry.device, entry.inode))
    };
    Ok((identity(path(args))? == identity(args.need_string(1, "path")?.into())?).into())
}

fn is_mount(path: &Path, control: &dyn ControlNode) -> bool {
    let (Ok(here), Ok(parent)) = (control.entry_or_link(path), control.entry(&path.join(".."))) else { return false };
    here.kind != EntryKind::Link && (here.device != parent.device || here.inode == parent.inode)
}
