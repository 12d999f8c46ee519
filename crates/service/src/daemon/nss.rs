//! People and groups of this host, by NSS. Names come from callers, so none gets there but as a [`LoginName`];
//! clippy.toml denies every other way.

use nix::errno::Errno;
use nix::unistd::{self, Group, User, getgrouplist};
use std::ffi::CString;
use words::people::{Gid, GroupOfPeople, People, Person, Sought, Uid, Unanswered};
use words::text::login_name::LoginName;

/// The users and groups that this host knows, wherever it keeps them.
///
/// Of several directories the C library tells what the last one said. So one that is down is only told apart from "none"
/// where it stands last in nsswitch.conf, as in `files ldap`.
#[derive(Clone, Copy, Debug)]
pub struct ThisHost;

impl People for ThisHost {
    #[expect(clippy::disallowed_methods, reason = "this is the gate")]
    fn user(&self, name: &str) -> Sought<Person> {
        let Some(name) = LoginName::parse(name) else { return Sought::Absent };
        seek("users", User::from_name(name.as_str()), root).map(person)
    }

    fn user_numbered(&self, uid: Uid) -> Sought<Person> {
        seek("users", User::from_uid(unistd::Uid::from_raw(uid.0)), root).map(person)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the gate")]
    fn group(&self, name: &str) -> Sought<GroupOfPeople> {
        let Some(name) = LoginName::parse(name) else { return Sought::Absent };
        seek("groups", Group::from_name(name.as_str()), roots_group).map(group)
    }

    fn group_numbered(&self, gid: Gid) -> Sought<GroupOfPeople> {
        seek("groups", Group::from_gid(unistd::Gid::from_raw(gid.0)), roots_group).map(group)
    }

    fn groups_of(&self, user: &str) -> Sought<Vec<String>> {
        match self.user(user) {
            Sought::There(user) => self.named(group_numbers(&user)),
            Sought::Absent => Sought::Absent,
            Sought::CannotSay(why) => Sought::CannotSay(why),
        }
    }
}

impl ThisHost {
    /// The names of groups; those of numbers without a name are left out.
    fn named(self, numbers: nix::Result<Vec<unistd::Gid>>) -> Sought<Vec<String>> {
        let found = numbers.map_err(|error| unanswered("groups", error.desc())).and_then(|numbers| {
            let known =
                |gid: unistd::Gid| self.group_numbered(Gid(gid.as_raw())).map(|group| group.name).known().transpose();
            numbers.into_iter().filter_map(known).collect()
        });
        found.map_or_else(Sought::CannotSay, Sought::There)
    }
}

/// The numbers of all groups that a user is in.
#[expect(clippy::disallowed_methods, reason = "the name is one that NSS gave")]
fn group_numbers(user: &Person) -> nix::Result<Vec<unistd::Gid>> {
    let name = CString::new(user.name.as_str()).map_err(|_| Errno::EINVAL)?;
    getgrouplist(&name, unistd::Gid::from_raw(user.gid.0))
}

fn person(user: User) -> Person {
    let comment = user.gecos.to_string_lossy();
    let full_name = comment.split(',').next().unwrap_or_default().to_owned();
    Person { name: user.name, uid: Uid(user.uid.as_raw()), gid: Gid(user.gid.as_raw()), full_name }
}

fn group(group: Group) -> GroupOfPeople {
    GroupOfPeople { name: group.name, gid: Gid(group.gid.as_raw()) }
}

fn root() -> nix::Result<Option<User>> {
    User::from_uid(unistd::Uid::from_raw(0))
}

fn roots_group() -> nix::Result<Option<Group>> {
    Group::from_gid(unistd::Gid::from_raw(0))
}

/// What was found. A directory that was asked and has none is no error to the C library, whatever getpwnam(3) says of
/// other systems ("RETURN VALUE"): every error is one of a directory that could not be asked. Where no directory at all
/// could be asked and none says why, it finds nobody; so "none" counts only from a host that finds the one of number 0.
fn seek<T>(what: &'static str, found: nix::Result<Option<T>>, zero: fn() -> nix::Result<Option<T>>) -> Sought<T> {
    let found = match found {
        Ok(None) if zero().is_ok_and(|zero| zero.is_none()) => Err("no directory in nsswitch.conf answers"),
        found => found.map_err(Errno::desc),
    };
    match found {
        Ok(Some(found)) => Sought::There(found),
        Ok(None) => Sought::Absent,
        Err(why) => Sought::CannotSay(unanswered(what, why)),
    }
}

fn unanswered(what: &'static str, why: &str) -> Unanswered {
    tracing::error!("{what} of this host cannot be looked up: {why}");
    Unanswered { what, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_on_this_host() {
        assert_eq!(ThisHost.user("root").map(|user| user.uid), Sought::There(Uid::ROOT));
        assert_eq!(ThisHost.user_numbered(Uid::ROOT).map(|user| user.name), Sought::There("root".to_owned()));
        assert_eq!(ThisHost.groups_of("root").map(|groups| groups[0].clone()), Sought::There("root".to_owned()));
        assert_eq!(ThisHost.user("no such user"), Sought::Absent);
        assert_eq!((ThisHost.user("../x"), ThisHost.group("a:b")), (Sought::Absent, Sought::Absent));
    }

    #[test]
    fn errors_are_no_absence() {
        for error in [Errno::ENOENT, Errno::ESRCH, Errno::ECONNREFUSED, Errno::EIO] {
            let sought = seek("users", Err(error), root);
            assert_eq!(sought.map(person), Sought::CannotSay(Unanswered { what: "users", why: error.desc().into() }));
        }
        assert_eq!(seek("groups", Ok(None), roots_group).map(group), Sought::Absent);
        let why = seek("groups", Ok(None), || Ok(None)).map(group).known().unwrap_err();
        assert_eq!(why.to_string(), "groups cannot be looked up now: no directory in nsswitch.conf answers");
    }
}
