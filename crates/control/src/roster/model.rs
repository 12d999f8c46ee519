//! The values a roster is made of.

use super::directories::DirectoryEntry;
use super::engagements::Engagement;
use super::ids::Numbers;
use super::limits::Limit;
use super::nis::NisEntry;
use super::standing::{Expiry, PersonState, Tenure};
use crate::roster::guards::Settings;
use host::books::JobsOfLeavers;
use jiff::civil::Date;
use std::ops::Deref;
use std::sync::Arc;
use words::diag::{self, Source};

/// A value together with the place where it was written, for messages that point there.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub place: diag::Place,
}

impl<T> Deref for Written<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

/// Whether something shall be there or shall be gone. What the roster does not mention is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It shall be there, with what the roster says about it.
    #[default]
    Present,
    /// It shall be gone. The entry stays in the roster, so that its uid or gid is never given to anybody else.
    Absent,
}

/// Everybody and everything that a site's roster names, in written order.
#[derive(Clone, Debug, PartialEq)]
pub struct Roster {
    /// The text that it was read from; of a folder, all of them one after the other.
    pub source: Arc<Source>,
    /// Every file that was read for it: of people who come by a CSV file, and of numbers that were given out, too.
    pub files: Vec<Arc<Source>>,
    /// The day (UTC) as of which people stand as they do.
    pub day: Date,
    /// What the site is called in plans.
    pub site: Option<String>,
    /// Inventory pattern of the hosts that get groups, users and keys.
    pub hosts: Written<String>,
    /// Inventory pattern of the scheduler's master; `None` when the site keeps no accounting.
    pub scheduler: Option<Written<String>>,
    /// Directories that get groups, users and keys.
    pub directories: Vec<DirectoryEntry>,
    /// NIS domains that get groups and users.
    pub nis: Vec<NisEntry>,
    /// Unix groups.
    pub groups: Vec<Group>,
    /// People, with those of projects and courses.
    pub users: Vec<User>,
    /// Projects and courses: who is together for a time.
    pub engagements: Vec<Engagement>,
    /// Ranges from which numbers are given, and the numbers that ever were.
    pub numbers: Option<Numbers>,
    /// Qualities of service of the scheduler.
    pub qos: Vec<Qos>,
    /// Accounts of the scheduler.
    pub accounts: Vec<Account>,
    /// What becomes of what people leave behind.
    pub leavers: Leavers,
    /// What the site says about guards.
    pub guards: Settings,
}

/// What becomes of what people leave behind who are locked or absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leavers {
    /// Of their jobs; `None`: they are left alone, and who has some keeps his place in the scheduler.
    pub jobs: Option<JobsOfLeavers>,
}

/// A Unix group, the same on every host.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: Written<String>,
    /// Its number, on every host.
    pub gid: Written<u32>,
    /// There or gone.
    pub state: State,
}

/// A person, with one uid on every host.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The login name.
    pub name: Written<String>,
    /// The number, on every host.
    pub uid: Written<u32>,
    /// The number that is to be changed to `uid` where the person still has it.
    pub was_uid: Option<Written<u32>>,
    /// The primary group: one of the roster's.
    pub group: Written<String>,
    /// Further groups to be a member of.
    pub groups: Vec<Written<String>>,
    /// Whether `groups` are all: other memberships are taken away. Otherwise they are left alone.
    pub only_groups: bool,
    /// Login shell.
    pub shell: Option<Written<String>>,
    /// Home directory.
    pub home: Option<Written<String>>,
    /// Real name (GECOS).
    pub comment: Option<Written<String>>,
    /// SSH public keys; other keys are left alone.
    pub keys: Vec<Key>,
    /// The account that jobs run under when none is named.
    pub default_account: Option<Written<String>>,
    /// What a new account gets as its password; `None`: it is left as it is.
    pub password: Option<FirstPassword>,
    /// What may be run with sudo; `None`: left as it is.
    pub sudo: Option<SudoRight>,
    /// Who answers for the person.
    pub manager: Option<Written<String>>,
    /// What becomes of this person's jobs at leaving; `None`: what the site says.
    pub jobs: Option<JobsOfLeavers>,
    /// What is written of the person's time here.
    pub tenure: Tenure,
    /// How the person stands on the roster's day.
    pub standing: PersonState,
}

