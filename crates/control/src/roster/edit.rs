//! Edits of a roster's text on behalf of one person, for `enlist user`: from the text and what shall be said to the new
//! text. Pure; every check of [`super::load`] has passed on what is given back.

use super::ids::{Kind, as_numbered};
use super::{Account, Member, PersonState, Roster, State, User, keys, today};
use crate::yaml;
use crate::yaml::edit::{Edit, edit};
use words::diag::{Diagnostic, ErrorKind, Source};
use words::text::limit;
use words::value::{Map, Value};

/// What shall be said of one person. What is `None` or empty is left as it stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The number, on every host.
    pub uid: Option<u32>,
    /// Primary group.
    pub group: Option<String>,
    /// Supplementary groups, all of them.
    pub groups: Option<Vec<String>>,
    /// Real name.
    pub comment: Option<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// Home directory.
    pub home: Option<String>,
    /// SSH public keys to be there; others stay.
    pub keys: Vec<String>,
    /// The account of jobs that name none.
    pub default_account: Option<String>,
    /// Kept out for the time being.
    pub locked: Option<bool>,
    /// When the login ends: a day, or `never`.
    pub expires: Option<String>,
    /// How the person stands.
    pub state: Option<PersonState>,
    /// Accounts to be in; others stay.
    pub accounts: Vec<String>,
    /// Limits, by Slurm's names, in each of `accounts`; without any, in the one account that the person is in.
    pub limits: Vec<(String, String)>,
}

/// The roster's text with `name` added. Who was removed is taken back; somebody who is there already must be as wanted, and
/// is left as he is.
pub fn add(roster: &Roster, name: &str, wanted: &Wanted) -> Result<String, Vec<Diagnostic>> {
    let Some(user) = roster.user(name) else {
        refuse_namesake(roster, name, wanted)?;
        let entry = Edit::Set(path(&["users", name]), new_entry(roster, wanted)?);
        let entry = [entry].into_iter().chain(memberships(roster, name, wanted)?).collect::<Vec<_>>();
        return checked(roster, &entry);
    };
    if user.is_removed() {
        if wanted.uid != Some(user.uid.value) {
            let message = format!("`{name}` was here before, with uid {}", user.uid.value);
            let problem = Diagnostic::input(&user.name.place, message);
            let problem = problem.note("somebody new needs another login: files of that time have this number");
            return Err(one(
                problem.hint(format!("to take him back: enlist user modify {name} --state present, or give this uid"))
            ));
        }
        return modify(roster, name, &Wanted { state: Some(PersonState::Present), ..wanted.clone() });
    }
    let text = modify(roster, name, wanted)?;
    if text == roster.source.text {
        return Ok(text);
    }
    let problem = Diagnostic::input(&user.name.place, format!("`{name}` is in the roster already, and not as wanted"));
    Err(one(problem.hint(format!("change the entry: enlist user modify {name} …"))))
}

/// Somebody new is not who had the name in the ledger: with the name would come the number, and with that the files.
fn refuse_namesake(roster: &Roster, name: &str, wanted: &Wanted) -> Result<(), Vec<Diagnostic>> {
    let given = roster.numbers.as_ref().and_then(|numbers| numbers.ledger.number_of(Kind::User, name));
    let Some(given) = given.filter(|given| wanted.uid != Some(*given)) else { return Ok(()) };
    let message = format!("`{name}` was here before, with uid {given} in the ledger");
    let problem = Diagnostic::new(ErrorKind::Input, message);
    let problem = problem.note("somebody new needs another login: files of that time have this number");
    Err(one(problem.hint(format!("to take him back: --uid {given}"))))
}

/// The roster's text with the entry of `name` as wanted. With `state: absent` he is taken out of all accounts, too; when an
/// absent one comes back, so do the memberships that are written down as absent.
pub fn modify(roster: &Roster, name: &str, wanted: &Wanted) -> Result<String, Vec<Diagnostic>> {
    let user = known(roster, name)?;
    let wanted = &in_words_of(user, wanted);
    let mut edits = [fields(user, wanted), new_keys(user, wanted)?].concat();
    match wanted.state {
        Some(PersonState::Absent) => edits.extend(withdrawals(roster, name)),
        Some(_) if user.is_removed() => edits.extend(returns(roster, name)),
        _ => {}
    }
    edits.extend(memberships(roster, name, wanted)?);
    checked(roster, &edits)
}

