//! Paths as texts, and what the controller has under them.

use super::{Args, Table};
use std::path::{Path, PathBuf};
use words::text::login_name::LoginName;
use words::value::Value;

pub(super) const FILTERS: Table = &[
    ("basename", "value", |args| Ok(split(&args.text()).1.into())),
    ("dirname", "value", |args| Ok(split(&args.text()).0.into())),
    ("splitext", "value", |args| Ok(splitext(&args.text()))),
    ("path_join", "value", path_join),
    ("normpath", "value", |args| Ok(normal(&args.text()).into())),
    ("realpath", "value", |args| Ok(real(&args.text())?.into())),
    ("relpath", "path, start", relpath),
    ("commonpath", "value", commonpath),
    ("expanduser", "value", |args| Ok(expand_user(&args.text()).into())),
    ("expandvars", "value", |args| Ok(expand_vars(&args.text()).into())),
    ("fileglob", "value", |args| Ok(Value::List(glob(&args.text()).into_iter().map(Value::from).collect()))),
    ("win_basename", "value", |args| Ok(args.text().rsplit(['\\', '/']).next().unwrap_or_default().into())),
    ("win_dirname", "value", |args| Ok(win_dirname(&args.text()).into())),
    ("win_splitdrive", "value", |args| Ok(win_splitdrive(&args.text()))),
];

pub(super) const TESTS: Table = &[
    ("file", "value", |args| Ok(path(args).is_file().into())),
    ("is_file", "value", |args| Ok(path(args).is_file().into())),
    ("directory", "value", |args| Ok(path(args).is_dir().into())),
    ("is_dir", "value", |args| Ok(path(args).is_dir().into())),
    ("link", "value", |args| Ok(path(args).is_symlink().into())),
    ("is_link", "value", |args| Ok(path(args).is_symlink().into())),
    ("exists", "value", |args| Ok(path(args).exists().into())),
    ("link_exists", "value", |args| Ok(path(args).symlink_metadata().is_ok().into())),
    ("abs", "value", |args| Ok(path(args).is_absolute().into())),
    ("is_abs", "value", |args| Ok(path(args).is_absolute().into())),
    ("same_file", "value, path", same_file),
    ("is_same_file", "value, path", same_file),
    ("mount", "value", |args| Ok(is_mount(&path(args)).into())),
    ("is_mount", "value", |args| Ok(is_mount(&path(args)).into())),
];

fn path(args: &Args) -> PathBuf {
    PathBuf::from(args.text())
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

fn absolute(path: &str) -> Result<String, String> {
    let full = std::path::absolute(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(normal(&full.to_string_lossy()))
}

/// Links resolved as far as the path exists.
fn real(path: &str) -> Result<String, String> {
    let full = absolute(path)?;
    let ancestors = Path::new(&full).ancestors();
    let known = ancestors
        .into_iter()
        .find_map(|part| Some((part.canonicalize().ok()?, Path::new(&full).strip_prefix(part).ok()?)));
    Ok(known.map_or(full.clone(), |(real, rest)| normal(&real.join(rest).to_string_lossy())))
}

fn relpath(args: &Args) -> Result<Value, String> {
    let (path, start) = (absolute(&args.text())?, absolute(&args.string_or(1, "start", "."))?);
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

/// `~` and `~user` at the start.
pub(crate) fn expand_user(path: &str) -> String {
    let Some(rest) = path.strip_prefix('~') else { return path.to_owned() };
    let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let home = match user {
        "" => std::env::var("HOME").ok(),
        user => home_of(user),
    };
    home.map_or(path.to_owned(), |home| format!("{}{rest}", home.trim_end_matches('/')))
}

/// The home of a user of this host. Templates may ask with any text, so only what could be a name is looked up.
#[expect(clippy::disallowed_methods, reason = "the text has passed `LoginName`")]
fn home_of(user: &str) -> Option<String> {
    let name = LoginName::parse(user)?;
    let user = nix::unistd::User::from_name(name.as_str()).ok().flatten()?;
    Some(user.dir.to_string_lossy().into_owned())
}

/// `$NAME` and `${NAME}`; unknown ones stay.
fn expand_vars(path: &str) -> String {
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
        match std::env::var(name).ok().filter(|_| !name.is_empty()) {
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
pub(crate) fn glob(pattern: &str) -> Vec<String> {
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        found = found.iter().flat_map(|base| matches_in(base, part)).collect();
    }
    found.retain(|path| Path::new(path).is_file());
    found.sort();
    found
}

fn matches_in(base: &str, part: &str) -> Vec<String> {
    let join = |name: &str| {
        if base.is_empty() || base.ends_with('/') { format!("{base}{name}") } else { format!("{base}/{name}") }
    };
    if !part.contains(['*', '?', '[']) {
        let path = join(part);
        return if Path::new(&path).exists() { vec![path] } else { Vec::new() };
    }
    let directory = if base.is_empty() { "." } else { base };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let visible = names.filter(|name| !name.starts_with('.') || part.starts_with('.'));
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

fn same_file(args: &Args) -> Result<Value, String> {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: PathBuf| {
        let metadata = path.metadata().map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>((metadata.dev(), metadata.ino()))
    };
    Ok((identity(path(args))? == identity(args.need_string(1, "path")?.into())?).into())
}

fn is_mount(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(here), Ok(parent)) = (path.symlink_metadata(), path.join("..").metadata()) else { return false };
    !here.is_symlink() && (here.dev() != parent.dev() || here.ino() == parent.ino())
}
