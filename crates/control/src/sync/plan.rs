//! Making a plan: every module of the compiled roster runs in check mode on every host, in order, so that the engine
//! that will apply also predicts. Whoever or whatever cannot be planned on a host is named and left out there; all others
//! are planned.

use super::apply::without_migrated;
use super::busy::{AGAIN, busy_leavers};
use super::compile::{Batch, batches, lock, upcoming};
use super::lost::Lost;
use super::observe::{ObservedUser, claims, for_guards};
use super::{Host, Observed, Site, Survey, joined, nodes, observe};
use crate::plan::guard::{self, Case};
use crate::plan::vocabulary as calls;
use crate::plan::{FORMAT, HostPlan, LeftOut, Phase, Plan, RosterMark, Step, digest};
use crate::roster::Roster;
use crate::roster::claims::{conflicts, of_roster};
use crate::roster::excerpt::of_people;
use crate::roster::homes::{above, plain};
use host::change::outcome::{Failure, ItemResult};
use host::change::{Action, Change};
use std::collections::{BTreeMap, HashMap};
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// A plan and what should be said beside it.
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Warnings of modules, with their host.
    pub warnings: Vec<String>,
}

/// Looks at every host and says what would be done. Reads only; refuses conflicts of names and numbers, and what a
/// guard refuses. `created` is the time to write into the plan.
pub fn plan(site: &Site, roster: &Roster, inventory: &[String], created: String) -> Result<Planned, Vec<Diagnostic>> {
    plan_passing(site, roster, inventory, created, &[])
}

/// The same, passing the guards that are `allowed`.
pub fn plan_passing(
    site: &Site,
    roster: &Roster,
    inventory: &[String],
    created: String,
    allowed: &[String],
) -> Result<Planned, Vec<Diagnostic>> {
    plan_part(site, roster, roster, inventory, created, allowed)
}

/// The same for some people of `roster` and what they need: groups and accounts where they are missing, and nothing that is to
/// be done for others.
pub fn plan_of(
    site: &Site,
    roster: &Roster,
    names: &[String],
    inventory: &[String],
    created: String,
) -> Result<Planned, Vec<Diagnostic>> {
    let mut planned = plan_part(site, &of_people(roster, names), roster, inventory, created, &[])?;
    for host in &mut planned.plan.hosts {
        host.steps.retain(is_needed);
    }
    Ok(planned)
}

/// A step for a person, or one that makes what he needs. What is there already and differs is for everybody's plan.
fn is_needed(step: &Step) -> bool {
    let is_shared = ["group", "slurm_account", "slurm_qos"].contains(&step.module.as_str());
    !is_shared || step.changes.iter().any(|change| change.action == Action::Create)
}

