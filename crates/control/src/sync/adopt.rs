//! Who is there already: asked of every host and directory and of the scheduler, in a few requests each however many people
//! there are. What a roster makes of it is [`crate::roster::adoption`]. Reads only.

use super::ask::{args, ask_program, only_kind};
use super::{Host, Site};
use crate::roster::adoption::{
    Choice, Difference, FoundAccount, FoundBooks, FoundGroup, FoundPerson, FoundPlace, FoundPlaceOfPeople,
};
use crate::roster::keys;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use words::diag::{Diagnostic, ErrorKind};
use words::text::limit::LIMITS;
use words::value::{Map, Value};

/// All that was found.
#[derive(Debug, Default)]
pub struct Inhabitants {
    /// People and groups, place by place.
    pub places: Vec<FoundPlaceOfPeople>,
    /// The scheduler's accounts, where there is a scheduler and it answers.
    pub books: Option<FoundBooks>,
    /// Places and parts that did not answer: what they have is in no roster.
    pub silent: Vec<Difference>,
}

/// Asks all places at once. One that does not answer is named; it is an error only when none does.
pub fn inhabitants(site: &Site, choice: &Choice) -> Result<Inhabitants, Vec<Diagnostic>> {
    let mut all = Inhabitants::default();
    let mut problems = Vec::new();
    site.each(
        |host| Ok((host.accounts.then(|| people(site, host, choice)), host.scheduler.then(|| books(site, host)))),
        |host, asked| {
            let (people, books) = match asked {
                Ok(asked) => asked,
                Err(why) => (Some(Err(why)), None),
            };
            match people {
                Some(Ok(place)) => all.places.push(place),
                Some(Err(why)) => {
                    all.silent.push(silence(format!("place {}", host.name()), &why));
                    problems.push(why);
                }
                None => {}
            }
            match books {
                Some(Ok(books)) => all.books = Some(books),
                Some(Err(why)) => all.silent.push(Difference { what: "the scheduler".into(), why }),
                None => {}
            }
        },
    );
    if all.places.is_empty() { Err(problems) } else { Ok(all) }
}

fn silence(what: String, why: &Diagnostic) -> Difference {
    let why = std::iter::once(&why.message).chain(&why.notes).cloned().collect::<Vec<_>>().join(": ");
    Difference { what, why: format!("did not answer, so nobody of it is looked at: {why}") }
}

