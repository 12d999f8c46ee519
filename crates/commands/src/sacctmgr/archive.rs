//! `sacctmgr archive dump` and `load` (sacctmgr(1), "ARCHIVE FUNCTIONALITY"): what is asked; the service does it.

use super::condition;
use super::session::{Done, Session};
use super::word::{self, Word, begins};
use slurm::archive::{Kind, Order, Rule, Task};
use slurm::settings::Age;
use std::path::{Component, Path, PathBuf};

/// `archive dump …`, `archive load …`
pub fn run(session: &mut Session, words: &[Word]) -> Done {
    let verb = words.first().map(|word| word.raw).unwrap_or_default();
    let rest = words.get(1..).unwrap_or_default();
    if begins(verb, "Dump", 1) {
        dump(session, rest)
    } else if begins(verb, "Load", 1) {
        load(session, rest)
    } else {
        session.refuse("No valid entity in archive command\nInput line must include, \"Dump\", or \"load\"")
    }
}

const SURE: &str = "This may result in loss of accounting database records (if Purge* options enabled).\nAre you sure you \
                    want to continue?";

/// What `archive dump` was told.
#[derive(Default)]
struct Asked {
    archive: Vec<Kind>,
    ages: Vec<(Kind, Age)>,
    clusters: Option<Vec<String>>,
    directory: Option<String>,
}

/// The kinds by the words that archive them and give their age.
const WORDS: [(&str, &str, Kind); 4] = [
    ("Events", "PurgeEventAfter", Kind::Events),
    ("Jobs", "PurgeJobAfter", Kind::Jobs),
    ("Reservations", "PurgeResvAfter", Kind::Reservations),
    ("Steps", "PurgeStepAfter", Kind::Steps),
];

impl Asked {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.operator.is_none() {
            match WORDS.iter().find(|(name, ..)| word.is(name, 1)) {
                Some((.., kind)) => self.archive.push(*kind),
                None if word.is("Suspend", 1) => {}
                None => return condition::extend(session, &mut self.clusters, word),
            }
            return Ok(());
        }
        if let Some((.., kind)) = WORDS.iter().find(|(_, after, _)| word.is(after, 10)) {
            self.take_age(session, *kind, word);
        } else if word.is("PurgeSuspendAfter", 10) {
            self.take_age(session, Kind::Steps, word);
            // There are no records of suspensions.
            self.ages.pop();
        } else if word.is("Clusters", 1) {
            return condition::extend(session, &mut self.clusters, word);
        } else if word.is("Directory", 2) {
            self.directory = Some(word::unquote(word.value));
        } else {
            session.complain(format!(" Unknown condition: {}", word.raw));
        }
        Ok(())
    }

    fn take_age(&mut self, session: &mut Session, kind: Kind, word: &Word) {
        match Age::parse(word.value) {
            Some(age) => self.ages.push((kind, age)),
            None => session.complain(invalid(word.value)),
        }
    }
}

fn invalid(age: &str) -> String {
    match age.trim_start_matches(|c: char| c.is_ascii_digit()) {
        unit if unit.len() < age.len() && !unit.is_empty() => {
            format!("sacctmgr: error: Invalid purge unit '{unit}', valid options are hours, days, or months")
        }
        _ => format!("sacctmgr: error: Invalid purge string '{age}'"),
    }
}

fn dump(session: &mut Session, words: &[Word]) -> Done {
    let mut asked = Asked::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("set", 3)) {
        asked.take(session, word)?;
    }
    session.check()?;
    may(session, "dumping archive")?;
    let retention = session.world.settings().retention.clone();
    let directory = match &asked.directory {
        Some(directory) => below(session, &retention.directory, directory)?,
        None => retention.directory.clone(),
    };
    let rules = Kind::ALL.into_iter().filter_map(|kind| {
        let (configured, archived) = retention.of(kind);
        let given = asked.ages.iter().rev().find(|(of, _)| *of == kind).map(|(_, age)| *age);
        Some(Rule { kind, age: given.or(configured)?, archive: archived || asked.archive.contains(&kind) })
    });
    let order = Order { rules: rules.collect(), clusters: asked.clusters.unwrap_or_default(), directory };
    if order.rules.is_empty() {
        session.say(" Nothing to do: no age is configured (PurgeJobAfter and so on), and none was given");
        return Ok(());
    }
    if !session.ask(SURE)? {
        session.say(" Changes Discarded");
        return Ok(());
    }
    session.task = Some(Task::Dump(order));
    Ok(())
}

fn load(session: &mut Session, words: &[Word]) -> Done {
    let mut file = None;
    for word in words {
        if word.operator.is_none() || word.is("File", 1) {
            file = Some(word::unquote(word.value));
        } else {
            session.complain(format!(" Unknown option: {}", word.raw));
        }
    }
    session.check()?;
    may(session, "loading archive file")?;
    let Some(file) = file.filter(|file| !file.is_empty()) else {
        return session.refuse(" Problem loading archive file: name it with file=FILE");
    };
    let directory = session.world.settings().retention.directory.clone();
    let file = below(session, &directory, &file)?;
    if !session.ask("Would you like to commit changes?")? {
        session.say(" Changes Discarded");
        return Ok(());
    }
    session.task = Some(Task::Load(file));
    Ok(())
}

fn may(session: &mut Session, what: &str) -> Done {
    if session.caller.is_administrator(session.state) {
        return Ok(());
    }
    session.complain("sacctmgr: error: Your user doesn't have privilege to perform this action");
    session.refuse(format!(" Problem {what}: Access/permission denied"))
}

/// A path in `ArchiveDir`: who administers accounts is not for that reason master of the service's host.
fn below(session: &mut Session, directory: &Path, path: &str) -> Done<PathBuf> {
    let path = directory.join(path);
    let is_plain = path.components().all(|part| !matches!(part, Component::ParentDir));
    if is_plain && path.starts_with(directory) {
        return Ok(path);
    }
    session.refuse(format!(
        "sacctmgr: error: {} is not in ArchiveDir of the service, {}: archives are read and written only there",
        path.display(),
        directory.display()
    ))
}