/// Plans `roster`, which is all or a part of `everybody`: by that the guards judge.
fn plan_part(
    site: &Site,
    roster: &Roster,
    everybody: &Roster,
    inventory: &[String],
    created: String,
    allowed: &[String],
) -> Result<Planned, Vec<Diagnostic>> {
    let Survey { seen, silent } = observe(site)?;
    let wanted = of_roster(roster);
    let mut problems = conflicts(&wanted, &without_migrated(Some(roster), claims(&seen)));
    problems.extend(joined::shadowed(&wanted, &seen, &joined::resolving(site.hosts())));
    refuse(problems)?;
    let nodes = nodes::views(site, roster, &seen);
    refuse([joined::foreign_numbers(&seen, &nodes), joined::subordinate(&wanted, &nodes)].concat())?;
    let of_host = |name: &str| site.hosts().iter().find(|host| host.name() == name);
    let mut left_out: Vec<LeftOut> = silent.iter().filter_map(|(name, why)| Some(whole(of_host(name)?, why))).collect();
    let said = seen.iter().flat_map(|seen| seen.warnings.iter().map(|text| format!("{}: {text}", seen.host)));
    let (mut hosts, mut warnings) = (Vec::new(), said.collect::<Vec<_>>());
    warnings.extend(joined::remarks(roster, &seen, &nodes));
    let of = |host: &Host| seen.iter().find(|seen| seen.host == host.name());
    let busy = busy_leavers(site, roster);
    site.expect(site.hosts().iter().map(|host| items(roster, host)).sum());
    site.each(
        |host| of(host).map(|observed| Foresight::of(site, host, roster, observed, &busy)).transpose(),
        |host, foreseen| match foreseen {
            Ok(None) => {}
            Ok(Some(foreseen)) => {
                warnings.extend(foreseen.warnings);
                left_out.extend(foreseen.left_out);
                hosts.push(host_plan(host, foreseen.observed, foreseen.steps));
            }
            Err(why) => left_out.push(whole(host, &why)),
        },
    );
    warnings.extend(nodes::shells(site, &hosts));
    let plan = Plan {
        format: FORMAT,
        enlist: env!("CARGO_PKG_VERSION").into(),
        created,
        site: roster.site.clone().unwrap_or_default(),
        roster: RosterMark {
            file: roster.source.name.clone(),
            digest: digest(roster.whole_text().as_bytes()),
            users: people(everybody),
        },
        at: None,
        inventory: inventory.to_vec(),
        guards: roster.guards.clone(),
        hosts,
        left_out,
    };
    let hosts = for_guards(site, &seen);
    let (settings, people, now) = (&roster.guards, people(everybody), now());
    let case = Case { plan: &plan, settings, people, hosts: &hosts, now, allowed, roster: Some(everybody) };
    refuse(guard::refusals(&case))?;
    Ok(Planned { plan, warnings })
}

fn host_plan(host: &Host, observed: &Observed, steps: Vec<Step>) -> HostPlan {
    let directory = host.directory_mark();
    HostPlan { host: observed.host.clone(), observed: observed.digest.clone(), steps, directory }
}

/// How hosts differ from a roster.
pub(super) struct Drift {
    /// What a dry run of the roster would change on each host, and what cannot be told there.
    pub hosts: Vec<(HostPlan, Vec<LeftOut>)>,
    /// Hosts that did not answer to the end, and why.
    pub silent: Vec<(String, Diagnostic)>,
}

/// What a dry run of the roster's accounts, people and keys would change on each host. No scheduler is asked.
pub(super) fn drift(site: &Site, roster: &Roster, seen: &[Observed]) -> Drift {
    let mut drift = Drift { hosts: Vec::new(), silent: Vec::new() };
    let of = |host: &Host| seen.iter().find(|seen| seen.host == host.name());
    let without_scheduler = |host: &Host| Host { scheduler: false, ..host.clone() };
    let nobody = BTreeMap::new();
    let foresee = |host: &Host, observed| Foresight::of(site, &without_scheduler(host), roster, observed, &nobody);
    site.expect(site.hosts().iter().map(|host| items(roster, &without_scheduler(host))).sum());
    site.each(
        |host| of(host).map(|observed| foresee(host, observed)).transpose(),
        |host, foreseen| match foreseen {
            Ok(None) => {}
            Ok(Some(Foresight { observed, steps, left_out, .. })) => {
                drift.hosts.push((host_plan(host, observed, steps), left_out));
            }
            Err(why) => drift.silent.push((host.name().to_owned(), why)),
        },
    );
    drift
}

/// How many items the roster asks of a host.
fn items(roster: &Roster, host: &Host) -> usize {
    batches(roster, host).iter().map(|batch| batch.items.len()).sum()
}

/// How many users the roster wants present.
pub(super) fn people(roster: &Roster) -> usize {
    roster.users.iter().filter(|user| user.standing.has_account()).count()
}

