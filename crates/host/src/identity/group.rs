//! What `groupadd`, `groupmod` and `groupdel` make of the databases.

use super::defaults::IdKind;
use super::entries::{Group, GroupShadow};
use super::names::check_name;
use super::word_list::NameList;
use super::{AccountRefusal, AccountSources, Databases, Defaults, ids};
use crate::identity::Gid;

/// A group as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedGroup {
    /// Its name.
    pub name: String,
    /// Its number; `None` keeps what is there, or takes the next free one.
    pub gid: Option<Gid>,
    /// Whether the number may be another group's too.
    pub non_unique: bool,
    /// Whether a new number comes from the range for system groups.
    pub system: bool,
}

/// The databases with the group as wanted; equal to the given ones when it is so already.
pub fn plan_group(
    databases: &Databases,
    defaults: &Defaults,
    directory: &dyn AccountSources,
    wanted: &WantedGroup,
) -> Result<Databases, AccountRefusal> {
    let mut after = databases.clone();
    match databases.group.get(&wanted.name) {
        None => {
            let gid = match wanted.gid {
                Some(gid) => gid,
                None => free_gid(databases, defaults, directory, wanted.system, None)?,
            };
            create(&mut after, directory, &WantedGroup { gid: Some(gid), ..wanted.clone() })?;
        }
        Some(group) => match wanted.gid {
            Some(gid) if gid != group.gid => change_gid(&mut after, directory, wanted, group.clone(), gid)?,
            _ => {}
        },
    }
    Ok(after)
}

/// The databases without the group. Refuses the primary group of a user unless `force`.
pub fn remove_group(databases: &Databases, name: &str, force: bool) -> Result<Databases, AccountRefusal> {
    let mut after = databases.clone();
    let Some(group) = databases.group.get(name) else { return Ok(after) };
    let user = databases.passwd.with_group(group.gid).next();
    if let (Some(user), false) = (user, force) {
        return Err(AccountRefusal::new(format!("cannot remove the primary group of user '{}'", user.name))
            .hint("remove the user or give it another primary group first"));
    }
    drop_group(&mut after, name)?;
    Ok(after)
}

/// Takes the group's lines out.
pub(super) fn drop_group(databases: &mut Databases, name: &str) -> Result<(), AccountRefusal> {
    databases.group.remove(name)?;
    databases.gshadow.as_mut().map_or(Ok(()), |gshadow| gshadow.remove(name))
}

/// Adds a group whose number is decided.
pub(super) fn create(
    databases: &mut Databases,
    directory: &dyn AccountSources,
    wanted: &WantedGroup,
) -> Result<(), AccountRefusal> {
    check_name("group", &wanted.name)?;
    let gid = wanted.gid.expect("decided by the caller");
    check_gid(databases, directory, wanted, gid)?;
    let group = Group { name: wanted.name.clone(), password: "x".into(), gid, members: NameList::NONE };
    databases.group.set(&group)?;
    if let Some(gshadow) = &mut databases.gshadow {
        gshadow.set(&GroupShadow {
            name: group.name,
            password: "!".into(),
            administrators: NameList::NONE,
            members: NameList::NONE,
        })?;
    }
    Ok(())
}

/// The number for a new group; `preferred` (the uid of its only user) when that is free.
pub(super) fn free_gid(
    databases: &Databases,
    defaults: &Defaults,
    directory: &dyn AccountSources,
    system: bool,
    preferred: Option<Gid>,
) -> Result<Gid, AccountRefusal> {
    let range = defaults.id_range(IdKind::Group, system)?;
    let extremes = databases.group.extremes(&range);
    let is_used = |gid: u32| -> Result<bool, AccountRefusal> {
        let gid = Gid(gid);
        Ok(databases.group_with_gid(gid).is_some() || directory.group_with_gid(gid).known()?.is_some())
    };
    let lowest_preferred = if system { 1 } else { *range.start() };
    let preferred = preferred.map(|gid| gid.0).filter(|gid| (lowest_preferred..=*range.end()).contains(gid));
    if let Some(gid) = preferred
        && !is_used(gid)?
    {
        return Ok(Gid(gid));
    }
    let found = if system {
        ids::next_free_system(range, extremes, is_used)?
    } else {
        ids::next_free(range, extremes, is_used)?
    };
    found.map(Gid).ok_or_else(|| AccountRefusal::new("Can't get unique GID (no more available GIDs)"))
}

/// Changes the number; users whose primary group it is follow, as with `groupmod -g`.
fn change_gid(
    databases: &mut Databases,
    directory: &dyn AccountSources,
    wanted: &WantedGroup,
    group: Group,
    gid: Gid,
) -> Result<(), AccountRefusal> {
    check_gid(databases, directory, wanted, gid)?;
    let users: Vec<_> = databases.passwd.with_group(group.gid).cloned().collect();
    for user in users {
        databases.passwd.set(&super::entries::Passwd { gid, ..user })?;
    }
    databases.group.set(&Group { gid, ..group })
}

fn check_gid(
    databases: &Databases,
    directory: &dyn AccountSources,
    wanted: &WantedGroup,
    gid: Gid,
) -> Result<(), AccountRefusal> {
    if gid.is_none() {
        return Err(AccountRefusal::new(format!("invalid group ID '{gid}'")));
    }
    let owner = match databases.group_with_gid(gid) {
        Some(local) => Some(local.name.clone()),
        None => directory.group_with_gid(gid).known()?,
    };
    let owner = owner.filter(|owner| *owner != wanted.name);
    match owner {
        Some(owner) if !wanted.non_unique => {
            Err(AccountRefusal::new(format!("GID '{gid}' already exists: group '{owner}'"))
                .hint("choose another gid, or change that group's; `non_unique: true` shares it"))
        }
        _ => Ok(()),
    }
}