/// The roster's text with `name` written down as gone. The entry stays, so that the uid stays taken.
pub fn remove(roster: &Roster, name: &str) -> Result<String, Vec<Diagnostic>> {
    modify(roster, name, &Wanted { state: Some(PersonState::Absent), ..Wanted::default() })
}

/// The user, or an error that names similar ones.
pub fn known<'r>(roster: &'r Roster, name: &str) -> Result<&'r User, Vec<Diagnostic>> {
    roster.user(name).ok_or_else(|| {
        let problem = Diagnostic::new(ErrorKind::Input, format!("{} has no user `{name}`", roster.source.name));
        let names = roster.users.iter().map(|user| user.name.as_str());
        one(problem.suggest(name, names).hint(format!("to add somebody: enlist user add {name} …")))
    })
}

fn one(problem: Diagnostic) -> Vec<Diagnostic> {
    vec![problem]
}

fn path(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// Said behind the name of a text that is not written.
pub const AS_IT_WOULD_BE: &str = "(as it would be)";

/// Makes the edits and reads the result with all checks, and with the numbers that the ledger gives for it.
fn checked(roster: &Roster, edits: &[Edit]) -> Result<String, Vec<Diagnostic>> {
    if roster.is_folder() {
        let message = format!("{} is a folder, and only a roster of one file is edited", roster.source.name);
        return Err(one(Diagnostic::new(ErrorKind::Usage, message).hint("edit the person's entry by hand")));
    }
    let text = edit(&roster.source, edits).map_err(one)?;
    as_numbered(&Source::new(format!("{} {AS_IT_WOULD_BE}", roster.source.name), text.clone()), today())?;
    Ok(text)
}

fn new_entry(roster: &Roster, wanted: &Wanted) -> Result<Value, Vec<Diagnostic>> {
    let missing = |what: &str, why: String| {
        one(Diagnostic::new(ErrorKind::Input, format!("a new user needs {what}"))
            .note(why)
            .hint("`enlist audit -i INVENTORY` shows who has which number on the hosts"))
    };
    let gives_numbers = roster.numbers.as_ref().is_some_and(|numbers| numbers.range(Kind::User).is_some());
    if wanted.uid.is_none() && !gives_numbers {
        let highest = roster.users.iter().map(|user| user.uid.value).max();
        let known = highest.map_or("none is given yet".into(), |uid| format!("the highest in the roster is {uid}"));
        return Err(missing("--uid", format!("it is the same on every host, and never guessed; {known}")));
    }
    if wanted.group.is_none() {
        let groups: Vec<_> = roster.groups.iter().map(|group| group.name.as_str()).collect();
        return Err(missing("--group", format!("the groups of the roster are: {}", groups.join(", "))));
    }
    let keys: Vec<Value> = wanted.keys.iter().map(|key| key.as_str().into()).collect();
    let keys = (!keys.is_empty()).then(|| ("keys", Value::List(keys)));
    Ok(said(wanted).into_iter().chain(keys).collect())
}

/// The single fields that are wanted, in the order in which docs/roster.md has them.
fn said(wanted: &Wanted) -> Vec<(&'static str, Value)> {
    let text = |text: &Option<String>| Value::from(text.clone());
    let groups = |names: &Vec<String>| Value::List(names.iter().map(|name| name.as_str().into()).collect());
    let all = [
        ("uid", wanted.uid.into()),
        ("group", text(&wanted.group)),
        ("groups", wanted.groups.as_ref().map_or(Value::Null, groups)),
        ("shell", text(&wanted.shell)),
        ("home", text(&wanted.home)),
        ("comment", text(&wanted.comment)),
        ("default_account", text(&wanted.default_account)),
        ("locked", wanted.locked.into()),
        ("expires", text(&wanted.expires)),
        ("state", wanted.state.map(PersonState::word).into()),
    ];
    all.into_iter().filter(|(_, value)| *value != Value::Null).collect()
}

/// What is wanted of state and lock, in the words that the entry has: of two lines neither contradicts the other.
fn in_words_of(user: &User, wanted: &Wanted) -> Wanted {
    let mut wanted = wanted.clone();
    let written = user.tenure.state.as_ref().map(|state| state.value).filter(|state| state.locks().is_some());
    if let (Some(locked), Some(state), None) = (wanted.locked, written, wanted.state) {
        let other = if locked { PersonState::Suspended } else { PersonState::Active };
        wanted.state = (state.locks() != Some(locked)).then_some(other);
        wanted.locked = None;
    }
    if let (Some(locks), Some(_)) = (wanted.state.and_then(PersonState::locks), user.tenure.locked) {
        wanted.locked = Some(locks);
    }
    wanted
}

/// Edits for the fields that differ.
fn fields(user: &User, wanted: &Wanted) -> Vec<Edit> {
    let written = |text: &Option<super::Written<String>>| text.as_ref().map(|text| text.value.clone());
    let now = said(&Wanted {
        uid: Some(user.uid.value),
        group: Some(user.group.value.clone()),
        groups: Some(user.groups.iter().map(|group| group.value.clone()).collect()),
        comment: written(&user.comment),
        shell: written(&user.shell),
        home: written(&user.home),
        default_account: written(&user.default_account),
        locked: user.tenure.locked,
        expires: user.tenure.expires.map(|expires| expires.to_string()),
        state: Some(user.tenure.state.as_ref().map_or(PersonState::Present, |state| state.value)),
        ..Wanted::default()
    });
    let differing = said(wanted).into_iter().filter(|field| !now.contains(field));
    differing.map(|(key, value)| Edit::Set(path(&["users", &user.name, key]), value)).collect()
}

/// Edits for the keys that are not there; a comment alone makes no other key, options do.
fn new_keys(user: &User, wanted: &Wanted) -> Result<Vec<Edit>, Vec<Diagnostic>> {
    let mut edits = Vec::new();
    for line in &wanted.keys {
        let body = keys::body(line).ok();
        match user.keys.iter().find(|key| body.is_some() && keys::body(&key.line).ok() == body) {
            None => edits.push(Edit::Push(path(&["users", &user.name, "keys"]), line.as_str().into())),
            Some(key) if key.state == State::Absent => {
                let problem = Diagnostic::input(&key.line.place, "this key is in the roster as absent");
                return Err(one(problem.hint("to allow it again, take out its `state: absent` by hand")));
            }
            Some(key) if keys::options(&key.line) != keys::options(line) => {
                let problem = Diagnostic::input(&key.line.place, "this key is in the roster with other options");
                let wanted = match keys::options(line) {
                    "" => "without options".to_owned(),
                    options => format!("with the options {options}"),
                };
                return Err(one(problem
                    .note(format!("it was given {wanted}; a key stands in a file once"))
                    .hint("change the line by hand; nothing was written")));
            }
            Some(_) => {}
        }
    }
    Ok(edits)
}

/// Where people stand in an account: `users` or `coordinators`, with what is said of each.
type Named<'r> = (&'static str, Vec<(&'r str, State)>);

fn standings(account: &Account) -> [Named<'_>; 2] {
    let users = account.users.iter().map(|member| (member.user.as_str(), member.state));
    let coordinators = account.coordinators.iter().map(|one| (one.user.as_str(), one.state));
    [("users", users.collect()), ("coordinators", coordinators.collect())]
}

/// Edits that take somebody out of every account: who is absent is in none, and manages none.
fn withdrawals(roster: &Roster, name: &str) -> Vec<Edit> {
    restated(roster, name, State::Present, "absent")
}

/// Edits that undo [`withdrawals`].
fn returns(roster: &Roster, name: &str) -> Vec<Edit> {
    restated(roster, name, State::Absent, "present")
}

/// Edits that give another state to `name` wherever he stands in an account in this one.
fn restated(roster: &Roster, name: &str, from: State, to: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    for account in roster.accounts.iter().filter(|account| account.state == State::Present) {
        for (list, standing) in standings(account) {
            if !standing.contains(&(name, from)) {
                continue;
            }
            let place = path(&["accounts", &account.name, list]);
            if written(roster, &place).is_some_and(|names| names.as_list().is_some()) {
                edits.push(Edit::Keyed(place.clone()));
            }
            edits.push(Edit::Set([&place[..], &path(&[name, "state"])].concat(), to.into()));
        }
    }
    edits
}

/// Edits for accounts and limits.
fn memberships(roster: &Roster, name: &str, wanted: &Wanted) -> Result<Vec<Edit>, Vec<Diagnostic>> {
    let mut edits = Vec::new();
    for account in accounts(roster, name, wanted)? {
        edits.extend(membership(roster, account, name, &limits(&wanted.limits)?));
    }
    Ok(edits)
}

/// The accounts that are meant.
fn accounts<'r>(roster: &'r Roster, name: &str, wanted: &Wanted) -> Result<Vec<&'r Account>, Vec<Diagnostic>> {
    if wanted.accounts.is_empty() && !wanted.limits.is_empty() {
        let mut all = roster.accounts.iter().filter(|account| member(account, name).is_some());
        return match (all.next(), all.next()) {
            (Some(only), None) => Ok(vec![only]),
            _ => Err(one(Diagnostic::new(ErrorKind::Input, "limits need an account to be in")
                .note(format!("`{name}` is not in exactly one"))
                .hint("name it with --account"))),
        };
    }
    let find = |wanted: &String| {
        roster.account(wanted).ok_or_else(|| {
            let problem = Diagnostic::new(ErrorKind::Input, format!("the roster has no account `{wanted}`"));
            let known = roster.accounts.iter().map(|account| account.name.as_str());
            one(problem.suggest(wanted, known).hint("accounts are written by hand: docs/roster.md shows how"))
        })
    };
    wanted.accounts.iter().map(find).collect()
}