/// Now, in seconds since 1970.
pub(super) fn now() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// No problem is no refusal.
pub(super) fn refuse(problems: Vec<Diagnostic>) -> Result<(), Vec<Diagnostic>> {
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// A host or directory that gave no answer.
fn whole(host: &Host, why: &Diagnostic) -> LeftOut {
    let said = why.message.strip_prefix(&format!("{}: ", host.name())).unwrap_or(&why.message);
    let why_all = std::iter::once(said).chain(why.notes.iter().map(String::as_str)).collect::<Vec<_>>().join(": ");
    let (what, todo) = if host.is_directory() {
        ("the directory", why.hints.first().map_or("look at its server and plan again", String::as_str))
    } else {
        ("the host", "look at the host and plan again, or leave it out with --limit")
    };
    let host = host.name().to_owned();
    LeftOut { host, what: what.into(), why: why_all, meanwhile: None, todo: Some(todo.to_owned()) }
}

/// What is foreseen for one host.
struct Foresight<'s> {
    observed: &'s Observed,
    steps: Vec<Step>,
    warnings: Vec<String>,
    left_out: Vec<LeftOut>,
    lost: Lost,
    residents: Residents<'s>,
}

/// Who is on a host already, by name, and by home.
struct Residents<'s> {
    names: HashMap<&'s str, &'s ObservedUser>,
    homes: HashMap<String, &'s ObservedUser>,
}

impl<'s> Residents<'s> {
    fn new(observed: &'s Observed) -> Self {
        let people = observed.users.iter().filter(|user| user.uid >= 1000);
        let homes = people.map(|user| (plain(&user.home), user)).filter(|(home, _)| home != "/");
        Self { names: observed.users.iter().map(|user| (user.name.as_str(), user)).collect(), homes: homes.collect() }
    }
}

impl<'s> Foresight<'s> {
    /// Runs everything that the roster asks of `host` in check mode. An error means that the host does not answer any more.
    fn of(
        site: &Site,
        host: &Host,
        roster: &Roster,
        observed: &'s Observed,
        busy: &BTreeMap<String, String>,
    ) -> Result<Self, Diagnostic> {
        let lost = Lost::with_busy(busy.clone());
        let residents = Residents::new(observed);
        let (steps, warnings, left_out) = (Vec::new(), Vec::new(), Vec::new());
        let mut foreseen = Self { observed, steps, warnings, left_out, lost, residents };
        for batch in batches(roster, host) {
            foreseen.batch(site, host, batch)?;
        }
        if host.accounts {
            foreseen.lock_upcoming(site, host, roster)?;
        }
        Ok(foreseen)
    }

    /// One batch. An error means that the host does not answer any more.
    fn batch(&mut self, site: &Site, host: &Host, batch: Batch) -> Result<(), Diagnostic> {
        let items = self.possible(site, host, batch.module, batch.items)?;
        if items.is_empty() {
            return Ok(());
        }
        let results = site.ask(host, batch.module, items.clone(), true)?;
        if let Some(why) = all_failed(&results).filter(|_| batch.module.starts_with("slurm")) {
            self.lost.scheduler = true;
            self.leave_out("the scheduler".into(), &why);
            return Ok(());
        }
        for (args, result) in items.into_iter().zip(results) {
            match foretold(result) {
                Ok((changes, said)) => {
                    self.warnings.extend(said.into_iter().map(|text| format!("{}: {text}", host.name())));
                    self.step(batch.phase, batch.module, args, changes, site, host)?;
                }
                Err(failure) => self.failed(site, host, batch.module, &args, &failure)?,
            }
        }
        Ok(())
    }

    fn step(
        &mut self,
        phase: Phase,
        module: &str,
        args: Map,
        changes: Vec<Change>,
        site: &Site,
        host: &Host,
    ) -> Result<(), Diagnostic> {
        if changes.is_empty() {
            return Ok(());
        }
        let name = args.get("name").and_then(Value::as_str).unwrap_or_default();
        // Who has sessions is locked before they end: else the next one begins before the account is gone.
        if module == "doors" && self.residents.names.contains_key(name) {
            self.lock_login(site, host, name)?;
        }
        self.steps.push(Step { phase, module: module.into(), args, changes });
        Ok(())
    }

