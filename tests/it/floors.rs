//! The shape of the house: crates stand on each other as `docs/architecture.md` says, and within a crate imports look
//! down only, by the table in its `lib.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Module → floor, from lines such as ``//! | 1 domain | [`change`], [`roster`] |``.
fn floors(lib: &str) -> BTreeMap<String, u32> {
    let mut floors = BTreeMap::new();
    for row in lib.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let (floor, modules) = row.split_once(" | ").expect("a row has two cells");
        let Some(Ok(floor)) = floor.split(' ').next().map(str::parse) else { continue };
        for module in modules.split('`').skip(1).step_by(2) {
            floors.insert(module.to_owned(), floor);
        }
    }
    floors
}

/// The code of a formatted source file without comments and without items under `#[cfg(test)]`.
fn shipped(source: &str) -> String {
    let (mut code, mut lines) = (String::new(), source.lines());
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = &line[..line.len() - line.trim_start().len()];
            skip_item(&mut lines, indent);
        } else {
            code.push_str(line.split("//").next().unwrap_or_default());
            code.push('\n');
        }
    }
    code
}

/// Skips one item that starts at this indent: to its `;`, or to the brace that closes it.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>, indent: &str) {
    for line in lines {
        let Some(rest) = line.strip_prefix(indent) else { continue };
        let outermost = !rest.starts_with([' ', '#', '/']);
        if outermost && (rest.ends_with(';') || rest.ends_with('}')) {
            return;
        }
    }
}

/// The modules of this crate that the code names: in `crate::a::…` and in `crate::{a::…, b}`.
fn named(code: &str) -> Vec<String> {
    let identifier =
        |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => names.extend(members(group).iter().map(|member| identifier(member))),
            None => names.push(identifier(after)),
        }
    }
    names
}

/// The comma-separated members of a group up to its closing brace; groups within stay whole.
fn members(group: &str) -> Vec<String> {
    let (mut members, mut depth) = (vec![String::new()], 0);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => members.push(String::new()),
            _ => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                members.last_mut().expect("it starts with one").push(c);
            }
        }
    }
    members.retain(|member| !member.trim().is_empty());
    members
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources of each crate of the workspace, by the name under which code knows it.
fn crates() -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::from([("enlist".to_owned(), root().join("src"))]);
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let entry = entry.unwrap();
        found.insert(entry.file_name().into_string().unwrap(), entry.path().join("src"));
    }
    found
}

#[test]
fn imports_look_down_only() {
    let mut upward = Vec::new();
    for (name, src) in crates() {
        let floors = floors(&std::fs::read_to_string(src.join("lib.rs")).unwrap());
        for path in sources(&src) {
            let below = path.strip_prefix(&src).unwrap();
            let own = below.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
            let Some(own_floor) = floors.get(own) else { continue }; // lib.rs and programs: the roof
            for other in named(&shipped(&std::fs::read_to_string(&path).unwrap())) {
                if floors.get(&other).is_some_and(|floor| floor > own_floor) {
                    let (from, to) = (below.display(), floors[&other]);
                    upward.push(format!("{name}: {from} (floor {own_floor}) names crate::{other} (floor {to})"));
                }
            }
        }
    }
    assert_eq!(upward, Vec::<String>::new());
}

#[test]
fn every_module_has_a_floor() {
    for (name, src) in crates() {
        let lib = std::fs::read_to_string(src.join("lib.rs")).unwrap();
        let modules = lib.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
        let declared: BTreeSet<_> = modules.map(|module| module.trim_end_matches(';')).collect();
        assert_eq!(floors(&lib).keys().map(String::as_str).collect::<BTreeSet<_>>(), declared, "{name}");
    }
}

/// How code reaches what is outside of its values: files, environment, programs, clock, zone, users, network.
const REACHES: [&str; 24] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::os",
    "std::{",
    "fs::",
    "env::",
    "Command::",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "nix::",
    "path::absolute",
    "/dev/urandom",
    ".exists()",
    ".is_file()",
    ".is_dir()",
    ".is_symlink()",
    "metadata()",
    ".canonicalize()",
    ".read_dir()",
];

/// The first of [`REACHES`] that the code names, if it names one.
fn reach(code: &str) -> Option<&'static str> {
    REACHES.into_iter().find(|reach| code.contains(reach))
}

#[test]
fn templates_reach_the_control_node_by_its_port_only() {
    let template = root().join("crates/control/src/template");
    let files = sources(&template);
    assert!(files.len() > 30, "templates are elsewhere: {files:?}");
    let reaching = files.into_iter().filter_map(|path| {
        let found = reach(&shipped(&std::fs::read_to_string(&path).unwrap()))?;
        Some(format!("{} names {found}", path.strip_prefix(&template).unwrap().display()))
    });
    assert_eq!(reaching.collect::<Vec<_>>(), Vec::<String>::new());
}

/// Crate → the crates of ours that it stands on, from rows such as ``| `control` | `words`, `host` | … |``.
fn drawn(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, table) = page.split_once("| crate | stands on |").expect("docs/architecture.md has the table of crates");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    rows.map(|row| {
        let mut cells = row.split('|').skip(1).map(quoted);
        (cells.next().unwrap().pop_first().expect("a row names its crate"), cells.next().unwrap())
    })
    .collect()
}

/// What a manifest says under `[dependencies]` of crates that are ours.
fn dependencies(manifest: &str, ours: &BTreeMap<String, PathBuf>) -> BTreeSet<String> {
    let (_, section) = manifest.split_once("\n[dependencies]\n").expect("a crate has dependencies, if none of ours");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', ' ']).next());
    names.filter(|name| ours.contains_key(*name)).map(str::to_owned).collect()
}

#[test]
fn crates_stand_on_each_other_as_drawn() {
    let ours = crates();
    let manifest = |src: &PathBuf| std::fs::read_to_string(src.parent().unwrap().join("Cargo.toml")).unwrap();
    let built = ours.iter().map(|(name, src)| (name.clone(), dependencies(&manifest(src), &ours)));
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    assert_eq!(built.collect::<BTreeMap<_, _>>(), drawn(&page));
}

#[test]
fn the_reader_sees_imports_and_passes_over_tests_and_comments() {
    let source = "\
use crate::change::Change;
use crate::{diag, value::{Map, Value}};
//! See crate::cli.
impl From<X> for crate::system::Y {
    #[cfg(test)]
    fn z() {
        crate::daemon::run();
    }
}
#[cfg(test)]
use crate::runner;
#[cfg(test)]
#[path = \"elsewhere.rs\"]
mod tests {
    use crate::view::A;
}
fn last() -> crate::text::B {}
";
    assert_eq!(reach("let now = jiff::Zoned::now();"), Some("Zoned::now"));
    assert_eq!(reach(&shipped("control.entry(path); // std::fs::metadata()\n")), None);
    assert_eq!(named(&shipped(source)), ["change", "diag", "value", "system", "text"]);
    assert_eq!(floors("//! | 4 people | [`cli`], [`view`] |\n//! |---|---|\n").len(), 2);
}
