//! What an entry of the roster shall say, as options.

use super::input;
use clap::Args;
use control::roster::PersonState;
use control::roster::edit::Wanted;
use control::roster::keys::Mistaken;
use words::diag::{Diagnostic, ErrorKind};

/// What shall be written.
#[derive(Args, Debug)]
pub struct FieldArgs {
    /// The number, the same on every host
    #[arg(long)]
    uid: Option<u32>,
    /// Primary group, one of the roster's
    #[arg(long)]
    group: Option<String>,
    /// Supplementary groups, all of them
    #[arg(long, value_delimiter = ',')]
    groups: Option<Vec<String>>,
    /// Real name
    #[arg(long, visible_alias = "name", value_name = "NAME")]
    comment: Option<String>,
    /// Login shell
    #[arg(long)]
    shell: Option<String>,
    /// Home directory
    #[arg(long)]
    home: Option<String>,
    /// Keep the person out for the time being: no password, no key lets him in
    #[arg(long, conflicts_with_all = ["unlock", "expires"])]
    lock: bool,
    /// Let the person in again
    #[arg(long)]
    unlock: bool,
    /// The first day without login, such as 2027-02-28, or `never`
    #[arg(long, value_name = "DAY")]
    expires: Option<String>,
    /// An SSH public key, or @ and a file of them, one a line
    // A pasted private key begins with hyphens; read as an option, it would be quoted in an error.
    #[arg(long = "key", value_name = "KEY|@FILE", allow_hyphen_values = true)]
    keys: Vec<String>,
    /// An account to be in
    #[arg(long = "account", value_name = "ACCOUNT")]
    accounts: Vec<String>,
    /// The account of jobs that name none
    #[arg(long, value_name = "ACCOUNT")]
    default_account: Option<String>,
    /// A limit in the accounts given, or else in the only account: GrpTRES=gres/gpu=2
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// How many GPUs the person may have at once in the account: short for --limit GrpTRES=gres/gpu=COUNT
    #[arg(long, value_name = "COUNT")]
    gpu: Option<u32>,
}

impl FieldArgs {
    /// The real name, if one is given.
    pub fn real_name(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// The same as the roster's editor takes it.
    pub fn wanted(&self, state: Option<PersonState>) -> Result<Wanted, Vec<Diagnostic>> {
        let mut accounts = self.accounts.clone();
        accounts.dedup();
        let limits = self.limits.iter().map(|limit| pair("--limit", limit)).chain(self.gpu.map(|gpu| Ok(gpus(gpu))));
        Ok(Wanted {
            uid: self.uid,
            group: self.group.clone(),
            groups: self.groups.clone(),
            comment: self.comment.clone(),
            shell: self.shell.clone(),
            home: self.home.clone(),
            keys: self.keys.iter().map(|key| keys("--key", key)).collect::<Result<Vec<_>, _>>()?.concat(),
            default_account: self.default_account.clone(),
            locked: (self.lock || self.unlock).then_some(self.lock),
            expires: self.expires.clone(),
            state,
            accounts,
            limits: limits.collect::<Result<_, _>>()?,
        })
    }
}

/// The limit that says how many GPUs somebody may have at once.
pub fn gpus(count: u32) -> (String, String) {
    ("GrpTRES".to_owned(), format!("gres/gpu={count}"))
}

/// A key, or those of a file; comments and empty lines of the file are passed over. What is no public key is refused before
/// any of it is quoted or written.
pub fn keys(place: &str, given: &str) -> Result<Vec<String>, Vec<Diagnostic>> {
    let Some(path) = given.strip_prefix('@') else { return key(place, given).map(|key| vec![key]) };
    let content =
        std::fs::read(path).map_err(|error| vec![input(format!("cannot read the public key {path}: {error}"))])?;
    // A mark at the start of a file only says how it is encoded.
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&content);
    if let Some(what) = Mistaken::find(content) {
        return Err(mistaken(what, path, path));
    }
    let text = String::from_utf8_lossy(content);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// A key itself, as far as it looks like one.
pub fn key(place: &str, given: &str) -> Result<String, Vec<Diagnostic>> {
    Mistaken::find(given.as_bytes()).map_or(Ok(given.to_owned()), |what| Err(mistaken(what, place, "FILE")))
}

fn mistaken(what: Mistaken, place: &str, file: &str) -> Vec<Diagnostic> {
    vec![Diagnostic::new(ErrorKind::Input, format!("{place}: {}", what.says())).hint(what.hint(file))]
}

/// `NAME=VALUE`, which `place` has.
pub fn pair(place: &str, limit: &str) -> Result<(String, String), Vec<Diagnostic>> {
    let wrong = || vec![input(format!("{place} {limit}: this is no NAME=VALUE"))];
    limit.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(wrong)
}
