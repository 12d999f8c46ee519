//! A NIS domain as a place: its sources are account files on the master, changed by the same modules as a host's own, and its maps are
//! made anew after each change.

use super::ask::{args, command, text};
use crate::connection::{Become, Target};
use crate::fleet::Links;
use crate::plan::DirectoryMark;
use host::change::outcome::{Failure, ItemResult, Outcome};
use host::change::{Action, Change};
use host::modules;
use host::protocol::AgentRequest;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// Makes the maps and tells slaves, one after the other, with nothing of whoever runs enlist in its environment. Without the name
/// of a map: with one, make builds it in the wrong directory.
const MAKE: [&str; 11] = [
    "flock",
    "/var/yp",
    "env",
    "-i",
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL=C",
    "timeout",
    "300",
    "make",
    "-C",
    "/var/yp",
];

/// Prints the least numbers that get into maps.
const LEAST: &str = "enlist-least:;@echo $(MINUID) $(MINGID)";

/// The longest line of a map, in bytes, that the protocol has room for (YPMAXRECORD); old clients take no more.
const LONGEST: usize = 1024;

/// What of a line of a map is compared: all fields but the password.
type Line = Vec<String>;

/// Lines by module and name.
type Lines = HashMap<(&'static str, String), Line>;

/// The lists of the module `accounts`, by the module that changes them, and the maps of each.
const LISTS: [(&str, &str, &str); 2] = [("user", "users", "passwd.byname"), ("group", "groups", "group.byname")];

/// Where a NIS domain is made.
#[derive(Debug)]
pub struct NisMaster {
    /// What the roster calls the domain.
    pub name: String,
    /// The master.
    pub target: Target,
    /// Whom to be there.
    pub who: Become,
    /// The directory of the sources.
    pub source: PathBuf,
    /// The numbers that are enlist's there.
    pub ids: RangeInclusive<u32>,
    /// The maps as they were at the last look.
    pub maps: Mutex<Option<KnownMaps>>,
}

/// Maps as they were read.
#[derive(Debug, Default)]
pub struct KnownMaps {
    lines: Lines,
    /// The least uid and gid that get into maps; `None` where the master does not say so.
    least: Option<(u32, u32)>,
}

impl NisMaster {
    /// What a plan says of where it is.
    pub fn mark(&self) -> DirectoryMark {
        let file = |name: &str| self.source.join(name).display().to_string();
        DirectoryMark {
            server: format!("nis://{}", self.target.name),
            base: self.source.display().to_string(),
            people: file("passwd"),
            groups: file("group"),
        }
    }

    /// One of the roster's modules over `items`, one result an item.
    pub(super) fn call(
        &self,
        links: &Links,
        module: &str,
        items: Vec<Map>,
        check: bool,
    ) -> Result<Vec<ItemResult>, Diagnostic> {
        if module == "authorized_key" {
            return Ok(items.iter().map(|_| ItemResult::unchanged(Ok(without_keys(&self.name)))).collect());
        }
        if module == "accounts" {
            let results = self.ask(links, module, items, check)?;
            *self.known_maps() = Some(self.look(links)?);
            return Ok(results.into_iter().map(|result| self.in_sources(result)).collect());
        }
        if self.known_maps().is_none() {
            let maps = self.look(links)?;
            *self.known_maps() = Some(maps);
        }
        let before = self.sources(links, check)?;
        let judged: Vec<Result<Map, Failure>> = items.iter().map(|item| self.judged(module, item, &before)).collect();
        let asked = judged.iter().filter_map(|item| item.clone().ok()).collect();
        let mut done = self.ask(links, module, asked, check)?.into_iter();
        let mut results = Vec::with_capacity(items.len());
        for item in judged {
            results.push(match item {
                Ok(_) => done.next().ok_or_else(|| self.problem("it answers too few items".into()))?,
                Err(failure) => ItemResult::unchanged(Err(failure)),
            });
        }
        for (item, result) in items.iter().zip(&mut results) {
            self.add_stale(module, item, &before, result);
        }
        for (at, warning) in long_lines(&items, &before) {
            if let Ok(outcome) = &mut results[at].outcome {
                outcome.warnings.push(format!("{}: {warning}", self.name));
            }
        }
        if !check && results.iter().any(|result| result.changed) {
            self.make_maps(links, module, &items, &mut results)?;
        }
        Ok(results)
    }

    fn known_maps(&self) -> MutexGuard<'_, Option<KnownMaps>> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever is right in the sources, and in the maps otherwise, is there for clients as the maps have it: a change that is still to
    /// be made.
    fn add_stale(&self, module: &str, item: &Map, sources: &Lines, result: &mut ItemResult) {
        if result.changed || result.outcome.is_err() {
            return;
        }
        let Some((kind, _, map)) = LISTS.iter().find(|(kind, ..)| *kind == module) else { return };
        let key = (*kind, name_of(item));
        let maps = self.known_maps();
        let (was, is) = (maps.as_ref().and_then(|maps| maps.lines.get(&key)), sources.get(&key));
        if was == is {
            return;
        }
        let shown = |line: Option<&Line>| line.map(|line| line.join(":"));
        let change = Change::new(Action::Update, "map", *map).field(key.1.as_str(), shown(was), shown(is));
        result.changes.push(change);
        result.changed = true;
    }

    fn ask(&self, links: &Links, module: &str, items: Vec<Map>, check: bool) -> Result<Vec<ItemResult>, Diagnostic> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let (count, bound) = (items.len(), modules::bound(module, items.len()));
        let accounts_in = Some(self.source.clone());
        let environment = Vec::new();
        let request =
            AgentRequest { module: module.to_owned(), items, check, environment, accounts_in, bound, patience: None };
        let reply = links.call(&self.target, &self.who, &request).map_err(|error| self.problem(error.to_string()))?;
        if reply.results.len() == count {
            Ok(reply.results)
        } else {
            Err(self.problem("it answers too few items".into()))
        }
    }

    fn problem(&self, why: String) -> Diagnostic {
        Diagnostic::new(ErrorKind::Host, format!("{}: the NIS master {}: {why}", self.name, self.target.name))
    }

    /// Who is in the sources.
    fn sources(&self, links: &Links, check: bool) -> Result<Lines, Diagnostic> {
        let listed = self.ask(links, "accounts", vec![Map::new()], check)?.into_iter().next();
        let values = match listed.map(|result| result.outcome) {
            Some(Ok(outcome)) => outcome.values,
            Some(Err(failure)) => return Err(self.problem(failure.msg)),
            None => return Err(self.problem("it gives no answer".into())),
        };
        let mut lines = Lines::new();
        for (module, list, _) in LISTS {
            for entry in values.get(list).and_then(Value::as_list).into_iter().flatten() {
                // As the C library, which takes the first of two.
                lines.entry((module, text_of(entry, "name"))).or_insert_with(|| line_of(module, entry));
            }
        }
        Ok(lines)
    }

    fn look(&self, links: &Links) -> Result<KnownMaps, Diagnostic> {
        Ok(KnownMaps { lines: self.maps(links)?, least: self.least(links) })
    }

    /// MINUID and MINGID of its Makefile. Where it does not say so, what is in no map is found out after it was to be made.
    fn least(&self, links: &Links) -> Option<(u32, u32)> {
        let words = [&MAKE[2..], &["-s", "--no-print-directory", "--eval", LEAST, "enlist-least"]].concat();
        let said = self.run(links, &words).ok()?;
        let mut numbers = said.lines().last()?.split_whitespace().map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// That a number gets into a map: lower ones vanish from it without a word.
    fn not_below_least(&self, module: &str, item: &Map) -> Result<(), Failure> {
        let least = self.known_maps().as_ref().and_then(|maps| maps.least);
        let (Some((uid, gid)), false) = (least, item.get("state") == Some(&"absent".into())) else { return Ok(()) };
        let (what, least, variable) = if module == "user" { ("uid", uid, "MINUID") } else { ("gid", gid, "MINGID") };
        let number = item.get(what).and_then(Value::as_int).filter(|number| *number < i64::from(least));
        let Some(number) = number else { return Ok(()) };
        let message = format!(
            "{what} {number} of {} is below {variable} ({least}) of /var/yp/Makefile on {}, and would be in no map",
            name_of(item),
            self.target.name
        );
        Err(Failure::new(message).hint(format!("give another number, or lower {variable} there")))
    }

    /// Who is in the maps, as clients see them.
    fn maps(&self, links: &Links) -> Result<Lines, Diagnostic> {
        let mut lines = Lines::new();
        for (module, _, map) in LISTS {
            let said = self.run(links, &["ypcat", "-h", "localhost", map]);
            let text = said.map_err(|why| {
                self.problem(format!("cannot read the map {map}: {why}"))
                    .hint("is ypserv up there, and are the maps made once (`make -C /var/yp`)?")
            })?;
            for line in text.lines() {
                let mut fields: Line = line.split(':').map(str::to_owned).collect();
                if fields.len() >= 4 {
                    let name = fields.remove(0);
                    fields.remove(0);
                    if module == "group" {
                        fields[1] = sorted(fields[1].split(','));
                    }
                    lines.entry((module, name)).or_insert(fields);
                }
            }
        }
        Ok(lines)
    }

    /// The item as the sources take it. Whoever has a number that is not enlist's is left alone, and so is a group.
    fn judged(&self, module: &str, item: &Map, sources: &Lines) -> Result<Map, Failure> {
        let name = name_of(item);
        self.not_below_least(module, item)?;
        if let Some(key) = LISTS.iter().find(|(kind, ..)| *kind == module).map(|(kind, ..)| (*kind, name.clone()))
            && sources.get(&key).is_some_and(|line| !self.owns(line))
        {
            return Err(self.not_owned(&name));
        }
        let mut item = within(module, item);
        let Some(Value::List(groups)) = item.get("groups").cloned() else { return Ok(item) };
        let mut groups = groups;
        for ((_, group), line) in sources.iter().filter(|((kind, _), line)| *kind == "group" && !self.owns(line)) {
            let is_in = line.get(1).is_some_and(|members| members.split(',').any(|member| member == name));
            let is_wanted = groups.iter().any(|wanted| wanted.to_string() == *group);
            if is_wanted && !is_in {
                return Err(self.not_owned(group));
            }
            // Nobody is taken out of a group that is not enlist's.
            if is_in && !is_wanted && item.get("append") != Some(&true.into()) {
                groups.push(group.as_str().into());
            }
        }
        item.insert("groups".into(), groups.into());
        Ok(item)
    }

    /// Whether the number of a line is enlist's.
    fn owns(&self, line: &Line) -> bool {
        line.first().and_then(|id| id.parse().ok()).is_some_and(|id| self.ids.contains(&id))
    }

    fn not_owned(&self, name: &str) -> Failure {
        let (first, last) = (self.ids.start(), self.ids.end());
        let source = self.source.display();
        Failure::new(format!(
            "{name} has a number in {source} that is not among `ids` of {}, {first} to {last}",
            self.name
        ))
        .hint("change it by hand, or widen `ids` in the roster and have that reviewed")
    }

    /// Makes the maps, and looks whether they say what the sources do. What changed and is in no map is said of each change.
    fn make_maps(
        &self,
        links: &Links,
        module: &str,
        items: &[Map],
        results: &mut [ItemResult],
    ) -> Result<(), Diagnostic> {
        let files = ["passwd", "group", "shadow", "gshadow"].map(|name| self.source.join(name).display().to_string());
        let touch: Vec<&str> = ["touch", "-c", "--"].into_iter().chain(files.iter().map(String::as_str)).collect();
        let made = self.run(links, &touch).and_then(|_| self.run(links, &MAKE));
        let seen = made.and_then(|_| self.maps(links).map_err(|problem| problem.message));
        let sources = self.sources(links, false)?;
        for (item, result) in items.iter().zip(results).filter(|(_, result)| result.changed && result.outcome.is_ok()) {
            let key = |kind: &'static str| (kind, name_of(item));
            let is_there = |maps: &Lines| {
                LISTS
                    .iter()
                    .filter(|(kind, ..)| *kind == module)
                    .all(|(kind, ..)| maps.get(&key(kind)) == sources.get(&key(kind)))
            };
            let why = match &seen {
                Ok(maps) if is_there(maps) => continue,
                Ok(_) => "make does, and the map still says otherwise",
                Err(why) => why.as_str(),
            };
            let message = format!("it is in the sources, and the maps could not be made: {why}");
            let hint = "look at `make -C /var/yp` on the master: is `source` its YPPWDDIR, and the number above MINUID? The next \
                        apply tries again";
            result.outcome = Err(Failure { acted: true, ..Failure::new(message).hint(hint) });
        }
        Ok(())
    }

    /// What a program on the master prints.
    fn run(&self, links: &Links, words: &[&str]) -> Result<String, String> {
        let bound = modules::bound("command", 1);
        let (items, environment) = (vec![command(words)], Vec::new());
        let request = AgentRequest {
            module: "command".into(),
            items,
            check: false,
            environment,
            accounts_in: None,
            bound,
            patience: None,
        };
        let reply = links.call(&self.target, &self.who, &request).map_err(|error| error.to_string())?;
        let result = reply.results.into_iter().next().ok_or("it gives no answer")?;
        let failed = |failure: Failure| match text(&failure.values, "stderr").trim() {
            "" => failure.msg,
            said => format!("{}: {said}", failure.msg),
        };
        result.outcome.map(|outcome| text(&outcome.values, "stdout")).map_err(failed)
    }

    /// The listing names files as a host has them.
    fn in_sources(&self, mut result: ItemResult) -> ItemResult {
        let Ok(outcome) = &mut result.outcome else { return result };
        for list in ["users", "groups"] {
            let Some(Value::List(entries)) = outcome.values.get_mut(list) else { continue };
            for entry in entries.iter_mut() {
                let Value::Map(fields) = entry else { continue };
                let file = fields.get("file").map(ToString::to_string).unwrap_or_default();
                let name = file.strip_prefix("/etc/").unwrap_or(&file).to_owned();
                fields.insert("file".into(), self.source.join(name).display().to_string().into());
            }
        }
        result
    }
}

/// Accounts of a domain have their homes and names on other hosts.
fn within(module: &str, item: &Map) -> Map {
    let mut item = item.clone();
    item.extend(args([("local", true.into())]));
    if module == "user" && item.get("state") != Some(&"absent".into()) {
        item.extend(args([("create_home", false.into())]));
    }
    item
}

/// Groups whose line in a map would be longer than the protocol has room for, each with the first item that makes or keeps it so.
fn long_lines(items: &[Map], sources: &Lines) -> Vec<(usize, String)> {
    // The name, `:x:`, the number, `:` and the members.
    let length = |name: &str, line: &Line| name.len() + ":x::".len() + line.iter().map(String::len).sum::<usize>();
    let of_groups = sources.iter().filter(|((kind, _), _)| *kind == "group");
    let mut lengths: HashMap<&str, usize> =
        of_groups.map(|((_, name), line)| (name.as_str(), length(name, line))).collect();
    let mut told = Vec::new();
    for (at, item) in items.iter().enumerate().filter(|(_, item)| item.get("state") != Some(&"absent".into())) {
        let name = name_of(item);
        for group in item.get("groups").and_then(Value::as_list).into_iter().flatten() {
            let group = group.to_string();
            let members =
                sources.get(&("group", group.clone())).and_then(|line| line.get(1)).map_or("", String::as_str);
            let Some(length) = lengths.get_mut(group.as_str()) else { continue };
            *length += if members.split(',').any(|member| member == name) { 0 } else { name.len() + 1 };
            if *length > LONGEST {
                told.push((at, format!(
                    "the line of {group} has {length} bytes with its members, and the protocol has room for {LONGEST}: clients may \
                     lose the group; make two of it"
                )));
                lengths.remove(group.as_str());
            }
        }
    }
    told
}

fn name_of(item: &Map) -> String {
    item.get("name").map(ToString::to_string).unwrap_or_default()
}

fn text_of(entry: &Value, field: &str) -> String {
    entry.get(field).map(ToString::to_string).unwrap_or_default()
}

/// The fields of somebody whom `accounts` lists, as a map has them.
fn line_of(module: &str, entry: &Value) -> Line {
    if module == "user" {
        return ["uid", "gid", "gecos", "home", "shell"].map(|field| text_of(entry, field)).to_vec();
    }
    let members = entry.get("members").and_then(Value::as_list).into_iter().flatten();
    let members: Vec<String> = members.map(ToString::to_string).collect();
    vec![text_of(entry, "gid"), sorted(members.iter().map(String::as_str))]
}

fn sorted<'a>(members: impl Iterator<Item = &'a str>) -> String {
    let mut members: Vec<&str> = members.map(str::trim).filter(|member| !member.is_empty()).collect();
    members.sort_unstable();
    members.join(",")
}

fn without_keys(domain: &str) -> Outcome {
    let warning = format!("{domain} keeps no keys: they are in homes, on the hosts that have those");
    Outcome { warnings: vec![warning], ..Outcome::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_become_longer_than_the_protocol_has_room_for_are_told_of_once() {
        let sources = Lines::from([(("group", "gpu".to_owned()), vec!["3002".to_owned(), "p000,p001".to_owned()])]);
        let item =
            |number: usize| args([("name", format!("p{number:03}").into()), ("groups", vec!["gpu".into()].into())]);
        let items: Vec<Map> = (0..250).map(item).collect();
        let told = long_lines(&items, &sources);
        // `gpu:x:3002:` and 203 names of four letters with commas between them are 1025 bytes.
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, 202);
        assert!(told[0].1.starts_with("the line of gpu has 1025 bytes"), "{told:?}");
        assert_eq!(long_lines(&items[..202], &sources), Vec::new());
    }
}
