//! [`Databases`]: the six account files together.

use super::database::Database;
use super::entries::{Group, GroupShadow, Passwd, Shadow, SubordinateIds, is_name};
use super::word_list::NameList;
use super::{AccountRefusal, AccountSources, Readings};
use crate::identity::Gid;

/// The account files of one host. A host without a `shadow`, `gshadow`, `subuid` or `subgid` keeps being without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases {
    /// `/etc/passwd`
    pub passwd: Database<Passwd>,
    /// `/etc/group`
    pub group: Database<Group>,
    /// `/etc/shadow`
    pub shadow: Option<Database<Shadow>>,
    /// `/etc/gshadow`
    pub gshadow: Option<Database<GroupShadow>>,
    /// `/etc/subuid`
    pub subuid: Option<Database<SubordinateIds>>,
    /// `/etc/subgid`
    pub subgid: Option<Database<SubordinateIds>>,
}

/// In which order the files of a change of users are written. `passwd` comes last: until then the user is not there
/// (or has its old fields), so that a run after a crash does the rest. `shadow` comes first: a line there without a
/// user tells that run that a creation was cut short (see [`super::user`]).
pub const USER_ORDER: [&str; 6] = ["shadow", "subuid", "subgid", "gshadow", "group", "passwd"];

/// The same for the removal of users: `passwd` comes first, so that nobody is there without a line in `shadow`, and
/// `shadow` last: its line without a user tells the next run that a removal was cut short.
pub const REMOVAL_ORDER: [&str; 6] = ["passwd", "subuid", "subgid", "gshadow", "group", "shadow"];

/// The same for a change of groups: `group` comes last, since users follow the group's number.
pub const GROUP_ORDER: [&str; 3] = ["passwd", "gshadow", "group"];

impl Databases {
    /// Reads the files with `read`, which gets names such as `passwd` and answers `None` for a missing file. Refuses
    /// a host without `passwd` or `group`: there, nothing is known about who exists. What `known` has is not indexed again.
    pub fn load<X: From<AccountRefusal>>(
        known: &Readings,
        mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>, X>,
    ) -> Result<Self, X> {
        let missing = |name: &str| X::from(AccountRefusal::new(format!("/etc/{name} is missing")));
        Ok(Self {
            passwd: known.of("passwd", read("passwd")?.ok_or_else(|| missing("passwd"))?),
            group: known.of("group", read("group")?.ok_or_else(|| missing("group"))?),
            shadow: read("shadow")?.map(|text| known.of("shadow", text)),
            gshadow: read("gshadow")?.map(|text| known.of("gshadow", text)),
            subuid: read("subuid")?.map(|text| known.of("subuid", text)),
            subgid: read("subgid")?.map(|text| known.of("subgid", text)),
        })
    }

    /// The content of one file; `None` when the host has none.
    pub fn text(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            "passwd" => Some(self.passwd.text()),
            "group" => Some(self.group.text()),
            "shadow" => self.shadow.as_ref().map(Database::text),
            "gshadow" => self.gshadow.as_ref().map(Database::text),
            "subuid" => self.subuid.as_ref().map(Database::text),
            "subgid" => self.subgid.as_ref().map(Database::text),
            _ => None,
        }
    }

    /// Makes the changes part of the files' lines; see [`Database::settle`].
    pub fn settle(&mut self) {
        self.passwd.settle();
        self.group.settle();
        self.shadow.iter_mut().for_each(Database::settle);
        self.gshadow.iter_mut().for_each(Database::settle);
        self.subuid.iter_mut().for_each(Database::settle);
        self.subgid.iter_mut().for_each(Database::settle);
    }

    /// The local group with this gid.
    pub fn group_with_gid(&self, gid: Gid) -> Option<&Group> {
        self.group.with_number(gid.into()).next()
    }

    /// A group by gid when `wanted` is the number of one, else by name; local files first.
    pub fn find_group(&self, wanted: &str, directory: &dyn AccountSources) -> Result<Group, AccountRefusal> {
        let by_gid = wanted.parse().ok().and_then(|gid| self.group_with_gid(gid));
        let local = by_gid.or_else(|| self.group.get(wanted)).cloned();
        let found = match local {
            Some(local) => Some(local),
            None => directory.group(wanted).known()?,
        };
        found.ok_or_else(|| {
            AccountRefusal::new(format!("Group {wanted} does not exist")).hint("make it first, with the module `group`")
        })
    }

    /// Names of the local groups that list `user` as a member, in file order.
    pub fn groups_of(&self, user: &str) -> Vec<String> {
        let listing = self.group.mentioning(user).filter(|(group, is_odd)| !is_odd || group.has(user));
        listing.map(|(group, _)| group.name.clone()).collect()
    }

    /// Adds `user` to the members of a local group, or takes it out, in `group` and `gshadow`.
    pub(super) fn set_member(&mut self, group: &str, user: &str, member: bool) -> Result<(), AccountRefusal> {
        let mentions = |name: &str| name == group;
        let listed = self.group.with_mention(user).any(|entry| mentions(&entry.name));
        if let Some(mut entry) = self.group.get(group).cloned() {
            change_list(&mut entry.members, user, member, listed);
            self.group.set(&entry)?;
        }
        if let Some(gshadow) = &mut self.gshadow {
            let listed = gshadow.with_mention(user).any(|entry| mentions(&entry.name));
            if let Some(mut entry) = gshadow.get(group).cloned() {
                change_list(&mut entry.members, user, member, listed);
                gshadow.set(&entry)?;
            }
        }
        Ok(())
    }

    /// Takes `user` out of all groups, as member and as administrator.
    pub(super) fn forget_member(&mut self, user: &str) -> Result<(), AccountRefusal> {
        let listing: Vec<_> = self.group.with_mention(user).map(|group| group.name.clone()).collect();
        for group in listing {
            self.set_member(&group, user, false)?;
        }
        let Some(gshadow) = &mut self.gshadow else { return Ok(()) };
        let listing: Vec<_> = gshadow.with_mention(user).cloned().collect();
        for mut entry in listing {
            entry.members.retain(|member| member.trim() != user);
            entry.administrators.retain(|member| member.trim() != user);
            gshadow.set(&entry)?;
        }
        Ok(())
    }
}

/// A word with blanks behind it is no member, and yet goes with the name that it was meant to be. A list that does not
/// have the name at all (`listed` is false) is not searched.
fn change_list(list: &mut NameList, user: &str, member: bool, listed: bool) {
    if listed {
        if member && list.iter().any(|word| is_name(word, user)) {
            return;
        }
        list.retain(|word| word.trim() != user);
    }
    if member {
        list.push(user.into());
    }
}
