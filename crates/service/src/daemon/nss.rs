//! People and groups of this host, by NSS. Names come from callers, so none gets there but as a [`LoginName`];
//! clippy.toml denies every other way.

use nix::errno::Errno;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use std::ffi::CString;
use words::text::login_name::LoginName;

/// The user of this name; none for what cannot be a name.
#[expect(clippy::disallowed_methods, reason = "this is the gate")]
pub fn user(name: &str) -> Option<User> {
    known(User::from_name(LoginName::parse(name)?.as_str()))
}

/// The user of this number.
pub fn user_numbered(uid: u32) -> Option<User> {
    known(User::from_uid(Uid::from_raw(uid)))
}

/// The group of this name; none for what cannot be a name.
#[expect(clippy::disallowed_methods, reason = "this is the gate")]
pub fn group(name: &str) -> Option<Group> {
    known(Group::from_name(LoginName::parse(name)?.as_str()))
}

/// The group of this number.
pub fn group_numbered(gid: u32) -> Option<Group> {
    known(Group::from_gid(Gid::from_raw(gid)))
}

/// The names of the groups that a user is in; none for a stranger. The error says that they cannot be looked up.
#[expect(clippy::disallowed_methods, reason = "the name is one that NSS gave")]
pub fn groups_of(name: &str) -> Result<Vec<String>, String> {
    let Some(user) = user(name) else { return Ok(Vec::new()) };
    let cannot = |error: Errno| format!("the groups of {} cannot be looked up: {error}", user.name);
    let own = CString::new(user.name.as_str()).map_err(|_| cannot(Errno::EINVAL))?;
    let ids = getgrouplist(&own, user.gid).map_err(cannot)?;
    Ok(ids.into_iter().filter_map(|id| group_numbered(id.as_raw())).map(|group| group.name).collect())
}

/// What was found. Some forms of "there is none" are errors to the C library (getpwnam(3), "RETURN VALUE"); any other
/// error is in the log, since it makes people strangers.
fn known<T>(found: nix::Result<Option<T>>) -> Option<T> {
    match found {
        Ok(found) => found,
        Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM) => None,
        Err(error) => {
            tracing::error!(%error, "users and groups of this host cannot be looked up");
            None
        }
    }
}
