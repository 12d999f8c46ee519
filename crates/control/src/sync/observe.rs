//! What is on the hosts: their users and groups, one round trip a host.

use super::{Host, Site, Way};
use crate::plan::digest;
use crate::plan::guard::Seen;
use crate::roster::claims::{Claim, Kind, Origin};
use serde::{Deserialize, Serialize};
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// The users and groups of one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Its inventory name.
    pub host: String,
    /// In the order of the file.
    pub users: Vec<ObservedUser>,
    /// In the order of the file.
    pub groups: Vec<ObservedGroup>,
    /// Fingerprint of all of it.
    pub digest: String,
    /// As whom enlist is logged in there, if that is known.
    pub login: Option<String>,
    /// What the host says of its account files, such as lines that cannot be read.
    pub warnings: Vec<String>,
}

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedUser {
    /// Login name.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Primary group's number.
    pub gid: u32,
    /// GECOS.
    #[serde(rename = "gecos")]
    pub comment: String,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// The file that it is in.
    pub file: String,
    /// The line in it, from 1.
    pub line: u32,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedGroup {
    /// Name.
    pub name: String,
    /// Number.
    pub gid: u32,
    /// The file that it is in.
    pub file: String,
    /// The line in it, from 1.
    pub line: u32,
}

/// What all hosts together say: those that answered, and those that did not.
#[derive(Debug)]
pub struct Survey {
    /// What was seen, in the hosts' order.
    pub seen: Vec<Observed>,
    /// Hosts that did not answer, or that nobody can tell the way to, and why. Nobody can say whose a number is there; when they are back, the next look finds
    /// out.
    pub silent: Vec<(String, Diagnostic)>,
}

/// Looks at every host at once. One that does not answer is named; it is an error only when none does.
pub fn observe(site: &Site) -> Result<Survey, Vec<Diagnostic>> {
    let mut survey = Survey { seen: Vec::new(), silent: Vec::new() };
    site.each(
        |host| look(site, host),
        |host, looked| match looked {
            Ok(observed) => survey.seen.push(observed),
            Err(problem) => survey.silent.push((host.name().to_owned(), problem)),
        },
    );
    if survey.seen.is_empty() {
        return Err(survey.silent.into_iter().map(|(_, problem)| problem).collect());
    }
    Ok(survey)
}

/// Looks at one host.
pub(super) fn look(site: &Site, host: &Host) -> Result<Observed, Diagnostic> {
    let failed = |why: String| {
        Diagnostic::new(ErrorKind::Host, format!("{}: cannot read the account files", host.name())).note(why)
    };
    let results = site.ask(host, "accounts", vec![Map::new()], true)?;
    let result = results.into_iter().next().ok_or_else(|| failed("the host gave no answer".into()))?;
    let outcome = result.outcome.map_err(|failure| failed(failure.msg))?;
    let (values, warnings) = (outcome.values, outcome.warnings);
    let digest = digest(Value::Map(values.clone()).to_json_line(true).as_bytes());
    let part = |key: &str| values.get(key).cloned().unwrap_or_default().to_json_line(false);
    Ok(Observed {
        host: host.name().to_owned(),
        users: serde_json::from_str(&part("users")).map_err(|error| failed(error.to_string()))?,
        groups: serde_json::from_str(&part("groups")).map_err(|error| failed(error.to_string()))?,
        digest,
        login: match &host.way {
            Ok(Way::Ssh { target, .. }) => site.links.login(target),
            Ok(Way::Directory(_)) | Err(_) => None,
        },
        warnings,
    })
}

impl Observed {
    /// Who has which name and number here.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        let users = self.users.iter().map(|user| (Kind::User, &user.name, user.uid, &user.file, user.line));
        let groups = self.groups.iter().map(|group| (Kind::Group, &group.name, group.gid, &group.file, group.line));
        users.chain(groups).map(|(kind, name, id, file, line)| Claim {
            kind,
            name: name.clone(),
            id,
            origin: Origin::Host { host: self.host.clone(), file: file.clone(), line },
        })
    }
}

impl From<&Observed> for Seen {
    fn from(observed: &Observed) -> Self {
        Self {
            host: observed.host.clone(),
            users: observed.users.iter().map(|user| (user.name.clone(), user.uid)).collect(),
            groups: observed.groups.iter().map(|group| (group.name.clone(), group.gid)).collect(),
            login: observed.login.clone(),
        }
    }
}

/// The claims of all hosts.
pub(super) fn claims(observed: &[Observed]) -> Vec<Claim> {
    observed.iter().flat_map(Observed::claims).collect()
}
