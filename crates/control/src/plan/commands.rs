//! A step as the commands that people would type for it: on the hosts, on the scheduler's master, or at a directory.
//!
//! They are made of what the dry run reported, field by field, so that they do what the step does and nothing else. The
//! scheduler's are the very words that its modules give to `sacctmgr`.

mod directory;

use crate::plan::{DirectoryMark, Step};
use host::books::{BookEntity, BookVerb, Write};
use host::change::{Action, Change, FieldDiff};
use host::modules::doors::STARTERS;
use host::modules::slurm::jobs::{RUNNING, STOPPING, WAITING};
use words::text::limit::{LIMITS, LimitKind, QOS_LIMITS, find_in};
use words::value::Value;

/// The commands of one change of a step, in order. `directory` is where the step is done, if that is no host.
pub fn commands(step: &Step, change: &Change, directory: Option<&DirectoryMark>) -> Vec<String> {
    if let Some(mark) = directory {
        return directory::commands(step, change, mark);
    }
    match step.module.as_str() {
        "group" => vec![group(change)],
        "user" => user(change),
        "authorized_key" => key(step, change),
        "doors" => doors(step, change),
        "slurm_account" => account(change),
        "slurm_user" | "slurm_association" => member(step, change),
        "slurm_coordinator" => coordinator(step, change),
        "slurm_qos" => qos(change),
        "slurm_jobs" => jobs(step, change),
        _ => Vec::new(),
    }
}

/// A field's sides, if the change has it.
fn sides<'c>(change: &'c Change, wanted: &str) -> Option<(&'c Value, &'c Value)> {
    change.fields.iter().find_map(|field| match field {
        FieldDiff::Value { name, before, after } if name == wanted => Some((before, after)),
        _ => None,
    })
}

/// What a field becomes, as text; `None` where it does not change or goes.
fn after(change: &Change, name: &str) -> Option<String> {
    let (_, after) = sides(change, name)?;
    (*after != Value::Null).then(|| text(after))
}

