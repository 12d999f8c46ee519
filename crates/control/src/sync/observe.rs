//! What is on the hosts: their users and groups, one round trip a host.

use super::{Host, Site, Way};
use crate::plan::digest;
use crate::plan::guard::{OwnLogin, Seen};
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
    /// Whether it is locked, where the place says so in its list: a directory does, account files do not.
    #[serde(default)]
    pub locked: Option<bool>,
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

/// What guards need to know of what was seen. Whoever is locked or removed in a directory is so on all hosts whose people come
/// from it: as whom enlist logs in there counts for the directory, also where a host does not answer.
pub(super) fn for_guards(site: &Site, seen: &[Observed]) -> Vec<Seen> {
    let login_on = |host: &Host| match &host.way {
        Ok(Way::Ssh { target, .. }) => site.links.login(target).or_else(|| target.user.clone()),
        // Who reaches the master of a domain may be one of its people.
        Ok(Way::Nis(master)) => site.links.login(&master.target).or_else(|| master.target.user.clone()),
        Ok(Way::Directory(_)) | Err(_) => None,
    };
    let own = |host: &Host| Some(OwnLogin { login: login_on(host)?, host: host.name().to_owned() });
    let concerns = |host: &&Host, place: &str| host.name() == place || host.resolves.as_deref() == Some(place);
    let one = |observed: &Observed| Seen {
        host: observed.host.clone(),
        users: observed.users.iter().map(|user| (user.name.clone(), user.uid)).collect(),
        groups: observed.groups.iter().map(|group| (group.name.clone(), group.gid)).collect(),
        logins: site.hosts.iter().filter(|host| concerns(host, &observed.host)).filter_map(own).collect(),
    };
    seen.iter().map(one).collect()
}

/// The claims of all hosts.
pub(super) fn claims(observed: &[Observed]) -> Vec<Claim> {
    observed.iter().flat_map(Observed::claims).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::fake::FakeConnector;
    use crate::connection::{Become, LinkError, Target};
    use std::time::Duration;

    fn host(name: &str, user: &str, resolves: Option<&str>) -> Host {
        let target = Target {
            name: name.into(),
            address: name.into(),
            port: None,
            user: Some(user.into()),
            keys: Vec::new(),
            password: None,
            ssh_args: Vec::new(),
            host_key_checking: true,
            timeout: Duration::from_secs(1),
            local: false,
        };
        let way = Ok(Way::Ssh { target, who: Become::Login });
        Host {
            name: name.into(),
            way,
            accounts: resolves.is_none(),
            scheduler: false,
            resolves: resolves.map(str::to_owned),
        }
    }

    fn seen(host: &str) -> Observed {
        let (users, groups, warnings) = (Vec::new(), Vec::new(), Vec::new());
        Observed { host: host.into(), users, groups, digest: String::new(), warnings }
    }

    #[test]
    fn a_directory_has_the_logins_of_all_hosts_whose_people_come_from_it() {
        let silent =
            |_: &str, _: &Become, _: &_| Err(LinkError::TimedOut(Box::new(Diagnostic::new(ErrorKind::Host, ""))));
        let connector = FakeConnector::new(silent);
        let hosts =
            [("login1", "ops", Some("corp")), ("login2", "admin", Some("corp")), ("login3", "kim", Some("other"))];
        let mut hosts: Vec<Host> = hosts.into_iter().map(|(name, user, from)| host(name, user, from)).collect();
        hosts.push(host("master", "root", None));
        let site = Site::new(hosts, &connector, 2);
        let places = for_guards(&site, &[seen("corp"), seen("master")]);
        let logins = |at: usize| -> Vec<(&str, &str)> {
            places[at].logins.iter().map(|own| (own.login.as_str(), own.host.as_str())).collect()
        };
        assert_eq!(logins(0), [("ops", "login1"), ("admin", "login2")]);
        assert_eq!(logins(1), [("root", "master")]);
    }
}