    /// The items that do not need what was left out; the others are left out, too.
    fn possible(&mut self, site: &Site, host: &Host, module: &str, items: Vec<Map>) -> Result<Vec<Map>, Diagnostic> {
        let mut possible = Vec::with_capacity(items.len());
        for args in items {
            if let Some(why) = self.lost.removes_busy(module, &args) {
                self.stays(site, host, module, &args, why)?;
                continue;
            }
            match self.lost.needed_by(module, &args).or_else(|| homes_of_others(module, &args, &self.residents)) {
                None => possible.push(args),
                Some(why) => self.lose(module, &args, &Failure::new(why)),
            }
        }
        Ok(possible)
    }

    /// Somebody whose jobs run on is kept out, and stays until they are over. Who is not on the host needs nothing there.
    fn stays(&mut self, site: &Site, host: &Host, module: &str, args: &Map, why: String) -> Result<(), Diagnostic> {
        let name = args.get("name").and_then(Value::as_str).unwrap_or_default();
        if module == "user" && !self.residents.names.contains_key(name) {
            return Ok(());
        }
        self.lose(module, args, &Failure::new(why).hint(AGAIN));
        if module == "user" { self.lock(site, host, args) } else { Ok(()) }
    }

    fn failed(
        &mut self,
        site: &Site,
        host: &Host,
        module: &str,
        args: &Map,
        failure: &Failure,
    ) -> Result<(), Diagnostic> {
        self.lose(module, args, failure);
        let is_leaver = module == "user" && args.get("state") == Some(&"absent".into());
        if is_leaver && failure.values.contains_key("processes") {
            self.lock(site, host, args)?;
        }
        Ok(())
    }

    fn lose(&mut self, module: &str, args: &Map, failure: &Failure) {
        self.lost.add(module, args);
        if !self.lost.scheduler || !module.starts_with("slurm") {
            self.leave_out(subject(module, args), failure);
        }
    }

    fn leave_out(&mut self, what: String, failure: &Failure) {
        let todo = in_terms_of_the_roster(failure);
        let host = self.observed.host.clone();
        self.left_out.push(LeftOut { host, what, why: failure.msg.clone(), meanwhile: None, todo });
    }

    /// Locks the accounts of those whose day has not come, where they are there.
    fn lock_upcoming(&mut self, site: &Site, host: &Host, roster: &Roster) -> Result<(), Diagnostic> {
        for name in upcoming(roster).filter(|name| self.residents.names.contains_key(name)).collect::<Vec<_>>() {
            self.lock_login(site, host, name)?;
        }
        Ok(())
    }

    /// Keeps a leaver out who has processes and cannot be removed yet.
    fn lock(&mut self, site: &Site, host: &Host, args: &Map) -> Result<(), Diagnostic> {
        let name = args.get("name").and_then(Value::as_str).unwrap_or_default();
        if self.lock_login(site, host, name)? {
            let is_own = |step: &Step| step.module == calls::LOCK.module && step.args == lock(name);
            let is_new = self.steps.iter().any(is_own);
            let meanwhile = if is_new { "the login is locked by this plan" } else { "the login is locked" };
            if let Some(left_out) = self.left_out.last_mut() {
                left_out.meanwhile = Some(meanwhile.into());
            }
        }
        Ok(())
    }

    /// Adds the step that locks a login, unless it is locked already; false when the host cannot tell.
    fn lock_login(&mut self, site: &Site, host: &Host, name: &str) -> Result<bool, Diagnostic> {
        let args = lock(name);
        let result = site.ask(host, "user", vec![args.clone()], true)?.into_iter().next();
        let Some(Ok((changes, _))) = result.map(foretold) else { return Ok(false) };
        let at = self.steps.iter().take_while(|step| step.phase == Phase::Accounts).count();
        if !changes.is_empty() {
            let (phase, module) = (calls::LOCK.phase, calls::LOCK.module.to_owned());
            self.steps.insert(at, Step { phase, module, args, changes });
        }
        Ok(true)
    }
}

