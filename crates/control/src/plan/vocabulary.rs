//! The whole vocabulary of a plan: every module call that a roster can be compiled to, argument by argument.
//!
//! The planner builds its calls from this table and the guard reads a plan by it, so neither knows a word that the other
//! does not. What is not here (a path for keys, a skeleton, a home that belongs to the system) cannot be in a plan.

use crate::plan::{Phase, Step};
use crate::roster::{homes, is_hash, keys, names, sudo_problem};
use host::books::JobsOfLeavers;
use words::text::limit::{LIMITS, LimitKind, QOS_LIMITS, find_in};
use words::value::{Map, Value};

/// What the value of an argument looks like.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A login or group name: never a number, which a host would look up by itself.
    Login,
    /// A list of them, perhaps empty.
    Logins,
    /// A name of the scheduler's: account, QOS, partition.
    Account,
    /// A uid or gid.
    Id,
    /// `true` or `false`.
    Flag,
    /// Seconds since 1970, or a negative number for never.
    Seconds,
    /// One line of text that fits into a field of /etc/passwd.
    Line,
    /// One line of text for the scheduler.
    Text,
    /// A login shell: an absolute path.
    Shell,
    /// A home that can be one person's.
    Home,
    /// One public key, with options and comment.
    Key,
    /// Limits of this table.
    Limits(&'static [LimitKind]),
    /// A list of accounts.
    Accounts,
    /// What becomes of jobs.
    Jobs,
    /// A hash of crypt(5), or `*` for no password.
    Hash,
    /// `on_create`: for a new account alone.
    OnCreate,
    /// What stands behind a name in sudoers(5): one line.
    Rule,
}

/// One argument of a call.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// The module's name for it.
    pub name: &'static str,
    /// What its value looks like.
    pub form: Form,
    /// Whether no call is without it.
    pub required: bool,
}

/// One call that a roster can be compiled to.
#[derive(Debug)]
pub struct Call {
    /// When it is made.
    pub phase: Phase,
    /// The module's short name.
    pub module: &'static str,
    /// `present` or `absent`; of submission `stopped` or `open`; of doors `shut`.
    pub state: &'static str,
    /// Every argument that it may have besides `state`.
    pub arguments: &'static [Argument],
}

const fn must(name: &'static str, form: Form) -> Argument {
    Argument { name, form, required: true }
}

const fn may(name: &'static str, form: Form) -> Argument {
    Argument { name, form, required: false }
}

/// A call that makes or changes something.
const fn present(phase: Phase, module: &'static str, arguments: &'static [Argument]) -> Call {
    Call { phase, module, state: "present", arguments }
}

/// A call that removes something.
const fn absent(phase: Phase, module: &'static str, arguments: &'static [Argument]) -> Call {
    Call { phase, module, state: "absent", arguments }
}

const NAME: Argument = must("name", Form::Login);
const A_KEY: Argument = must("key", Form::Key);
const ACCOUNT_NAME: Argument = must("account", Form::Account);
const WHO: Argument = must("user", Form::Login);
const WHERE: Argument = must("partition", Form::Account);
const ITS_LIMITS: Argument = may("limits", Form::Limits(LIMITS));

/// A group with its number.
pub static GROUP: Call = present(Phase::Accounts, "group", &[NAME, must("gid", Form::Id)]);
/// A person with everything that the roster says.
#[rustfmt::skip]
pub static USER: Call = present(Phase::Accounts, "user", &[
    NAME, must("uid", Form::Id), must("group", Form::Login), may("groups", Form::Logins), may("append", Form::Flag),
    may("shell", Form::Shell), may("home", Form::Home), may("comment", Form::Line), may("password", Form::Hash),
    may("update_password", Form::OnCreate), may("password_lock", Form::Flag), may("expires", Form::Seconds),
    may("starts", Form::Seconds),
]);
/// Keeping a leaver out who cannot be removed yet.
pub static LOCK: Call =
    present(Phase::Accounts, "user", &[NAME, must("password_lock", Form::Flag), must("expires", Form::Seconds)]);
