//! Requests to hosts: to all of them at once, and one question to one host.

use super::{Host, Site, Way};
use crate::connection::LinkError;
use crate::fleet::{Panicked, in_order};
use host::change::outcome::ItemResult;
use host::modules;
use host::protocol::AgentRequest;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// How many items make one request: so many people are one transaction, and after so many the live line moves.
const TOGETHER: usize = 2500;

/// The same for a module. Those of the scheduler look at its books once, however many items there are.
pub(super) fn together(module: &str) -> usize {
    if module.starts_with("slurm") { usize::MAX } else { TOGETHER }
}

impl Site<'_> {
    /// Does `work` for every host in parallel; `done` gets what came of it in the hosts' order. A fault of enlist in the work
    /// on one host (a panic) is an error of that host, as if it had not answered; the others go on.
    pub(super) fn each<R: Send>(
        &self,
        work: impl Fn(&Host) -> Result<R, Diagnostic> + Sync,
        mut done: impl FnMut(&Host, Result<R, Diagnostic>),
    ) {
        in_order(&self.hosts, self.forks, work, |host, worked| {
            done(host, worked.unwrap_or_else(|why| Err(broken_off(host, &why))));
        });
    }

    /// Says that so many items will be asked for.
    pub(super) fn expect(&self, items: usize) {
        self.links.expect(items);
    }

    /// `module` over `items` on `host`, in as many round trips as that takes. Whoever changes something asks for no more
    /// than [`together`], since an error says nothing about what was done before it.
    pub(super) fn ask(
        &self,
        host: &Host,
        module: &str,
        items: Vec<Map>,
        check: bool,
    ) -> Result<Vec<ItemResult>, Diagnostic> {
        let (mut results, mut rest) = (Vec::with_capacity(items.len()), items.into_iter().peekable());
        while rest.peek().is_some() {
            let piece = rest.by_ref().take(together(module)).collect();
            results.extend(self.ask_once(host, module, piece, check)?);
        }
        Ok(results)
    }

    /// One round trip.
    fn ask_once(&self, host: &Host, module: &str, items: Vec<Map>, check: bool) -> Result<Vec<ItemResult>, Diagnostic> {
        let (target, who) = match host.way.as_ref().map_err(Clone::clone)? {
            Way::Ssh { target, who } => (target, who),
            Way::Directory(directory) => return directory.call(module, &items, check),
            Way::Nis(master) => return master.call(&self.links, module, items, check),
        };
        let count = items.len();
        let bound = modules::bound(module, count);
        let request = AgentRequest {
            module: module.to_owned(),
            items,
            check,
            environment: Vec::new(),
            accounts_in: None,
            bound,
            patience: None,
        };
        let reply = self.links.call(target, who, &request).map_err(|error| unanswered(host, error))?;
        if reply.results.len() == count {
            Ok(reply.results)
        } else {
            let message = format!("{}: {} answers to {count} items of {module}", host.name(), reply.results.len());
            Err(Diagnostic::new(ErrorKind::Internal, message))
        }
    }
}

/// The result of one item of a module. The error says why the host gave none.
pub(super) fn ask_result(site: &Site, host: &Host, module: &str, args: Map, check: bool) -> Result<ItemResult, String> {
    let results = site.ask(host, module, vec![args], check).map_err(|problem| problem.message)?;
    results.into_iter().next().ok_or_else(|| "the host gave no answer".to_owned())
}

/// The return values of one item of a module. The error is that of the host or of the module.
pub(super) fn ask(site: &Site, host: &Host, module: &str, args: Map, check: bool) -> Result<Map, String> {
    let result = ask_result(site, host, module, args, check)?;
    Ok(result.outcome.map_err(|failure| failure.msg)?.values)
}

/// What a program prints on its standard output. A program that fails is an error.
pub(super) fn ask_program<W: AsRef<str>>(site: &Site, host: &Host, words: &[W]) -> Result<String, String> {
    Ok(text(&ask(site, host, "command", command(words), false)?, "stdout"))
}

/// A return value as text; empty where there is none.
pub(super) fn text(values: &Map, key: &str) -> String {
    values.get(key).map(ToString::to_string).unwrap_or_default()
}

/// Arguments of a module.
pub(super) fn args<const N: usize>(pairs: [(&str, Value); N]) -> Map {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Arguments of the module `stat` that ask what is at a path, and nothing that a program or the content would have to tell.
pub(super) fn only_kind(path: &str, follow: bool) -> Map {
    let no = || Value::from(false);
    args([
        ("path", path.into()),
        ("follow", follow.into()),
        ("get_checksum", no()),
        ("get_mime", no()),
        ("get_attributes", no()),
    ])
}

/// Arguments of the module `command`: a program and its words, without a shell.
pub(super) fn command<W: AsRef<str>>(words: &[W]) -> Map {
    args([("argv", Value::List(words.iter().map(|word| word.as_ref().into()).collect()))])
}

fn broken_off(host: &Host, why: &Panicked) -> Diagnostic {
    Diagnostic::new(ErrorKind::Internal, format!("{}: enlist broke off its work on this host: {why}", host.name()))
        .note("this is a fault of enlist; the other hosts are not concerned")
}

fn unanswered(host: &Host, error: LinkError) -> Diagnostic {
    let (LinkError::Unreachable(mut problem) | LinkError::Failed(mut problem) | LinkError::TimedOut(mut problem)) =
        error;
    problem.message = format!("{}: {}", host.name(), problem.message);
    *problem
}