/// A user as `accounts` lists him; a directory says the keys, too.
#[derive(Deserialize)]
struct ListedPerson {
    name: String,
    uid: u32,
    gid: u32,
    gecos: String,
    home: String,
    shell: String,
    keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ListedGroup {
    name: String,
    gid: u32,
    #[serde(default)]
    members: Vec<String>,
}

fn people(site: &Site, host: &Host, choice: &Choice) -> Result<FoundPlaceOfPeople, Diagnostic> {
    let failed = |why: String| Diagnostic::new(ErrorKind::Host, format!("{}: {why}", host.name()));
    let mut results = site.ask(host, "accounts", vec![Map::new()], true)?;
    let outcome = results.pop().ok_or_else(|| failed("no answer".into()))?.outcome;
    let values = outcome.map_err(|failure| failed(failure.msg))?.values;
    let part = |key: &str| values.get(key).cloned().unwrap_or_default().to_json_line(false);
    let listed: Vec<ListedPerson> = serde_json::from_str(&part("users")).map_err(|error| failed(error.to_string()))?;
    let groups: Vec<ListedGroup> = serde_json::from_str(&part("groups")).map_err(|error| failed(error.to_string()))?;
    let found = files_of_keys(site, host, &listed, choice)?;
    let person = |one: ListedPerson| FoundPerson {
        keys: one.keys.map(Ok).or_else(|| found.get(&one.name).cloned()).unwrap_or(Ok(Vec::new())),
        name: one.name,
        uid: one.uid,
        gid: one.gid,
        comment: one.gecos,
        home: one.home,
        shell: one.shell,
    };
    let group = |one: ListedGroup| FoundGroup { name: one.name, gid: one.gid, members: one.members };
    Ok(FoundPlaceOfPeople {
        name: host.name().to_owned(),
        people: listed.into_iter().map(person).collect(),
        groups: groups.into_iter().map(group).collect(),
    })
}

/// The longest file of keys that is read, in bytes.
const LONGEST: i64 = 1 << 20;

/// Keys by login; or why nobody can tell.
type KeysByLogin = BTreeMap<String, Result<Vec<String>, String>>;

/// What stands in `~/.ssh/authorized_keys` of those who are wanted. A link is not followed: it may lead to what is nobody's key.
fn files_of_keys(
    site: &Site,
    host: &Host,
    listed: &[ListedPerson],
    choice: &Choice,
) -> Result<KeysByLogin, Diagnostic> {
    let mut found = KeysByLogin::new();
    if host.is_directory() {
        return Ok(found);
    }
    let wanted: Vec<&ListedPerson> = listed.iter().filter(|one| choice.ids.contains(&one.uid)).collect();
    let path = |one: &ListedPerson| format!("{}/.ssh/authorized_keys", one.home.trim_end_matches('/'));
    let looks = wanted.iter().map(|one| only_kind(&path(one), false)).collect();
    let mut files = Vec::new();
    for (one, result) in wanted.into_iter().zip(site.ask(host, "stat", looks, true)?) {
        let stat = result.outcome.map(|outcome| outcome.values.get("stat").cloned().unwrap_or_default());
        match stat.map_err(|failure| failure.msg).and_then(|stat| is_readable(&stat)) {
            Ok(true) => files.push(one),
            Ok(false) => {}
            Err(why) => _ = found.insert(one.name.clone(), Err(format!("{}: {why}", path(one)))),
        }
    }
    let reads = files.iter().map(|one| args([("src", path(one).into())])).collect();
    for (one, result) in files.iter().zip(site.ask(host, "slurp", reads, true)?) {
        let read = result.outcome.map_err(|failure| failure.msg).map(|outcome| keys_in(outcome.values.get("content")));
        found.insert(one.name.clone(), read);
    }
    Ok(found)
}

/// Whether there is a file that may be read; what else is there is an error.
fn is_readable(stat: &Value) -> Result<bool, String> {
    let is = |key: &str| stat.get(key).is_some_and(Value::is_truthy);
    if !is("exists") {
        return Ok(false);
    }
    if !is("isreg") {
        return Err("it is no plain file".to_owned());
    }
    let size = stat.get("size").and_then(Value::as_int).unwrap_or(i64::MAX);
    if size > LONGEST { Err(format!("it has {size} bytes")) } else { Ok(true) }
}

/// The lines that are keys; nothing else of a file goes any further.
fn keys_in(content: Option<&Value>) -> Vec<String> {
    let bytes = content.and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.lines().map(str::trim).filter(|line| keys::body(line).is_ok()).map(str::to_owned).collect()
}

/// Rows of a list of `sacctmgr`.
fn rows(site: &Site, host: &Host, words: &[&str], columns: &[&str]) -> Result<Vec<Vec<String>>, String> {
    let format = format!("format={}", columns.join(","));
    let text = ask_program(site, host, &[&["sacctmgr", "-n", "-P", "show"], words, &[format.as_str()]].concat())?;
    let row = |line: &str| {
        let row: Vec<String> = line.split('|').map(str::to_owned).collect();
        let is_whole = row.len() == columns.len();
        let problem =
            || format!("a line of `show {}` cannot be read, perhaps for a | in a text: {line}", words.join(" "));
        is_whole.then_some(row).ok_or_else(problem)
    };
    text.lines().filter(|line| !line.is_empty()).map(row).collect()
}

/// What the scheduler has. `wopi` lists what is set on an association itself; without it, what it inherits stands there, too.
fn books(site: &Site, host: &Host) -> Result<FoundBooks, String> {
    let clusters = rows(site, host, &["cluster"], &["Cluster"])?;
    if clusters.len() != 1 {
        return Err(format!("it has {} clusters, and a roster is for one", clusters.len()));
    }
    let limits: Vec<&str> = LIMITS.iter().filter(|kind| kind.tres.is_none()).map(|kind| kind.column).collect();
    let columns = [&["Account", "User", "Partition"], &limits[..]].concat();
    let set = rows(site, host, &["association", "wopi"], &columns)?;
    let parents = rows(site, host, &["association", "where", "user="], &["Account", "ParentName"])?;
    let described = rows(site, host, &["account"], &["Account", "Description", "Organization"])?;
    let users = rows(site, host, &["user"], &["User", "DefaultAccount"])?;
    let managed = rows(site, host, &["account", "withcoord"], &["Account", "Coord"])?;
    let set_on = |row: &[String]| {
        limits.iter().zip(&row[3..]).map(|(column, value)| ((*column).to_owned(), value.clone())).collect()
    };
    let parents: BTreeMap<&str, &String> = parents.iter().map(|row| (row[0].as_str(), &row[1])).collect();
    let of_accounts = set.iter().filter(|row| row[1].is_empty());
    let of_accounts: BTreeMap<&str, &Vec<String>> = of_accounts.map(|row| (row[0].as_str(), row)).collect();
    let account = |row: &Vec<String>| {
        let name = &row[0];
        let parent = parents.get(name.as_str()).map(|parent| (*parent).clone());
        let own = of_accounts.get(name.as_str());
        FoundAccount {
            name: name.clone(),
            parent: parent.unwrap_or_default(),
            description: row[1].clone(),
            organization: row[2].clone(),
            limits: own.map(|own| set_on(own)).unwrap_or_default(),
        }
    };
    let place = |row: &Vec<String>| FoundPlace {
        account: row[0].clone(),
        user: row[1].clone(),
        partition: row[2].clone(),
        limits: set_on(row),
    };
    let is_person = |row: &&Vec<String>| !row[1].is_empty() && row[1] != "root";
    let coordinators = managed.iter().flat_map(|row| row[1].split(',').map(|user| (row[0].clone(), user.to_owned())));
    Ok(FoundBooks {
        accounts: described.iter().map(account).collect(),
        defaults: users.into_iter().map(|row| (row[0].clone(), row[1].clone())).collect(),
        places: set.iter().filter(is_person).map(place).collect(),
        coordinators: coordinators.filter(|(_, user)| !user.is_empty()).collect(),
    })
}
