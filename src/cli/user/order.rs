//! One order: an edit of the roster, its diff, and with `--apply` the plan of those people, the question, and the apply.

use super::welcome::{self, Letter, Welcome};
use super::{Done, FileArgs, writing};
use crate::cli::apply::{self, ApplyArgs};
use crate::cli::ledger::{self, Ledger};
use crate::cli::options::{InventoryArgs, LoginArgs};
use crate::cli::site::{SiteArgs, read_roster};
use crate::cli::{Exit, exit, plan};
use crate::view;
use crate::view::fold::Extent;
use crate::view::styles::{stderr, stdout};
use clap::Args;
use control::plan::Plan;
use control::roster::ids::{Numbered, as_numbered};
use control::roster::{Roster, today};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use words::diag::{Diagnostic, ErrorKind, Source};

/// What follows the edit.
#[derive(Args, Debug)]
pub struct CarryArgs {
    /// Also make it so on the hosts and in the scheduler: plan for these people alone, ask, apply
    #[arg(long)]
    pub apply: bool,
    /// Do not ask; needed for --apply where there is no terminal to ask on
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be written, and write nothing
    #[arg(long, conflicts_with = "apply")]
    pub check: bool,
    /// Write the words of welcome here, with the person's own ssh and sbatch lines; - prints them
    #[arg(long, value_name = "FILE")]
    pub welcome: Option<PathBuf>,
    /// With --apply or --welcome: inventory file, directory or comma list of hosts; repeatable
    #[arg(short = 'i', long = "inventory", value_name = "INVENTORY")]
    pub inventory: Vec<String>,
    #[command(flatten)]
    pub login: LoginArgs,
    /// Hosts worked on at once
    #[arg(short, long, default_value_t = 50)]
    pub forks: usize,
}

impl CarryArgs {
    /// As the other commands of the roster have it. All hosts are meant, always.
    pub fn site(&self) -> SiteArgs {
        let inventory = InventoryArgs { sources: self.inventory.clone(), limit: Vec::new() };
        SiteArgs { inventory, login: self.login.clone(), forks: self.forks }
    }
}

/// An edit of the entries of some people, and what is to follow it.
pub struct Order<'a> {
    /// Which roster.
    pub file: &'a FileArgs,
    /// What follows.
    pub carry: &'a CarryArgs,
}

/// What is asked of a roster.
pub struct Asked {
    /// Its text with the edit.
    pub text: String,
    /// Whose entries are edited, by login.
    pub people: Vec<String>,
    /// What is said of it in JSON beside the diff.
    pub said: Said,
    /// What of it cannot be done; the rest can.
    pub bad: Vec<Diagnostic>,
}

/// What an edit says beside its text, for JSON.
pub type Said = Map<String, Value>;

/// The roster before and after an edit.
struct Edited {
    before: Roster,
    asked: Asked,
    after: Roster,
    /// The numbers that are given out with it.
    numbered: Option<Numbered>,
}

impl Edited {
    fn new(before: Roster, asked: Asked) -> Result<Self, Vec<Diagnostic>> {
        let source = Source::new(before.source.name.clone(), asked.text.clone());
        let (after, numbered) = as_numbered(&source, today())?;
        if let Some(Numbered { path, .. }) = numbered.as_ref().filter(|numbered| !numbered.path.exists()) {
            return Err(vec![ledger::missing(path)]);
        }
        Ok(Self { before, asked, after, numbered })
    }

    fn is_changed(&self) -> bool {
        self.before.source.text != self.asked.text
    }

    /// What becomes of the roster, and of its ledger.
    fn diff(&self) -> Vec<String> {
        let mut lines = view::diff::texts(&self.before.source.name, &self.before.source.text, &self.asked.text);
        if let Some(Numbered { path, before, added, .. }) = &self.numbered {
            lines.extend(view::diff::texts(&path.display().to_string(), before, &format!("{before}{added}")));
        }
        lines
    }

    /// How it ends where all that was asked and could be done is done.
    fn exit(&self, exit: Exit) -> Exit {
        if exit == Exit::OK && !self.asked.bad.is_empty() { Exit::LEFT_OUT } else { exit }
    }
}

