//! How everybody stands: for each person of the roster the first broken link from the account to the limits, asked in one sweep of
//! every host however many people there are. It is judged by what `enlist explain` judges one person by. Reads only.

use super::ask::{args, ask_result, only_kind, text};
use super::busy::{ask_for_jobs, told};
use super::compile::{Batch, batches, policy_of_leaver};
use super::explain::{
    Facts, InForce, Link, PLAN, Scheduler, broken, foreseen, links, rows_of_associations, rows_of_users, unseen, well,
};
use super::observe::{Observed, ObservedUser, look};
use super::{Host, Site};
use crate::roster::{PersonState, Roster, User};
use host::books::JobsByUser;
use host::change::outcome::ItemResult;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use words::diag::Diagnostic;
use words::value::{Map, Value};

/// How somebody stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingKind {
    /// Something is not as the roster says, or keeps the person from working.
    Broken,
    /// Somebody could not be asked, and nothing is broken elsewhere.
    Unknown,
    /// Kept out by the roster, everywhere.
    Suspended,
    /// The login has ended by its own date.
    Ended,
    /// Gone, everywhere.
    Absent,
    /// All is as it should be.
    Well,
}

impl StandingKind {
    /// All, worst first.
    pub const ALL: [Self; 6] = [Self::Broken, Self::Unknown, Self::Suspended, Self::Ended, Self::Absent, Self::Well];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
            Self::Absent => "absent",
            Self::Well => "well",
        }
    }
}

/// One person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonStanding {
    /// Login.
    pub login: String,
    /// Real name.
    pub name: Option<String>,
    /// Number.
    pub uid: u32,
    /// Primary group.
    pub group: String,
    /// Who answers for the person: by the entry, else by a project or course.
    pub manager: Option<String>,
    /// Projects and courses of which the person is a member, whether or not their days have come.
    pub projects: Vec<String>,
    /// How the person stands.
    pub state: StandingKind,
    /// The first broken link, or what could not be looked at.
    pub first: Option<Link>,
    /// How many links are broken.
    pub broken: usize,
}

/// Looks at everybody, in the roster's order. Where `is_limited` not all hosts of the roster are looked at, so nobody is well.
pub fn standings(site: &Site, roster: &Roster, is_limited: bool) -> Vec<PersonStanding> {
    let mut sweeps: Vec<Result<Sweep, String>> = Vec::new();
    let mut names = Vec::new();
    site.each(
        |host| Ok(sweep(site, host, roster)),
        |host, swept| {
            names.push(host.name().to_owned());
            sweeps.push(swept.map_err(|why| said(&why)).flatten());
        },
    );
    let sweeps: Vec<_> = names.into_iter().zip(sweeps).collect();
    roster.users.iter().map(|user| standing(roster, user, &sweeps, is_limited)).collect()
}

/// A place, and what it says.
type Swept = (String, Result<Sweep, String>);