/// A key of a person's.
pub static ADD_KEY: Call = present(Phase::Accounts, "authorized_key", &[WHO, A_KEY]);
/// What a person may run with sudo.
pub static ADD_SUDO: Call = present(Phase::Accounts, "sudo_rule", &[NAME, must("rule", Form::Rule)]);
/// A QOS with its limits.
pub static QOS: Call = present(
    Phase::Scheduler,
    "slurm_qos",
    &[must("name", Form::Account), may("description", Form::Text), may("limits", Form::Limits(QOS_LIMITS))],
);
/// An account, its place in the tree and its limits.
pub static ACCOUNT: Call = present(
    Phase::Scheduler,
    "slurm_account",
    &[
        must("name", Form::Account),
        may("parent", Form::Account),
        may("description", Form::Text),
        may("organization", Form::Text),
        ITS_LIMITS,
    ],
);
/// A person in an account.
pub static MEMBER: Call = present(Phase::Scheduler, "slurm_user", &[NAME, ACCOUNT_NAME, ITS_LIMITS]);
/// A person in an account, for one partition.
pub static MEMBER_PLACE: Call = present(Phase::Scheduler, "slurm_association", &[ACCOUNT_NAME, WHO, WHERE, ITS_LIMITS]);
/// The account of jobs that name none.
pub static DEFAULT_ACCOUNT: Call =
    present(Phase::Scheduler, "slurm_user", &[NAME, must("default_account", Form::Account)]);
/// Who manages an account.
pub static ADD_COORDINATOR: Call = present(Phase::Scheduler, "slurm_coordinator", &[ACCOUNT_NAME, WHO]);
/// Who was kept from submitting may submit again.
pub static OPEN_JOBS: Call = Call {
    phase: Phase::Scheduler,
    module: "slurm_jobs",
    state: "open",
    arguments: &[NAME, must("uid", Form::Id), may("keep", Form::Accounts)],
};
/// Who leaves submits nothing any more, and loses jobs as the roster says.
pub static STOP_JOBS: Call = Call {
    phase: Phase::SchedulerRemovals,
    module: "slurm_jobs",
    state: "stopped",
    arguments: &[NAME, must("uid", Form::Id), must("jobs", Form::Jobs)],
};
/// Who manages an account no longer.
pub static REMOVE_COORDINATOR: Call = absent(Phase::SchedulerRemovals, "slurm_coordinator", &[ACCOUNT_NAME, WHO]);
/// An association for one partition that goes.
pub static LEAVE_PLACE: Call = absent(Phase::SchedulerRemovals, "slurm_association", &[ACCOUNT_NAME, WHO, WHERE]);
/// A person who leaves one account, or all.
pub static LEAVE: Call = absent(Phase::SchedulerRemovals, "slurm_user", &[NAME, may("account", Form::Account)]);
/// An account that goes.
pub static REMOVE_ACCOUNT: Call = absent(Phase::SchedulerRemovals, "slurm_account", &[must("name", Form::Account)]);
/// A QOS that goes.
pub static REMOVE_QOS: Call = absent(Phase::SchedulerRemovals, "slurm_qos", &[must("name", Form::Account)]);
/// Sessions that end. Processes of jobs are the scheduler's to end. `for_good`: what would start programs later goes.
pub static SHUT_DOORS: Call = Call {
    phase: Phase::AccountRemovals,
    module: "doors",
    state: "shut",
    arguments: &[NAME, must("uid", Form::Id), may("for_good", Form::Flag)],
};
/// A rule of sudo that goes.
pub static REMOVE_SUDO: Call = absent(Phase::AccountRemovals, "sudo_rule", &[NAME]);
/// A key that goes.
pub static REMOVE_KEY: Call = absent(Phase::AccountRemovals, "authorized_key", &[WHO, A_KEY]);
/// A login that goes.
pub static REMOVE_USER: Call = absent(Phase::AccountRemovals, "user", &[NAME]);
/// A group that goes.
pub static REMOVE_GROUP: Call = absent(Phase::AccountRemovals, "group", &[NAME]);

/// Every call, in the order in which a roster's calls are made.
#[rustfmt::skip]
pub static CALLS: &[&Call] = &[
    &GROUP, &USER, &LOCK, &ADD_KEY, &ADD_SUDO, &QOS, &ACCOUNT, &MEMBER, &MEMBER_PLACE, &DEFAULT_ACCOUNT, &ADD_COORDINATOR,
    &OPEN_JOBS, &STOP_JOBS, &REMOVE_COORDINATOR, &LEAVE_PLACE, &LEAVE, &REMOVE_ACCOUNT, &REMOVE_QOS, &SHUT_DOORS, &REMOVE_SUDO,
    &REMOVE_KEY, &REMOVE_USER, &REMOVE_GROUP,
];

