//! Which hosts a roster or a plan means, and how to get there: from the inventory and the command line.

use super::nis::NisMaster;
use super::{Host, Way};
use crate::inventory::Inventory;
use crate::local_node::LocalNode;
use crate::roster::{DirectoryEntry, NisEntry, Roster, Written};
use crate::runner::{self, Options};
use crate::template::Templar;
use crate::variables::target::{Login, Resolver};
use crate::variables::{HostScope, World};
use directory::ldap::LdapDirectory;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use words::diag::{Diagnostic, ErrorKind};

/// Finds hosts in an inventory.
pub struct Reach<'a> {
    inventory: &'a Inventory,
    login: &'a Login,
    templar: Templar,
    world: Arc<World>,
}

impl<'a> Reach<'a> {
    /// Hosts of `inventory`, logged in to as `login` says where their variables say nothing.
    pub fn new(inventory: &'a Inventory, login: &'a Login) -> Self {
        let world = Arc::new(runner::world(inventory, &Options::default()));
        // Looking for the way to a host writes nothing, whatever its variables ask for.
        let templar = Templar::on(Arc::new(LocalNode::new(true)));
        Self { inventory, login, templar, world }
    }

    /// The places that `roster` means: its directories, and its hosts, cut down to those that `limit` also selects, in
    /// inventory order. With a limit no directory is among them.
    pub fn of_roster(&self, roster: &Roster, limit: &[String]) -> Result<Vec<Host>, Diagnostic> {
        let mut places = if limit.is_empty() { self.directories(roster)? } else { Vec::new() };
        places.extend(self.hosts_of(roster, limit)?);
        Ok(places)
    }

    fn hosts_of(&self, roster: &Roster, limit: &[String]) -> Result<Vec<Host>, Diagnostic> {
        let (accounts, resolving) = (self.matching(&roster.hosts)?, self.resolving(roster)?);
        let master = match &roster.scheduler {
            Some(pattern) => self.matching(pattern)?.into_iter().next(),
            None => None,
        };
        let wanted = self.inventory.hosts_matching(&["all".to_owned()], limit)?.hosts;
        let is_meant =
            |name: &&String| accounts.contains(name) || resolving.contains_key(*name) || master.as_ref() == Some(*name);
        let hosts = wanted.iter().filter(is_meant).map(|name| {
            let resolves = resolving.get(name).cloned();
            let (accounts, scheduler) = (accounts.contains(name) && resolves.is_none(), master.as_ref() == Some(name));
            Host { accounts, scheduler, resolves, ..self.host(name) }
        });
        let hosts: Vec<_> = hosts.collect();
        if hosts.is_empty() {
            Err(Diagnostic::new(ErrorKind::Input, "no host is left").hint("look at -i, --limit and `hosts`"))
        } else {
            Ok(hosts)
        }
    }

    /// The roster's directories as places.
    fn directories(&self, roster: &Roster) -> Result<Vec<Host>, Diagnostic> {
        let place = |directory: &DirectoryEntry| {
            let name = directory.settings.name.clone();
            if self.inventory.host(&name).is_some() {
                let message = format!("`{name}` is a directory in the roster and a host in the inventory");
                return Err(Diagnostic::input(&directory.place, message).hint("call one of them otherwise"));
            }
            let way = Ok(Way::Directory(Arc::new(LdapDirectory::new(directory.settings.clone()))));
            Ok(Host { name, way, accounts: true, scheduler: false, resolves: None })
        };
        let same = |domain: &&NisEntry| roster.directories.iter().any(|entry| entry.settings.name == domain.name);
        if let Some(domain) = roster.nis.iter().find(same) {
            let message = format!("`{}` is a directory and a NIS domain in the roster", domain.name);
            return Err(Diagnostic::input(&domain.place, message).hint("call one of them otherwise"));
        }
        let nis = roster.nis.iter().map(|domain| self.nis(roster, domain));
        roster.directories.iter().map(place).chain(nis).collect()
    }