fn said(problem: &Diagnostic) -> String {
    std::iter::once(&problem.message).chain(&problem.notes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

/// Sentences by login.
type Says = BTreeMap<String, Vec<String>>;

/// What one place says of everybody.
struct Sweep {
    is_directory: bool,
    local: Option<Local>,
    /// uid by login, as the name service says; `None` where it was not asked.
    resolved: Option<HashMap<String, u32>>,
    /// Owner of the home by login, `None` where it is not there; or why nobody can tell.
    homes: HashMap<String, Result<Option<u32>, String>>,
    /// What differs from the roster, by login.
    differs: Says,
    /// What a dry run could not tell, by login.
    untold: Says,
    scheduler: Option<Result<Books, String>>,
    /// Who is in an account of the roster.
    members: HashSet<String>,
}

/// Account files, by login and by number.
struct Local {
    observed: Observed,
    by_name: HashMap<String, usize>,
    by_uid: HashMap<u32, usize>,
}

impl Local {
    fn new(observed: Observed) -> Self {
        let users = || observed.users.iter().enumerate();
        let by_name = users().map(|(at, user)| (user.name.clone(), at)).collect();
        let by_uid = users().map(|(at, user)| (user.uid, at)).collect();
        Self { observed, by_name, by_uid }
    }

    fn named(&self, name: &str) -> Option<&ObservedUser> {
        Some(&self.observed.users[*self.by_name.get(name)?])
    }

    /// The same host with only those whom this person could be.
    fn about(&self, user: &User) -> Observed {
        let same = self.by_name.get(user.name.as_str()).into_iter().chain(self.by_uid.get(&user.uid.value));
        let mut at: Vec<usize> = same.copied().collect();
        at.sort_unstable();
        at.dedup();
        let users = at.into_iter().map(|at| self.observed.users[at].clone()).collect();
        let (host, digest) = (self.observed.host.clone(), String::new());
        Observed { host, users, groups: Vec::new(), digest, warnings: Vec::new() }
    }
}

/// What the scheduler says of everybody.
struct Books {
    defaults: HashMap<String, String>,
    associations: HashMap<String, Vec<InForce>>,
    jobs: Result<JobsByUser, String>,
}

fn sweep(site: &Site, host: &Host, roster: &Roster) -> Result<Sweep, String> {
    let mut sweep = Sweep {
        is_directory: host.is_directory(),
        local: None,
        resolved: None,
        homes: HashMap::new(),
        differs: Says::new(),
        untold: Says::new(),
        scheduler: None,
        members: members(roster),
    };
    if host.accounts {
        let local = Local::new(look(site, host).map_err(|why| said(&why))?);
        if !host.is_directory() {
            sweep.homes = homes(site, host, roster, &local)?;
        }
        sweep.local = Some(local);
        (sweep.differs, sweep.untold) = differing(site, host, roster, &["user", "authorized_key"])?;
    }
    if host.has_people() {
        sweep.resolved = Some(resolved(site, host, roster)?);
    }
    if host.scheduler {
        sweep.scheduler = Some(books(site, host, roster));
        let modules = ["slurm_user", "slurm_association", "slurm_coordinator", "slurm_jobs"];
        match differing(site, host, roster, &modules) {
            Ok((differs, untold)) => {
                sweep.differs.extend(differs.into_iter().map(|(login, says)| (in_scheduler(&login), says)));
                untold.into_iter().for_each(|(login, says)| sweep.untold.entry(login).or_default().extend(says));
            }
            Err(why) => sweep.scheduler = Some(Err(why)),
        }
    }
    Ok(sweep)
}

/// Under this name in [`Sweep::differs`] is what the scheduler has otherwise: no login has a blank in it.
fn in_scheduler(login: &str) -> String {
    format!("{login} in the scheduler")
}

impl Sweep {
    /// Why nobody can tell what the scheduler has.
    fn lost_scheduler(&self) -> Option<String> {
        let why = self.scheduler.as_ref()?.as_ref().err()?;
        Some(format!("the scheduler did not answer: {why}"))
    }

    fn differs(&self, key: &str) -> Vec<String> {
        self.differs.get(key).cloned().unwrap_or_default()
    }
}

/// Names in one question to the name service.
const TOGETHER: usize = 2000;

/// uids of everybody, keyed: a directory need not list anybody.
fn resolved(site: &Site, host: &Host, roster: &Roster) -> Result<HashMap<String, u32>, String> {
    let mut found = HashMap::new();
    let names: Vec<&str> = roster.users.iter().map(|user| user.name.as_str()).collect();
    for names in names.chunks(TOGETHER) {
        let words: Vec<Value> = ["getent", "passwd"].iter().chain(names).map(|word| Value::from(*word)).collect();
        let asked = ask_result(site, host, "command", args([("argv", Value::List(words))]), false)?;
        // With 2 it says that some are not known, and those that are all the same.
        let values = match asked.outcome {
            Ok(outcome) => outcome.values,
            Err(failure) if failure.values.get("rc").and_then(Value::as_int) == Some(2) => failure.values,
            Err(failure) => return Err(failure.msg),
        };
        for line in text(&values, "stdout").lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(|uid| uid.parse().ok())) {
                found.insert(name.to_owned(), uid);
            }
        }
    }
    Ok(found)
}