impl Order<'_> {
    /// Edits, shows, and goes on as far as it is asked to. The roster is locked from reading to writing, so that of many edits
    /// at once none is lost; while a person is asked it is not, and what was read is compared before it is replaced.
    pub fn run(&self, edit: impl Fn(&Roster) -> Result<Asked, Vec<Diagnostic>>) -> Done {
        self.refuse_what_cannot_be_asked()?;
        let held = writing::lock(&self.file.roster);
        let before = read_roster(&self.file.roster)?;
        let asked = edit(&before)?;
        let edited = Edited::new(before, asked)?;
        self.show_diff(&edited);
        edited.asked.bad.iter().for_each(exit::show);
        if self.carry.check {
            self.tell_json(&edited, Map::new());
            return Ok(edited.exit(Exit::OK));
        }
        let letters = self.letters(&edited)?;
        if self.carry.apply {
            drop(held);
            return self.apply(&edited, letters);
        }
        self.write(&edited)?;
        drop(held);
        let mut more = Map::new();
        let exit = self.send(letters, Exit::OK, &mut more);
        self.tell_json(&edited, more);
        self.tell_next(&edited);
        Ok(edited.exit(exit))
    }

    /// Without a terminal nothing can be asked, and then nothing shall have been written either.
    fn refuse_what_cannot_be_asked(&self) -> Result<(), Vec<Diagnostic>> {
        if self.carry.welcome.is_some() {
            welcome::refuse_without_hosts(&self.carry.site()).map_err(|problem| vec![problem])?;
        }
        if self.carry.apply && !self.carry.yes {
            apply::can_ask(self.file.json, "look at it with --check, or give --yes")
                .map_err(|problem| vec![problem])?;
        }
        Ok(())
    }

    fn show_diff(&self, edited: &Edited) {
        if self.file.json {
            return;
        }
        let (out, name, diff) = (stdout(), &edited.before.source.name, edited.diff());
        if edited.is_changed() {
            out.lines(diff.iter().map(|line| view::diff::styled(line)));
        } else {
            out.line(format!("Nothing to do: {name} says so already."));
        }
    }

    fn tell_next(&self, edited: &Edited) {
        if edited.is_changed() && !self.file.json {
            let name = &edited.before.source.name;
            stderr().line(format!("Written. What it means for the hosts: enlist plan --roster {name} -i INVENTORY"));
        }
    }

    /// The roster, then the numbers in the ledger: an entry without a number is named by every command until it has one.
    fn write(&self, edited: &Edited) -> Result<(), Vec<Diagnostic>> {
        let one = |problem| vec![problem];
        let mut ledger = None;
        if let Some(numbered) = &edited.numbered {
            let mut held = Ledger::hold(&numbered.path, false).map_err(one)?;
            held.refuse_other_than(&numbered.before).map_err(one)?;
            ledger = Some((held, numbered));
        }
        writing::write(&self.file.roster, &edited.before.source.text, &edited.asked.text).map_err(one)?;
        let Some((mut held, numbered)) = ledger else { return Ok(()) };
        let name = &edited.before.source.name;
        held.add(&numbered.added).map_err(|problem| {
            one(problem.note(format!("{name} is written")).hint(format!("enlist roster number --roster {name}")))
        })
    }

    fn apply(&self, edited: &Edited, letters: Vec<Letter>) -> Done {
        let (roster, site) = (&edited.after, self.carry.site());
        let planned = plan::of_people(&site, roster, &edited.asked.people)?;
        plan::warn(&planned.warnings);
        let plan = planned.plan;
        if !self.file.json {
            stdout().lines(view::plan::plan(&plan, Extent::Folded));
        }
        self.confirm(edited, &plan)?;
        // Whoever answered saw this roster: it must still be the one, and stay so until all is done.
        let held = writing::lock(&self.file.roster);
        self.write(edited)?;
        let (exit, done) = self.carry_out(site, roster, &plan)?;
        drop(held);
        let mut more = Map::from_iter([("applied".to_owned(), done)]);
        let exit = if exit == Exit::ERROR { exit } else { self.send(letters, exit, &mut more) };
        self.tell_json(edited, more);
        Ok(edited.exit(exit))
    }

    /// Asks once for all: the roster and the hosts.
    fn confirm(&self, edited: &Edited, plan: &Plan) -> Result<(), Vec<Diagnostic>> {
        if self.carry.yes || (plan.is_empty() && !edited.is_changed()) {
            return Ok(());
        }
        let question = if edited.is_changed() { "Write the roster and apply this plan?" } else { "Apply this plan?" };
        let confirmed = apply::confirmed(question).map_err(|problem| vec![problem])?;
        let refusal = || Diagnostic::new(ErrorKind::Refused, "not applied; nothing was written and no host touched");
        confirmed.then_some(()).ok_or_else(|| vec![refusal()])
    }

    fn carry_out(&self, site: SiteArgs, roster: &Roster, plan: &Plan) -> Result<(Exit, Value), Vec<Diagnostic>> {
        let args = ApplyArgs::without_plan(site, self.file.roster.clone(), self.file.json);
        if plan.is_empty() {
            return Ok((apply::exit(true, plan), apply::nothing_done(plan)));
        }
        let carried =
            apply::carry_out(&args, plan, Some(roster)).map_err(|problems| self.written_all_the_same(problems));
        carried.map(|carried| (apply::exit(carried.well, plan), carried.json))
    }

    /// What was refused on the hosts is in the roster, and comes with a later apply.
    fn written_all_the_same(&self, problems: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let file = self.file.roster.display();
        let note = format!("{file} is written; `enlist apply --roster {file}` makes it so later");
        problems.into_iter().map(|problem| problem.note(note.clone())).collect()
    }

    /// The words of welcome, made and their places looked at before anything is written.
    fn letters(&self, edited: &Edited) -> Result<Vec<Letter>, Vec<Diagnostic>> {
        let Some(path) = &self.carry.welcome else { return Ok(Vec::new()) };
        let people = &edited.asked.people;
        let welcome = Welcome::new(&self.carry.site(), &edited.after, None).map_err(|problem| vec![problem])?;
        let letter = |login: &String| {
            let text = welcome.text(login)?;
            Letter::new(path, login, text, people.len() > 1).map_err(|problem| vec![problem])
        };
        people.iter().map(letter).collect()
    }

    /// Sends them. What fails then is told, and undoes nothing.
    fn send(&self, letters: Vec<Letter>, exit: Exit, more: &mut Map<String, Value>) -> Exit {
        if letters.is_empty() {
            return exit;
        }
        let problems: Vec<Diagnostic> = letters.iter().filter_map(|letter| letter.send(self.file.json).err()).collect();
        problems.iter().for_each(exit::show);
        if !problems.is_empty() {
            more.insert("welcome_errors".to_owned(), problems.iter().map(Diagnostic::to_json).collect());
        }
        let texts: Map<String, Value> = letters.into_iter().map(|letter| (letter.login, letter.text.into())).collect();
        more.insert("welcome".to_owned(), texts.into());
        if exit == Exit::OK && !problems.is_empty() { Exit::LEFT_OUT } else { exit }
    }

    fn tell_json(&self, edited: &Edited, more: Map<String, Value>) {
        if !self.file.json {
            return;
        }
        let name = &edited.before.source.name;
        let diff: String = edited.diff().iter().map(|line| format!("{line}\n")).collect();
        let is_written = edited.is_changed() && !self.carry.check;
        let mut answer = Map::from_iter([
            ("file".to_owned(), json!(name)),
            ("changed".to_owned(), json!(is_written)),
            ("diff".to_owned(), json!(diff)),
        ]);
        if let Some(numbered) = &edited.numbered {
            let lines: Vec<&str> = numbered.lines.iter().map(|line| line.trim_end()).collect();
            answer.insert("numbers".to_owned(), json!({ "file": numbered.path, "added": lines }));
        }
        answer.extend(edited.asked.said.clone());
        answer.extend(more);
        stdout().json(&Value::Object(answer).to_string());
    }
}