fn limits(given: &[(String, String)]) -> Result<Vec<(&'static str, &str)>, Vec<Diagnostic>> {
    let find = |(name, value): &'_ (String, String)| -> Result<&'static str, Vec<Diagnostic>> {
        let kind = limit::find(name).ok_or_else(|| {
            let known = limit::LIMITS.iter().map(|kind| kind.name);
            one(Diagnostic::new(ErrorKind::Input, format!("there is no limit `{name}`")).suggest(name, known))
        })?;
        if kind.accepts(value) {
            Ok(kind.name)
        } else {
            let message = format!("{} must be {}, not '{value}'", kind.name, kind.says());
            let problem = Diagnostic::new(ErrorKind::Input, message);
            Err(one(kind.problem(value).into_iter().fold(problem, Diagnostic::note)))
        }
    };
    given.iter().map(|limit| Ok((find(limit)?, limit.1.as_str()))).collect()
}

fn member<'r>(account: &'r Account, name: &str) -> Option<&'r Member> {
    account.users.iter().find(|member| member.user.value == name)
}

fn membership(roster: &Roster, account: &Account, name: &str, limits: &[(&str, &str)]) -> Vec<Edit> {
    let users = path(&["accounts", &account.name, "users"]);
    let below = |keys: &[&str]| users.iter().cloned().chain(path(keys)).collect::<Vec<_>>();
    let written = written(roster, &users);
    let as_list = written.as_ref().is_none_or(|users| *users == Value::Null || users.as_list().is_some());
    let known = member(account, name);
    if known.is_none() && limits.is_empty() && as_list {
        return vec![Edit::Push(users, name.into())];
    }
    let mut edits = Vec::new();
    let differing: Vec<_> = limits.iter().filter(|limit| !known.is_some_and(|known| has(known, limit))).collect();
    if written.is_some_and(|users| users.as_list().is_some()) && !differing.is_empty() {
        edits.push(Edit::Keyed(users.clone()));
    }
    if known.is_none() {
        let limits: Map = differing.iter().map(|(key, value)| ((*key).to_owned(), limit_value(value))).collect();
        let entry = (!limits.is_empty()).then(|| ("limits", Value::Map(limits)));
        edits.push(Edit::Set(below(&[name]), entry.into_iter().collect()));
        return edits;
    }
    if known.is_some_and(|known| known.state == State::Absent) {
        edits.push(Edit::Set(below(&[name, "state"]), "present".into()));
    }
    let keys = self::written(roster, &below(&[name, "limits"]));
    edits.extend(differing.iter().map(|(key, value)| {
        // As the file spells it, which may be in other case.
        let spelled = keys.as_ref().and_then(|limits| {
            limits.as_map()?.keys().find(|there| limit::find(there).is_some_and(|kind| kind.name == *key))
        });
        Edit::Set(below(&[name, "limits", spelled.map_or(key, String::as_str)]), limit_value(value))
    }));
    edits
}

/// A number as a number, so that it needs no quotes.
fn limit_value(text: &str) -> Value {
    let number = text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    number.map_or_else(|| text.into(), Value::from)
}

fn has(member: &Member, (name, value): &(&str, &str)) -> bool {
    member.limits.iter().any(|limit| limit.name == *name && limit.value.as_str() == *value)
}

/// What the file has under a path.
fn written(roster: &Roster, path: &[String]) -> Option<Value> {
    let tree = yaml::parse_one(&roster.source).ok()??;
    path.iter().try_fold(&tree, |node, key| node.get(key)).map(|node| node.to_value())
}

#[cfg(test)]
mod tests;