    /// A NIS domain as a place, by the way to its master.
    fn nis(&self, roster: &Roster, domain: &NisEntry) -> Result<Host, Diagnostic> {
        let name = domain.name.clone();
        if self.inventory.host(&name).is_some() {
            let message = format!("`{name}` is a NIS domain in the roster and a host in the inventory");
            return Err(Diagnostic::input(&domain.place, message).hint("call one of them otherwise"));
        }
        let masters = self.matching(&domain.master)?;
        let [master] = masters.as_slice() else {
            let message = format!("`{name}` has {} masters: {}", masters.len(), masters.join(", "));
            return Err(Diagnostic::input(&domain.master.place, message).hint("a NIS domain has one: name it"));
        };
        let is_etc = domain.source == std::path::Path::new("/etc");
        if is_etc && self.matching(&roster.hosts)?.contains(master) {
            let message = format!("the accounts of {master} are the sources of `{name}`, and it is among `hosts`");
            return Err(Diagnostic::input(&domain.master.place, message)
                .hint("take it out of `hosts`: one of the two is enough"));
        }
        let way = self.host(master).way.map(|way| match way {
            Way::Ssh { target, who } => {
                let (source, ids) = (domain.source.clone(), domain.ids.clone());
                Way::Nis(Arc::new(NisMaster { name: name.clone(), target, who, source, ids, maps: Mutex::default() }))
            }
            other => other,
        });
        Ok(Host { name, way, accounts: true, scheduler: false, resolves: None })
    }

    /// The hosts whose people come from a directory, with its name.
    fn resolving(&self, roster: &Roster) -> Result<HashMap<String, String>, Diagnostic> {
        let mut resolving = HashMap::new();
        let directories = roster.directories.iter().map(|entry| (&entry.settings.name, &entry.hosts));
        for (name, hosts) in directories.chain(roster.nis.iter().map(|entry| (&entry.name, &entry.hosts))) {
            let Some(pattern) = hosts else { continue };
            for host in self.matching(pattern)? {
                if let Some(other) = resolving.insert(host.clone(), name.clone()) {
                    let message = format!("the people of {host} cannot come from both `{other}` and `{name}`");
                    return Err(Diagnostic::input(&pattern.place, message));
                }
            }
        }
        Ok(resolving)
    }

    /// These hosts.
    pub fn named<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Vec<Host>, Diagnostic> {
        let host = |name| match self.inventory.host(name) {
            Some(_) => Ok(self.host(name)),
            None => {
                let known = self.inventory.hosts().keys().map(String::as_str);
                Err(Diagnostic::new(ErrorKind::Refused, format!("the inventory has no host {name}"))
                    .suggest(name, known)
                    .hint("give the inventory that the plan was made with, or make a new plan"))
            }
        };
        names.into_iter().map(host).collect()
    }

    /// All hosts that `limit` selects.
    pub fn all(&self, limit: &[String]) -> Result<Vec<Host>, Diagnostic> {
        let hosts = self.inventory.hosts_matching(&["all".to_owned()], limit)?.hosts;
        self.named(hosts.iter().map(String::as_str))
    }

    /// The hosts that the roster's pattern matches; one that matches nothing is an error there.
    fn matching(&self, pattern: &Written<String>) -> Result<Vec<String>, Diagnostic> {
        let found = self.inventory.hosts_matching(std::slice::from_ref(&pattern.value), &[]);
        let found = found.map_err(|problem| problem.at(&pattern.place))?;
        if found.hosts.is_empty() {
            let known = self.inventory.groups().keys().chain(self.inventory.hosts().keys()).map(String::as_str);
            let message = format!("no host in the inventory matches `{}`", pattern.value);
            Err(Diagnostic::input(&pattern.place, message).suggest(pattern, known))
        } else {
            Ok(found.hosts)
        }
    }

    /// The host, with the way to it as far as its variables tell.
    fn host(&self, name: &str) -> Host {
        let way = self.way(name).map_err(|mut problem| {
            problem.message = format!("{name}: {}", problem.message);
            problem
                .note("without it nobody can tell how to reach the host")
                .hint("correct the variable in the inventory")
        });
        Host { name: name.to_owned(), way, accounts: true, scheduler: false, resolves: None }
    }

    fn way(&self, name: &str) -> Result<Way, Diagnostic> {
        let scope = HostScope::of_host(&self.world, &Arc::default(), name);
        let resolver = Resolver { templar: &self.templar, login: self.login };
        Ok(Way::Ssh { target: resolver.target(&scope, None)?, who: resolver.escalation(&scope, None)? })
    }
}
