//! What a roster may say, field by field. The reader knows its fields from these tables, and `enlist roster schema` is made
//! of them, so neither has a field that the other has not.

use super::standing::{AFTER_END, PersonState, STATES};
use words::text::limit::{LIMITS, LimitKind, QOS_LIMITS};

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub enum RosterShape {
    /// Any text.
    Text,
    /// Text that this pattern describes, for editors; the reader says more precisely what is wrong.
    Pattern(&'static str),
    /// A uid, a gid, a count.
    Number,
    /// `yes` or `no`.
    YesNo,
    /// `2027-02-28`, and one more word, if there is one.
    Day(Option<&'static str>),
    /// One of these states.
    States(&'static [(&'static str, PersonState)]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list.
    List(&'static RosterShape),
    /// A mapping with these fields.
    Fields(&'static [RosterField]),
    /// A mapping of names that the site chose.
    Named(&'static RosterShape),
    /// A list of names, or a mapping when there is more to say of some.
    ListOrNamed(&'static RosterShape),
    /// A mapping of limits of this table.
    Limits(&'static [LimitKind]),
    /// Either of these.
    Either(&'static [RosterShape]),
    /// Anything: fields that are nobody else's to judge.
    Anything,
}

/// A field that a mapping may have.
#[derive(Clone, Copy, Debug)]
pub struct RosterField {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: RosterShape,
    /// What it means, in a few words.
    pub says: &'static str,
}

const fn field(name: &'static str, shape: RosterShape, says: &'static str) -> RosterField {
    RosterField { name, shape, says }
}

const STATE: RosterField = field("state", RosterShape::Word(&["present", "absent"]), "there, or to be gone");
const A_LIST: RosterShape = RosterShape::List(&RosterShape::Text);
const JOBS: RosterField = field(
    "jobs",
    RosterShape::Pattern(r"^(run|cancel|cancel after [0-9]+[mhd])$"),
    "what becomes of jobs of who leaves: run, cancel, cancel after 2h",
);
const RANGE: RosterShape = RosterShape::Pattern("^[0-9]+ *- *[0-9]+$");

/// The whole roster.
pub const ROSTER: &[RosterField] = &[
    field("site", RosterShape::Text, "what plans call this site"),
    TARGETS[0],
    TARGETS[1],
    TARGETS[2],
    field("nis", RosterShape::Named(&RosterShape::Fields(NIS)), "NIS domains that get people"),
    field("targets", RosterShape::Fields(TARGETS), "hosts, scheduler and directories in one place"),
    field("ids", RosterShape::Fields(IDS), "ranges from which numbers are given"),
    field("defaults", RosterShape::Fields(DEFAULTS), "what holds for everybody who says nothing else"),
    field("groups", RosterShape::Named(&RosterShape::Fields(GROUP)), "Unix groups"),
    field("users", RosterShape::Named(&RosterShape::Fields(USER)), "people"),
    field("projects", RosterShape::Named(&RosterShape::Fields(ENGAGEMENT)), "people who work together for a time"),
    field("courses", RosterShape::Named(&RosterShape::Fields(ENGAGEMENT)), "people who learn together for a term"),
    field("qos", RosterShape::Named(&RosterShape::Fields(QOS)), "qualities of service of the scheduler"),
    field("accounts", RosterShape::Named(&RosterShape::Fields(ACCOUNT)), "accounts of the scheduler"),
    field("leavers", RosterShape::Fields(LEAVERS), "what becomes of what people leave behind"),
    field("guards", RosterShape::Fields(GUARDS), "what a plan may do without being asked twice"),
];

/// Where a roster goes.
pub const TARGETS: &[RosterField] = &[
    field("hosts", RosterShape::Text, "inventory pattern of the hosts that get people; all when left out"),
    field("scheduler", RosterShape::Text, "inventory pattern of the scheduler's master"),
    field("directories", RosterShape::Named(&RosterShape::Fields(DIRECTORY)), "directories that get people"),
];

/// Ranges of numbers.
pub const IDS: &[RosterField] = &[
    field("users", RANGE, "first and last uid that may be given"),
    field("groups", RANGE, "first and last gid that may be given"),
    field("ledger", RosterShape::Text, "the file that keeps every number; ids.ledger beside the roster when left out"),
];

/// A Unix group.
pub const GROUP: &[RosterField] = &[
    field("gid", RosterShape::Number, "the same on every host; from the ledger when left out"),
    field("defaults", RosterShape::Fields(DEFAULTS), "what holds for people whose primary group this is"),
    STATE,
];

/// What is inherited: fields of a person that many share.
pub const DEFAULTS: &[RosterField] = &[
    field("group", RosterShape::Text, "primary group"),
    field("groups", A_LIST, "further groups"),
    field("shell", RosterShape::Text, "login shell"),
    field("home", RosterShape::Text, "home directory, with {user} and {group}"),
    field("accounts", RosterShape::ListOrNamed(&RosterShape::Fields(MEMBER)), "accounts of the scheduler to be in"),
    field("default_account", RosterShape::Text, "the account of jobs that name none"),
    field("after_end", RosterShape::States(AFTER_END), "how people stand when their time is over"),
    JOBS,
];

/// A person.
pub const USER: &[RosterField] = &[
    field("uid", RosterShape::Number, "the same on every host; from the ledger when left out"),
    field("was_uid", RosterShape::Number, "the number to be changed from"),
    DEFAULTS[0],
    DEFAULTS[1],
    field("only_groups", RosterShape::YesNo, "whether `groups` are all"),
    DEFAULTS[2],
    field("home", RosterShape::Text, "home directory"),
    field("comment", RosterShape::Text, "real name"),
    field(
        "keys",
        RosterShape::List(&RosterShape::Either(&[RosterShape::Text, RosterShape::Fields(KEY)])),
        "lines of authorized_keys; others are left alone",
    ),
    field("password", RosterShape::Text, "a hash for a new account, or none"),
    field("sudo", RosterShape::Text, "what may be run with sudo, as in sudoers behind the name, or none"),
    DEFAULTS[4],
    DEFAULTS[5],
    field("manager", RosterShape::Text, "who answers for the person"),
    field("private", RosterShape::Named(&RosterShape::Anything), "what no plan shows"),
    field("starts", RosterShape::Day(None), "the first day"),
    field("ends", RosterShape::Day(None), "the first day after the last"),
    DEFAULTS[6],
    field("locked", RosterShape::YesNo, "yes is state: suspended, no is state: active"),
    field("expires", RosterShape::Day(Some("never")), "the first day without login"),
    JOBS,
    field("state", RosterShape::States(STATES), "how the person stands"),
];

/// A key with a state.
pub const KEY: &[RosterField] = &[field("key", RosterShape::Text, "the line of authorized_keys"), STATE];

/// A project or course.
pub const ENGAGEMENT: &[RosterField] = &[
    field("starts", RosterShape::Day(None), "the first day"),
    field("ends", RosterShape::Day(None), "the first day after the last"),
    DEFAULTS[6],
    field(
        "members",
        RosterShape::Either(&[RosterShape::Text, A_LIST]),
        "names of people, or a CSV file beside the roster",
    ),
    field("group", RosterShape::Text, "primary group of people who are here for this alone"),
    field("groups", A_LIST, "groups that members are in meanwhile"),
    field("accounts", RosterShape::ListOrNamed(&RosterShape::Fields(MEMBER)), "accounts that members are in meanwhile"),
    field("manager", RosterShape::Text, "who answers for them"),
];

/// A quality of service.
pub const QOS: &[RosterField] = &[
    field("description", RosterShape::Text, "what it is for"),
    field("limits", RosterShape::Limits(QOS_LIMITS), "limits, flags and factors"),
    STATE,
];

const ITS_LIMITS: RosterField = field("limits", RosterShape::Limits(LIMITS), "limits by Slurm's names");

/// An account of the scheduler.
pub const ACCOUNT: &[RosterField] = &[
    field("parent", RosterShape::Text, "the account above it"),
    field("description", RosterShape::Text, "what it is for"),
    field("organization", RosterShape::Text, "whose it is"),
    ITS_LIMITS,
    field("users", RosterShape::ListOrNamed(&RosterShape::Fields(MEMBER)), "who may use it"),
    field("coordinators", RosterShape::ListOrNamed(&RosterShape::Fields(COORDINATOR)), "who may manage it"),
    STATE,
];

/// A person in an account.
pub const MEMBER: &[RosterField] = &[
    ITS_LIMITS,
    field("partitions", RosterShape::ListOrNamed(&RosterShape::Fields(PLACE)), "associations for one partition each"),
    STATE,
];

/// A person in an account for one partition.
pub const PLACE: &[RosterField] = &[ITS_LIMITS, STATE];

/// A person who manages an account.
pub const COORDINATOR: &[RosterField] = &[STATE];

/// What becomes of what people leave behind.
pub const LEAVERS: &[RosterField] = &[JOBS];

/// Guards.
pub const GUARDS: &[RosterField] = &[
    field("max_removals", RosterShape::Number, "how many resources a plan may remove"),
    field("max_suspensions", RosterShape::Number, "how many people a plan may keep out"),
    field("max_share", RosterShape::Number, "how many of a hundred people a plan may remove or keep out"),
    field("max_jobs", RosterShape::Number, "how many jobs a plan may end"),
    field("protected", A_LIST, "names that no plan may change"),
    field("admins", A_LIST, "people who administrate"),
    field("min_admins", RosterShape::Number, "how many of `admins` must be let in after a plan"),
];

/// A directory.
pub const DIRECTORY: &[RosterField] = &[
    field("server", RosterShape::Text, "ldaps://HOST, ldap://HOST or ldapi:///PATH"),
    field("base", RosterShape::Text, "everything below it is looked at"),
    field("people", RosterShape::Text, "where people are"),
    field("groups", RosterShape::Text, "where groups are"),
    field("bind", RosterShape::Text, "as whom to log in"),
    field("password", RosterShape::Fields(PASSWORD), "where the password is"),
    field("schema", RosterShape::Text, "how groups are kept"),
    field("key_attribute", RosterShape::Text, "where SSH keys are"),
    field("ca", RosterShape::Text, "certificates of authorities that may sign the server's"),
    field("sentinel", RosterShape::Text, "an entry that whoever may read everything sees"),
    field("ids", RANGE, "first and last number that is enlist's there"),
    field("hosts", RosterShape::Text, "inventory pattern of the hosts whose people come from it"),
];

/// A NIS domain.
pub const NIS: &[RosterField] = &[
    field("master", RosterShape::Text, "inventory pattern of the host where its maps are made"),
    field("source", RosterShape::Text, "where passwd, group and shadow are there: YPPWDDIR"),
    field("ids", RANGE, "first and last number that is enlist's there"),
    field("hosts", RosterShape::Text, "inventory pattern of the hosts whose people come from it"),
];

/// Where a password is.
pub const PASSWORD: &[RosterField] =
    &[field("file", RosterShape::Text, "in this file"), field("environment", RosterShape::Text, "in this variable")];