/// A password as a roster may have it: never in clear.
#[derive(Clone, PartialEq, Eq)]
pub enum FirstPassword {
    /// None: keys alone let in.
    None,
    /// A hash of crypt(5), for a new account. Whoever changes his own keeps it.
    Hash(String),
}

/// Without the hash.
impl std::fmt::Debug for FirstPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == FirstPassword::None { "None" } else { "Hash(…)" })
    }
}

/// What somebody may run with sudo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SudoRight {
    /// Nothing by a rule of enlist's.
    None,
    /// What stands behind the name in sudoers(5): `ALL=(ALL) ALL`.
    Rule(String),
}

impl User {
    /// Whether the person shall be gone, or is kept out.
    pub fn leaves(&self) -> bool {
        self.standing.is_kept_out()
    }

    /// Whether the person may log in on `day`: not kept out, and the login has not ended.
    pub fn is_let_in(&self, day: Date) -> bool {
        let has_ended = matches!(self.tenure.expiry(), Some(Expiry::On(end)) if end <= day);
        !self.standing.is_kept_out() && !has_ended
    }

    /// Whether the entry itself, and not the day, says that the person is gone.
    pub fn is_removed(&self) -> bool {
        self.tenure.written() == PersonState::Absent
    }
}

/// One line of a person's `authorized_keys`.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The line: options, type, base64, comment.
    pub line: Written<String>,
    /// There or gone.
    pub state: State,
}

/// An account of the scheduler: what jobs are charged to.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its name, in lower case as Slurm keeps it.
    pub name: Written<String>,
    /// The account above it; `None` leaves it where it is, and makes a new one below `root`.
    pub parent: Option<Written<String>>,
    /// What it is for.
    pub description: Option<Written<String>>,
    /// Whose it is.
    pub organization: Option<Written<String>>,
    /// Limits of the account as a whole.
    pub limits: Vec<Limit>,
    /// Who may use it; others that are in it are left alone.
    pub users: Vec<Member>,
    /// Who may manage it; others are left alone.
    pub coordinators: Vec<Coordinator>,
    /// There or gone.
    pub state: State,
}

/// A person in an account: Slurm's user association.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// One of the roster's users.
    pub user: Written<String>,
    /// Limits of this person in this account.
    pub limits: Vec<Limit>,
    /// Associations of this person in this account for one partition only.
    pub partitions: Vec<Place>,
    /// There or gone.
    pub state: State,
    /// Whether a project or course says so, and no entry of the account or person.
    pub of_engagement: bool,
}

impl Member {
    /// Without limits of one's own.
    pub fn plain(user: Written<String>) -> Self {
        Self { user, limits: Vec::new(), partitions: Vec::new(), state: State::Present, of_engagement: false }
    }
}

/// An association of a person for one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The partition.
    pub partition: Written<String>,
    /// Limits there.
    pub limits: Vec<Limit>,
    /// There or gone.
    pub state: State,
}

/// A person who manages an account.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinator {
    /// One of the roster's users.
    pub user: Written<String>,
    /// There or gone.
    pub state: State,
}

/// A quality of service.
#[derive(Clone, Debug, PartialEq)]
pub struct Qos {
    /// Its name, in lower case as Slurm keeps it.
    pub name: Written<String>,
    /// What it is for.
    pub description: Option<Written<String>>,
    /// Its limits, flags and factors.
    pub limits: Vec<Limit>,
    /// There or gone.
    pub state: State,
}

impl Roster {
    /// Whether it is a folder of files.
    pub fn is_folder(&self) -> bool {
        self.files.iter().all(|file| file.name != self.source.name)
    }

    /// Everything that it was read from, as one text, for its digest.
    pub fn whole_text(&self) -> String {
        match self.files.as_slice() {
            [only] => only.text.clone(),
            files => files.iter().map(|file| format!("# {}\n{}\n", file.name, file.text)).collect(),
        }
    }

    /// The group called `name`, if the roster has it.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| *group.name == name)
    }

    /// What becomes of the jobs of somebody who leaves; `None`: they are left alone.
    pub fn jobs_of_leaver(&self, user: &User) -> Option<JobsOfLeavers> {
        user.jobs.or(self.leavers.jobs)
    }

    /// The user called `name`, if the roster has one.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| *user.name == name)
    }

    /// The account called `name`, if the roster has it.
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| *account.name == name)
    }
}