impl Call {
    /// The arguments of one such call, in the table's order; a null is an argument that is not given.
    pub fn with<const N: usize>(&self, values: [(&'static str, Value); N]) -> Map {
        let mut given: Vec<_> = values.into_iter().filter(|(_, value)| *value != Value::Null).collect();
        let place = |name: &str| self.arguments.iter().position(|argument| argument.name == name);
        given.sort_by_key(|(name, _)| place(name));
        let given = given.into_iter().map(|(name, value)| (name.to_owned(), value));
        given.chain([("state".to_owned(), self.state.into())]).collect()
    }

    /// What is in `args` that this call does not have, or lacks that it must have.
    fn misfit(&self, args: &Map) -> Option<String> {
        let known = |name: &str| self.arguments.iter().find(|argument| argument.name == name);
        for (name, value) in args.iter().filter(|(name, _)| *name != "state") {
            match known(name) {
                None => return Some(format!("the argument `{name}`, which no roster sets")),
                Some(argument) if !argument.form.fits(value) => {
                    return Some(format!("`{name}` as {}", value.to_json_line(false)));
                }
                Some(_) => {}
            }
        }
        let missing = self.arguments.iter().find(|argument| argument.required && !args.contains_key(argument.name));
        missing.map(|argument| format!("no `{}`", argument.name))
    }
}

/// Why `step` is none that a roster is ever compiled to.
pub fn misfit(step: &Step) -> Option<String> {
    let state = step.args.get("state").and_then(Value::as_str);
    let alike =
        CALLS.iter().filter(|call| call.module == step.module && call.phase == step.phase && Some(call.state) == state);
    let mut why = None;
    for call in alike {
        match call.misfit(&step.args) {
            None => return None,
            Some(misfit) => _ = why.get_or_insert(format!("the module `{}` with {misfit}", step.module)),
        }
    }
    Some(why.unwrap_or_else(|| format!("the module `{}`, which has no such step in this phase", step.module)))
}

impl Form {
    /// Whether `value` looks so.
    fn fits(self, value: &Value) -> bool {
        let text = |is: fn(&str) -> bool| value.as_str().is_some_and(is);
        match self {
            Form::Login => text(is_login),
            Form::Logins => value.as_list().is_some_and(|all| all.iter().all(|one| Form::Login.fits(one))),
            Form::Account => text(|name| names::account_problem(name).is_none()),
            Form::Id => value.as_int().is_some_and(|id| u32::try_from(id).is_ok()),
            Form::Flag => matches!(value, Value::Bool(_)),
            Form::Seconds => matches!(value, Value::Float(seconds) if seconds.is_finite()),
            Form::Line => text(|line| !line.contains(':') && is_line(line)),
            Form::Text => text(is_line),
            Form::Shell => text(|path| homes::path_problem(path).is_none()),
            Form::Home => text(|path| homes::path_problem(path).or(homes::problem(path)).is_none()),
            Form::Key => text(|line| keys::body(line).is_ok()),
            Form::Accounts => {
                value.as_list().is_some_and(|all| all.iter().all(|one| one.as_str().is_some_and(is_place)))
            }
            Form::Hash => text(|hash| hash == "*" || is_hash(hash)),
            Form::OnCreate => text(|word| word == "on_create"),
            Form::Rule => text(|rule| sudo_problem(rule).is_none()),
            Form::Jobs => text(|policy| JobsOfLeavers::parse(policy).is_some()),
            Form::Limits(table) => {
                value.as_map().is_some_and(|limits| limits.iter().all(|limit| is_limit(table, limit)))
            }
        }
    }
}

fn is_login(name: &str) -> bool {
    names::posix_problem(name).is_none()
}

/// An account, or `account/partition`.
fn is_place(text: &str) -> bool {
    let is_name = |name: &str| names::account_problem(name).is_none();
    text.split_once('/').map_or_else(|| is_name(text), |(account, partition)| is_name(account) && is_name(partition))
}

fn is_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

fn is_limit(table: &'static [LimitKind], (name, value): (&String, &Value)) -> bool {
    find_in(table, name).is_some_and(|kind| value.as_str().is_some_and(|text| kind.accepts(text)))
}