/// Who owns the homes of those who are there.
fn homes(
    site: &Site,
    host: &Host,
    roster: &Roster,
    local: &Local,
) -> Result<HashMap<String, Result<Option<u32>, String>>, String> {
    let there: Vec<&ObservedUser> = roster.users.iter().filter_map(|user| local.named(&user.name)).collect();
    let looks = there.iter().map(|user| only_kind(&user.home, true)).collect();
    let results = site.ask(host, "stat", looks, true).map_err(|why| said(&why))?;
    let owner = |values: &Map| {
        let stat = values.get("stat").filter(|stat| stat.get("isdir") == Some(&Value::Bool(true)))?;
        u32::try_from(stat.get("uid")?.as_int()?).ok()
    };
    let owners = there.into_iter().zip(results);
    let looked =
        |result: ItemResult| result.outcome.map(|outcome| owner(&outcome.values)).map_err(|failure| failure.msg);
    Ok(owners.map(|(user, result)| (user.name.clone(), looked(result))).collect())
}

/// What a dry run of these modules would change, and where it could not tell, by login.
fn differing(site: &Site, host: &Host, roster: &Roster, modules: &[&str]) -> Result<(Says, Says), String> {
    let (mut differs, mut untold) = (Says::new(), Says::new());
    for Batch { module, items, .. } in batches(roster, host).into_iter().filter(|b| modules.contains(&b.module)) {
        let whose = |item: &Map| item.get("user").or(item.get("name")).map(ToString::to_string).unwrap_or_default();
        let logins: Vec<String> = items.iter().map(whose).collect();
        let results = site.ask(host, module, items, true).map_err(|why| said(&why))?;
        for (login, result) in logins.into_iter().zip(results) {
            let found = if result.outcome.is_err() { &mut untold } else { &mut differs };
            let says = foreseen(module, result);
            if !says.is_empty() {
                found.entry(login).or_default().extend(says);
            }
        }
    }
    Ok((differs, untold))
}

fn books(site: &Site, host: &Host, roster: &Roster) -> Result<Books, String> {
    let defaults = rows_of_users(site, host, None)?.into_iter().collect();
    let mut associations: HashMap<String, Vec<_>> = HashMap::new();
    for (login, in_force) in rows_of_associations(site, host, None)? {
        associations.entry(login).or_default().push(in_force);
    }
    let leavers =
        roster.users.iter().filter(|user| policy_of_leaver(roster, user).is_some()).map(|user| user.uid.value);
    let leavers: std::collections::BTreeSet<u32> = leavers.collect();
    let jobs = if leavers.is_empty() { Ok(JobsByUser::new()) } else { ask_for_jobs(site, host, &leavers) };
    Ok(Books { defaults, associations, jobs })
}

fn standing(roster: &Roster, user: &User, sweeps: &[Swept], is_limited: bool) -> PersonStanding {
    let mut chain = match user.standing {
        PersonState::Absent => gone(user, sweeps),
        PersonState::Upcoming => not_yet(user, sweeps),
        // Who may log in and submit nothing has a limit that is no fault.
        standing if standing.is_kept_out() || standing == PersonState::MayLogin => as_the_roster(user, sweeps),
        _ => chain(roster, user, sweeps),
    };
    let outside = unseen("other hosts", "looked at", "hosts outside of --limit were not looked at");
    chain.extend(is_limited.then_some(outside));
    let ends = |link: &Link| (link.place.as_str(), link.link) == ("roster", "expires");
    let has_ended = chain.iter().any(|link| !link.well && ends(link));
    let is_silent = |link: &Link| link.link == "answers";
    let broken: Vec<&Link> = chain.iter().filter(|link| !link.well && !is_silent(link) && !ends(link)).collect();
    let unknown = chain.iter().find(|link| is_silent(link) || !link.looked_at);
    let (state, first) = match (broken.first(), unknown) {
        (Some(first), _) => (StandingKind::Broken, Some(*first)),
        (None, Some(unknown)) => (StandingKind::Unknown, Some(unknown)),
        (None, None) if has_ended => (StandingKind::Ended, None),
        (None, None) if user.standing == PersonState::Absent => (StandingKind::Absent, None),
        (None, None) if user.standing.is_kept_out() => (StandingKind::Suspended, None),
        (None, None) => (StandingKind::Well, None),
    };
    let projects = || roster.engagements.iter().filter(|one| one.has_member(&user.name));
    let manager = user.manager.as_ref().or_else(|| projects().find_map(|one| one.manager.as_ref()));
    PersonStanding {
        manager: manager.map(|manager| manager.value.clone()),
        projects: projects().map(|one| one.name.value.clone()).collect(),
        login: user.name.value.clone(),
        name: user.comment.as_ref().map(|comment| comment.value.clone()),
        uid: user.uid.value,
        group: user.group.value.clone(),
        state,
        first: first.cloned(),
        broken: broken.len(),
    }
}