fn text(value: &Value) -> String {
    match value {
        Value::List(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// An argument of the step.
fn given(step: &Step, name: &str) -> String {
    step.args.get(name).map(Value::to_string).unwrap_or_default()
}

/// Words as a shell reads them back, in quotes only where it would read them otherwise.
fn line<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    words.into_iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    let plain = !word.is_empty() && word.chars().all(is_plain);
    if plain { word.to_owned() } else { shell_words::quote(word).into_owned() }
}

fn group(change: &Change) -> String {
    let name = change.address.name.as_str();
    match change.action {
        Action::Create => line(["groupadd", "-g", &after(change, "gid").unwrap_or_default(), name]),
        Action::Update => line(["groupmod", "-g", &after(change, "gid").unwrap_or_default(), name]),
        Action::Delete => line(["groupdel", name]),
    }
}

/// Fields of a user, with their option of `useradd` and `usermod`.
const OPTIONS: [(&str, &str); 7] = [
    ("uid", "-u"),
    ("group", "-g"),
    ("groups", "-G"),
    ("comment", "-c"),
    ("home", "-d"),
    ("shell", "-s"),
    ("expires", "-e"),
];

fn user(change: &Change) -> Vec<String> {
    let name = change.address.name.as_str();
    if change.action == Action::Delete {
        return vec![line(["userdel", name])];
    }
    let mut words = Vec::new();
    for (field, option) in OPTIONS {
        if let Some((_, after)) =
            sides(change, field).filter(|(before, after)| **after != Value::Null || !before.is_truthy())
        {
            words.extend([option.to_owned(), option_value(field, after)]);
        } else if sides(change, field).is_some() {
            words.extend([option.to_owned(), String::new()]);
        }
    }
    let is_locked = sides(change, "locked").map(|(_, after)| after.is_truthy());
    if change.action == Action::Create {
        let head = ["useradd".to_owned(), "-m".to_owned()];
        return vec![line(head.into_iter().chain(words).chain([name.to_owned()]))];
    }
    words.extend(is_locked.map(|locked| if locked { "-L" } else { "-U" }.to_owned()));
    let mut commands = Vec::new();
    if !words.is_empty() {
        commands.push(line(["usermod".to_owned()].into_iter().chain(words).chain([name.to_owned()])));
    }
    if sides(change, "home directory").is_some() {
        commands.push(line(["mkhomedir_helper", name]));
    }
    commands
}

/// `ai_team (3001)` is the group with its number; `never` and nothing end an expiry.
fn option_value(field: &str, value: &Value) -> String {
    let shown = text(value);
    match field {
        "group" => shown.split(" (").next().unwrap_or_default().to_owned(),
        "expires" if *value == Value::Null || shown == "never" => String::new(),
        _ if *value == Value::Null => String::new(),
        _ => shown,
    }
}

/// The file that a change of keys is about; a directory above it that is made has a change of its own.
fn key(step: &Step, change: &Change) -> Vec<String> {
    let (user, key) = (given(step, "user"), given(step, "key"));
    let file = change.fields.iter().find_map(|field| match field {
        FieldDiff::Text { name, .. } => Some(name.as_str()),
        _ => None,
    });
    let Some(file) = file else { return vec![line(["install", "-d", "-m", "700", "-o", &user, &change.address.name])] };
    if given(step, "state") == "absent" {
        let body = crate::roster::keys::body(&key).unwrap_or_default();
        return vec![line(["sed", "-i", &format!("\\|{body}|d"), file])];
    }
    let append = format!("{} >> {}", line(["printf", "%s\\n", &key]), line([file]));
    let mut commands = vec![append];
    if change.action == Action::Create {
        let directory = file.rsplit_once('/').map_or(".", |(directory, _)| directory);
        commands.insert(0, line(["install", "-d", "-m", "700", "-o", &user, directory]));
        commands.push(line(["chmod", "600", file]));
        commands.push(line(["chown", &format!("{user}:"), file]));
        commands.push(line(["chown", &format!("{user}:"), directory]));
    }
    commands
}

fn doors(step: &Step, change: &Change) -> Vec<String> {
    if change.address.kind == STARTERS {
        let paths = change.fields.iter().filter_map(|field| match field {
            FieldDiff::Value { before, .. } => Some(before.to_string()),
            _ => None,
        });
        return paths.map(|path| line(["rm", &path])).collect();
    }
    let uid = given(step, "uid");
    vec![line(["pkill", "-TERM", "-U", &uid]), line(["pkill", "-KILL", "-U", &uid])]
}

fn sacctmgr(write: &Write) -> String {
    line(["sacctmgr".to_owned(), "-i".to_owned()].into_iter().chain(write.argv()))
}

/// The limits of a change, in the words that set them.
fn limits(change: &Change, table: &'static [LimitKind]) -> Vec<(&'static str, String)> {
    let one = |field: &FieldDiff| match field {
        FieldDiff::Value { name, before, after } => {
            let kind = find_in(table, name)?;
            let before = if *before == Value::Null { String::new() } else { text(before) };
            Some((kind.name, kind.words(&text(after), &before).into_owned()))
        }
        _ => None,
    };
    change.fields.iter().filter_map(one).collect()
}

/// The texts of a change under Slurm's names.
fn texts(change: &Change, names: &[(&str, &'static str)]) -> Vec<(&'static str, String)> {
    names.iter().filter_map(|(field, word)| Some((*word, after(change, field)?))).collect()
}

const ACCOUNT_TEXTS: [(&str, &str); 3] =
    [("description", "Description"), ("organization", "Organization"), ("parent", "Parent")];

fn account(change: &Change) -> Vec<String> {
    described(change, BookEntity::Account, texts(change, &ACCOUNT_TEXTS), limits(change, LIMITS))
}

fn qos(change: &Change) -> Vec<String> {
    described(change, BookEntity::Qos, texts(change, &[("description", "Description")]), limits(change, QOS_LIMITS))
}

/// What is made first and gets its limits then, as the modules do it.
fn described(
    change: &Change,
    entity: BookEntity,
    texts: Vec<(&'static str, String)>,
    limits: Vec<(&'static str, String)>,
) -> Vec<String> {
    let write = |verb| Write::new(verb, entity, &change.address.name);
    match change.action {
        Action::Delete => vec![sacctmgr(&write(BookVerb::Delete))],
        Action::Create => {
            let first = sacctmgr(&write(BookVerb::Add).set(texts));
            let then = (!limits.is_empty()).then(|| sacctmgr(&write(BookVerb::Modify).set(limits)));
            [first].into_iter().chain(then).collect()
        }
        Action::Update => vec![sacctmgr(&write(BookVerb::Modify).set([texts, limits].concat()))],
    }
}

fn member(step: &Step, change: &Change) -> Vec<String> {
    let name = if step.module == "slurm_user" { given(step, "name") } else { given(step, "user") };
    let write = |verb| Write::new(verb, BookEntity::User, &name);
    if change.address.kind == "slurm_user" {
        let set = texts(change, &[("default_account", "DefaultAccount"), ("admin_level", "AdminLevel")]);
        return match change.action {
            Action::Delete => vec![sacctmgr(&write(BookVerb::Delete))],
            _ => vec![sacctmgr(&write(BookVerb::Modify).set(set))],
        };
    }
    let (account, partition) = (given(step, "account"), given(step, "partition"));
    let exactly = |write: Write| write.of("account", &account).of("partition", &partition);
    if change.action == Action::Delete {
        let all = write(BookVerb::Delete).of("account", &account);
        return vec![sacctmgr(&if partition.is_empty() { all } else { all.of("partition", &partition) })];
    }
    let add = write(BookVerb::Add).of("account", &account);
    let add = if partition.is_empty() { add } else { add.of("partition", &partition) };
    let set = limits(change, LIMITS);
    let then = (!set.is_empty()).then(|| sacctmgr(&exactly(write(BookVerb::Modify)).set(set)));
    (change.action == Action::Create).then(|| sacctmgr(&add)).into_iter().chain(then).collect()
}

fn coordinator(step: &Step, change: &Change) -> Vec<String> {
    let verb = if change.action == Action::Delete { BookVerb::Delete } else { BookVerb::Add };
    let write = Write::new(verb, BookEntity::Coordinator, &given(step, "user"));
    vec![sacctmgr(&write.of("account", &given(step, "account")))]
}

fn jobs(step: &Step, change: &Change) -> Vec<String> {
    let name = given(step, "name");
    let modify =
        |value: &str| Write::new(BookVerb::Modify, BookEntity::User, &name).set([(STOPPING, value.to_owned())]);
    let mut commands = Vec::new();
    if let Some((_, after)) = sides(change, "submission") {
        commands.push(sacctmgr(&modify(if text(after) == "stopped" { "0" } else { "-1" })));
    }
    if sides(change, WAITING).is_some() {
        commands.push(line(["scancel", "--state=PENDING", "-u", &name]));
    }
    if sides(change, RUNNING).is_some() {
        let policy = given(step, "jobs");
        commands.push(match policy.strip_prefix("cancel after ") {
            Some(time) => format!("# scontrol update JobId=… TimeLimit=…: {time} from then on, for each that runs"),
            None => line(["scancel", "-u", &name]),
        });
    }
    commands
}

#[cfg(test)]
mod tests;
