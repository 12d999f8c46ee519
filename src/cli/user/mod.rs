//! `enlist user`: edits the roster on behalf of one person. Touches no host.

use super::Exit;
use super::site::{fail_all, read_roster};
use crate::view;
use crate::view::styles::{stderr, stdout};
use clap::{Args, Subcommand};
use control::roster::edit::{self, Wanted};
use control::roster::keys::Mistaken;
use control::roster::{Roster, State};
use host::system::Attributes;
use host::system::local::atomic;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};
use words::value::Value;

/// Add, change, remove or show a person in the roster; touches no host.
#[derive(Args, Debug)]
pub struct UserArgs {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Add somebody
    Add(#[command(flatten)] EditArgs),
    /// Change an entry; what is not given stays
    Modify {
        /// What to change
        #[command(flatten)]
        edit: EditArgs,
        /// `present` takes somebody back who was removed, into the accounts, too
        #[arg(long, value_parser = ["present", "absent"])]
        state: Option<String>,
    },
    /// Write `state: absent` into the entry; nothing is removed before `enlist apply`
    Remove(#[command(flatten)] Whom),
    /// Show an entry and its accounts
    Show(#[command(flatten)] Whom),
}

/// Whose entry, in which roster.
#[derive(Args, Debug)]
pub struct Whom {
    /// Login name
    pub name: String,
    /// The roster
    #[arg(long, value_name = "FILE", default_value = "roster.yml")]
    pub roster: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub json: bool,
}

/// What shall be written.
#[derive(Args, Debug)]
pub struct EditArgs {
    /// Whose entry
    #[command(flatten)]
    pub whom: Whom,
    /// The number, the same on every host
    #[arg(long)]
    pub uid: Option<u32>,
    /// Primary group, one of the roster's
    #[arg(long)]
    pub group: Option<String>,
    /// Supplementary groups, all of them
    #[arg(long, value_delimiter = ',')]
    pub groups: Option<Vec<String>>,
    /// Real name
    #[arg(long)]
    pub comment: Option<String>,
    /// Login shell
    #[arg(long)]
    pub shell: Option<String>,
    /// Home directory
    #[arg(long)]
    pub home: Option<String>,
    /// Keep the person out for the time being: no password, no key lets him in
    #[arg(long, conflicts_with_all = ["unlock", "expires"])]
    pub lock: bool,
    /// Let the person in again
    #[arg(long)]
    pub unlock: bool,
    /// The first day without login, such as 2027-02-28, or `never`
    #[arg(long, value_name = "DAY")]
    pub expires: Option<String>,
    /// An SSH public key, or @ and a file of them, one a line
    // A pasted private key begins with hyphens; read as an option, it would be quoted in an error.
    #[arg(long = "key", value_name = "KEY|@FILE", allow_hyphen_values = true)]
    pub keys: Vec<String>,
    /// An account to be in
    #[arg(long = "account", value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
    /// The account of jobs that name none
    #[arg(long, value_name = "ACCOUNT")]
    pub default_account: Option<String>,
    /// A limit in the accounts given, or else in the only account: GrpTRES=gres/gpu=2
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    pub limits: Vec<String>,
}

/// Does it. Exit codes: 0 done or nothing to do, 1 an error.
pub fn run(args: &UserArgs) -> Exit {
    let done = match &args.action {
        Action::Add(edit) => edit.wanted(None).and_then(|wanted| change(&edit.whom, |r, n| edit::add(r, n, &wanted))),
        Action::Modify { edit, state } => edit
            .wanted(state.as_deref())
            .and_then(|wanted| change(&edit.whom, |roster, name| edit::modify(roster, name, &wanted))),
        Action::Remove(whom) => change(whom, edit::remove).inspect(|changed| {
            if *changed && !whom.json {
                stderr()
                    .line("Nothing is removed before `enlist apply`. The entry stays, so that the uid stays taken.");
            }
        }),
        Action::Show(whom) => show(whom).map(|()| false),
    };
    let (Action::Add(EditArgs { whom, .. })
    | Action::Modify { edit: EditArgs { whom, .. }, .. }
    | Action::Remove(whom)
    | Action::Show(whom)) = &args.action;
    done.map_or_else(|problems| fail_all(&problems, whom.json), |_| Exit::OK)
}

impl EditArgs {
    fn wanted(&self, state: Option<&str>) -> Result<Wanted, Vec<Diagnostic>> {
        let state = state.map(|state| if state == "absent" { State::Absent } else { State::Present });
        let mut accounts = self.accounts.clone();
        accounts.dedup();
        Ok(Wanted {
            uid: self.uid,
            group: self.group.clone(),
            groups: self.groups.clone(),
            comment: self.comment.clone(),
            shell: self.shell.clone(),
            home: self.home.clone(),
            keys: self.keys.iter().map(|key| keys(key)).collect::<Result<Vec<_>, _>>()?.concat(),
            default_account: self.default_account.clone(),
            locked: (self.lock || self.unlock).then_some(self.lock),
            expires: self.expires.clone(),
            state,
            accounts,
            limits: self.limits.iter().map(|limit| pair(limit)).collect::<Result<_, _>>()?,
        })
    }
}

/// A key, or those of a file; comments and empty lines of the file are passed over. What is no public key is refused before
/// any of it is quoted or written.
fn keys(given: &str) -> Result<Vec<String>, Vec<Diagnostic>> {
    let Some(path) = given.strip_prefix('@') else {
        return Mistaken::find(given.as_bytes())
            .map_or(Ok(vec![given.to_owned()]), |what| Err(mistaken(what, "--key", "FILE")));
    };
    let content = std::fs::read(path).map_err(|error| {
        vec![Diagnostic::new(ErrorKind::Input, format!("cannot read the public key {path}: {error}"))]
    })?;
    // A mark at the start of a file only says how it is encoded.
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&content);
    if let Some(what) = Mistaken::find(content) {
        return Err(mistaken(what, path, path));
    }
    let text = String::from_utf8_lossy(content);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

fn mistaken(what: Mistaken, place: &str, file: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::new(ErrorKind::Input, format!("{place}: {}", what.says())).hint(what.hint(file))]
}

fn pair(limit: &str) -> Result<(String, String), Vec<Diagnostic>> {
    let wrong = || vec![Diagnostic::new(ErrorKind::Input, format!("--limit {limit}: this is no NAME=VALUE"))];
    limit.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(wrong)
}

/// Edits, writes and shows; whether anything changed. The roster is locked from reading to writing, so that of many edits
/// at once none is lost.
fn change(
    whom: &Whom,
    edit: impl FnOnce(&Roster, &str) -> Result<String, Vec<Diagnostic>>,
) -> Result<bool, Vec<Diagnostic>> {
    let _held = lock(&whom.roster);
    let roster = read_roster(&whom.roster)?;
    let (before, after) = (&roster.source.text, edit(&roster, &whom.name)?);
    let changed = *before != after;
    if changed {
        write(&whom.roster, before, &after).map_err(|problem| vec![problem])?;
    }
    let file = &roster.source.name;
    let diff = view::diff::texts(file, before, &after);
    let out = stdout();
    if whom.json {
        let diff: String = diff.iter().map(|line| format!("{line}\n")).collect();
        let fields = [("file", file.as_str().into()), ("user", whom.name.as_str().into())];
        let answer = Value::from_iter(fields.into_iter().chain([("changed", changed.into()), ("diff", diff.into())]));
        out.json(&answer.to_json_line(false));
    } else if changed {
        out.lines(diff.iter().map(|line| view::diff::styled(line)));
        stderr().line(format!("Written. What it means for the hosts: enlist plan --roster {file} -i INVENTORY"));
    } else {
        out.line(format!("Nothing to do: {file} says so already."));
    }
    Ok(changed)
}

/// Waits until no other edit of the roster is at work; the lock goes with the file. Each edit replaces the file, so what is
/// locked may not be the roster any more: then the new one is. A file that cannot be locked (it is not there, it may only be
/// read, its file system has no locks) is not: the reader says what is wrong, the writer compares once more.
fn lock(path: &Path) -> Option<File> {
    loop {
        let file = File::options().read(true).write(true).open(path).ok()?;
        file.lock().ok()?;
        let (held, there) = (file.metadata().ok()?, std::fs::metadata(path).ok()?);
        if (held.dev(), held.ino()) == (there.dev(), there.ino()) {
            return Some(file);
        }
    }
}

/// Replaces the roster as a whole, unless it is no longer what was read (an editor takes no lock). A symbolic link stays one.
fn write(path: &Path, before: &str, after: &str) -> Result<(), Diagnostic> {
    let failed = |why: String| Diagnostic::new(ErrorKind::Input, format!("cannot write {}: {why}", path.display()));
    let real = path.canonicalize().map_err(|error| failed(error.to_string()))?;
    if std::fs::read_to_string(&real).map_err(|error| failed(error.to_string()))? != before {
        return Err(failed("somebody else has changed it meanwhile".into()).hint("run the command again"));
    }
    atomic::write(&real, after.as_bytes(), Attributes::default(), 0o644).map_err(|error| failed(error.to_string()))
}

fn show(whom: &Whom) -> Result<(), Vec<Diagnostic>> {
    let roster = read_roster(&whom.roster)?;
    let user = edit::known(&roster, &whom.name)?;
    let fields = view::user::fields(&roster, user);
    let out = stdout();
    if whom.json {
        out.json(&Value::Map(fields).to_json_line(false))
    } else {
        out.lines(view::user::lines(&fields))
    }
    Ok(())
}