/// What a dry run could not tell of somebody.
fn untold(host: &str, user: &User, sweep: &Sweep) -> Option<Link> {
    let says = sweep.untold.get(user.name.as_str())?;
    Some(unseen(host, "as the roster", format!("it cannot be told: {}", says.join("; "))))
}

fn silent(host: &str, why: &str) -> Link {
    broken(host, "answers", why, "look at the host")
}

/// The links of somebody who shall be able to work: directories first, then as `explain` has them.
fn chain(roster: &Roster, user: &User, sweeps: &[Swept]) -> Vec<Link> {
    let (mut first, mut facts, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for (host, sweep) in sweeps {
        match sweep {
            Err(why) => last.push(silent(host, why)),
            Ok(sweep) if sweep.is_directory => first.push(in_directory(host, user, sweep)),
            Ok(sweep) => {
                facts.push(facts_of(roster, user, host, sweep));
                first.extend(resolves(host, user, sweep));
                let lost = sweep.lost_scheduler().filter(|_| sweep.members.contains(user.name.as_str()));
                last.extend(lost.map(|why| silent(host, &why)));
                last.extend(untold(host, user, sweep));
            }
        }
    }
    let mut chain = links(roster, &user.name, &facts);
    // Who has ended has so by the roster's will; the other links of the roster are well.
    let roster_links = chain.iter().take_while(|link| link.place == "roster").count();
    let rest = chain.split_off(roster_links);
    [chain, first, rest, last].concat()
}

fn in_directory(host: &str, user: &User, sweep: &Sweep) -> Link {
    match (sweep.local.as_ref().and_then(|local| local.named(&user.name)), sweep.differs(&user.name)) {
        (None, _) => broken(host, "directory", "no entry", PLAN),
        (Some(_), differs) if differs.is_empty() => well(host, "directory", "as the roster"),
        (Some(_), differs) => broken(host, "directory", differs.join("; "), PLAN),
    }
}

/// On hosts whose people come from a directory.
fn resolves(host: &str, user: &User, sweep: &Sweep) -> Option<Link> {
    let resolved = sweep.resolved.as_ref().filter(|_| sweep.local.is_none())?;
    Some(match resolved.get(user.name.as_str()) {
        Some(uid) if *uid == user.uid.value => well(host, "resolves", "getent knows the name"),
        Some(uid) => broken(host, "resolves", format!("getent says uid {uid}"), "look at sssd and its cache"),
        None => broken(host, "resolves", "getent does not know the name", "look at sssd and its cache"),
    })
}

fn facts_of(roster: &Roster, user: &User, host: &str, sweep: &Sweep) -> Facts {
    let name = user.name.as_str();
    let scheduler = sweep.scheduler.as_ref().map(|books| {
        let books = books.as_ref().map_err(Clone::clone)?;
        let left = policy_of_leaver(roster, user).map(|policy| {
            let jobs = books.jobs.as_ref().map_err(Clone::clone)?;
            Ok(jobs.get(&user.uid.value).and_then(|own| told(own, policy)))
        });
        Ok(Scheduler {
            default_account: books.defaults.get(name).cloned(),
            associations: books.associations.get(name).cloned().unwrap_or_default(),
            differs: sweep.differs(&in_scheduler(name)),
            left_behind: left,
        })
    });
    Facts {
        host: host.to_owned(),
        silent: None,
        local: sweep.local.as_ref().map(|local| local.about(user)),
        resolved: sweep.resolved.as_ref().and_then(|resolved| resolved.get(name).copied()),
        home_owner: sweep.homes.get(name).and_then(|home| home.as_ref().ok().copied().flatten()),
        home_unseen: sweep.homes.get(name).and_then(|home| home.as_ref().err().cloned()),
        entrance: None,
        today: (super::plan::now() / 86_400.0) as i64,
        differs: sweep.differs(name),
        scheduler: scheduler.filter(|said| said.is_ok() && sweep.members.contains(name)),
    }
}

/// Who is in an account of the roster; who is in none needs none.
fn members(roster: &Roster) -> HashSet<String> {
    let all = roster.accounts.iter().flat_map(|account| &account.users);
    all.map(|member| member.user.value.clone()).collect()
}

/// Of somebody who is kept out only what is not as the roster says is broken.
fn as_the_roster(user: &User, sweeps: &[Swept]) -> Vec<Link> {
    let one = |(host, sweep): &Swept| match sweep {
        Err(why) => vec![silent(host, why)],
        Ok(sweep) => {
            let differs = [sweep.differs(&user.name), sweep.differs(&in_scheduler(&user.name))].concat();
            let lost = sweep.lost_scheduler().map(|why| silent(host, &why));
            let link = (!differs.is_empty()).then(|| broken(host, "suspended", differs.join("; "), PLAN));
            let is_missing = sweep.local.as_ref().is_some_and(|local| local.named(&user.name).is_none());
            // Of who is not there a dry run says what else is not there yet, such as his group.
            let untold = untold(host, user, sweep);
            let untold =
                untold.map(|link| if is_missing { broken(host, "account", "no such user", PLAN) } else { link });
            link.into_iter().chain(lost).chain(untold).collect()
        }
    };
    sweeps.iter().flat_map(one).collect()
}

/// Of somebody whose day has not come: an account that is there already must be locked.
fn not_yet(user: &User, sweeps: &[Swept]) -> Vec<Link> {
    let has_account = |sweep: &Sweep| sweep.local.as_ref().is_some_and(|local| local.named(&user.name).is_some());
    let one = |(host, sweep): &Swept| match sweep {
        Err(why) => Some(silent(host, why)),
        Ok(sweep) if has_account(sweep) => {
            let differs = sweep.differs(&user.name);
            (!differs.is_empty()).then(|| broken(host, "upcoming", differs.join("; "), PLAN))
        }
        Ok(_) => None,
    };
    sweeps.iter().filter_map(one).collect()
}

/// Of somebody who shall be gone, whatever is still there.
fn gone(user: &User, sweeps: &[Swept]) -> Vec<Link> {
    let mut links = Vec::new();
    for (host, sweep) in sweeps {
        let sweep = match sweep {
            Ok(sweep) => sweep,
            Err(why) => {
                links.push(silent(host, why));
                continue;
            }
        };
        if let Some(entry) = sweep.local.as_ref().and_then(|local| local.named(&user.name)) {
            links.push(broken(host, "gone", format!("still there: {}:{}", entry.file, entry.line), PLAN));
        }
        let still_resolves =
            sweep.local.is_none() && sweep.resolved.as_ref().is_some_and(|all| all.contains_key(user.name.as_str()));
        if still_resolves {
            links.push(broken(host, "gone", "the name service still knows the name", "look at sssd and its cache"));
        }
        let books = sweep.scheduler.as_ref().and_then(|books| books.as_ref().ok());
        links.extend(books.and_then(|books| in_books(host, user, books)));
        links.extend(sweep.lost_scheduler().map(|why| silent(host, &why)));
    }
    links
}

/// What the scheduler still has of somebody who shall be gone.
fn in_books(host: &str, user: &User, books: &Books) -> Option<Link> {
    let name = user.name.as_str();
    if books.defaults.contains_key(name) || books.associations.contains_key(name) {
        return Some(broken(host, "gone", "the scheduler still knows the user", PLAN));
    }
    match &books.jobs {
        Ok(jobs) if jobs.get(&user.uid.value).is_some_and(|own| !own.is_empty()) => {
            Some(broken(host, "gone", "there are still jobs", PLAN))
        }
        Ok(_) => None,
        Err(why) => Some(unseen(host, "jobs", why.clone())),
    }
}