/// Why all of several items failed alike, if they did: then it is not the items that are wrong.
fn all_failed(results: &[ItemResult]) -> Option<Failure> {
    let mut failures = results.iter().map(|result| result.outcome.as_ref().err());
    let first = failures.next()??;
    let alike = failures.all(|other| other.is_some_and(|other| other.msg == first.msg));
    (results.len() > 1 && alike).then(|| first.clone())
}

/// Why a person cannot have this home: somebody who is not the roster's lives there. Who has it already keeps it.
fn homes_of_others(module: &str, args: &Map, residents: &Residents) -> Option<String> {
    let text = |argument: &str| args.get(argument).and_then(Value::as_str);
    if module != "user" || text("state") == Some("absent") {
        return None;
    }
    let name = text("name")?;
    let home = match (text("home"), residents.names.get(name)) {
        (Some(home), Some(there)) if plain(home) == plain(&there.home) => return None,
        (Some(home), _) => plain(home),
        (None, Some(_)) => return None,
        (None, None) => format!("/home/{name}"),
    };
    let mut places = std::iter::once(home.as_str()).chain(above(&home));
    let other = places.find_map(|place| residents.homes.get(place).filter(|other| other.name != name))?;
    let how = if plain(&other.home) == home { "is" } else { "is within" };
    Some(format!("{home} {how} the home of {} ({}:{})", other.name, other.file, other.line))
}

/// The changes and warnings of a dry run; one that cannot tell what would happen is a failure, since a plan must.
pub(super) fn foretold(result: ItemResult) -> Result<(Vec<Change>, Vec<String>), Failure> {
    let outcome = result.outcome?;
    match outcome.skipped {
        None if !result.changed || !result.changes.is_empty() => Ok((result.changes, outcome.warnings)),
        skipped => {
            let why = skipped.unwrap_or_else(|| "it does not say what it would change".into());
            Err(Failure::new(format!("this cannot be planned: {why}")))
        }
    }
}

/// Whom or what a call is about, for people.
pub(super) fn subject(module: &str, args: &Map) -> String {
    let text = |argument: &str| args.get(argument).and_then(Value::as_str);
    let within = |account: &str| match (text("user").or(text("name")), text("partition")) {
        (Some(user), Some(partition)) => format!("association {account}/{user}/{partition}"),
        (Some(user), None) => format!("association {account}/{user}"),
        _ => format!("account {account}"),
    };
    match (module, text("account")) {
        ("slurm_coordinator", Some(account)) => format!("coordinator {account}/{}", text("user").unwrap_or_default()),
        (_, Some(account)) => within(account),
        ("authorized_key", _) => format!("a key of {}", text("user").unwrap_or_default()),
        (module, _) => {
            let kind = module.strip_prefix("slurm_").unwrap_or(module);
            let whose = if module == "slurm_user" { " in the scheduler" } else { "" };
            format!("{kind} {}{whose}", text("name").unwrap_or_default())
        }
    }
}

/// What people can do, in words of the roster: modules' hints speak of tasks and arguments, which a roster does not have.
fn in_terms_of_the_roster(failure: &Failure) -> Option<String> {
    let told = [
        ("symbolic link", "let the person replace the link by a file of his own, or take the keys out of his entry"),
        ("the directory above it does not exist", "make the home on the host, or correct `home` in the roster"),
        ("is the default account of", "give the person another `default_account` in the roster"),
    ];
    let known = told.iter().find(|(words, _)| failure.msg.contains(words)).map(|(_, todo)| (*todo).to_owned());
    known.or_else(|| failure.hint.clone())
}

/// A module's failure as a diagnostic.
pub(super) fn failed(host: &str, module: &str, args: &Map, failure: &Failure) -> Diagnostic {
    let message = format!("{host}: {}: {}", subject(module, args), failure.msg);
    let problem = Diagnostic::new(ErrorKind::Host, message);
    match in_terms_of_the_roster(failure) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
