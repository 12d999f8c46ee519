//! Who is who: the one port through which users and groups are asked for, wherever they are kept (files of the host, LDAP,
//! another directory). A directory that is down is an answer of its own: it never means that there is no such user.

use std::fmt;

crate::ids! {
    /// Number of a user.
    Uid(u32);
    /// Number of a group.
    Gid(u32);
}

impl Uid {
    /// root.
    pub const ROOT: Uid = Uid(0);
}

/// What a directory answers about one name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sought<T> {
    /// It is there.
    There(T),
    /// The directory was asked, and has none.
    Absent,
    /// The directory cannot be asked now, so nobody knows.
    CannotSay(Unanswered),
}

/// Why a directory cannot say; shown as `users cannot be looked up now: WHY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// What was asked for: `users` or `groups`.
    pub what: &'static str,
    /// What went wrong.
    pub why: String,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be looked up now: {}", self.what, self.why)
    }
}

impl<T> Sought<T> {
    /// The same answer about a part of what is there.
    pub fn map<U>(self, part: impl FnOnce(T) -> U) -> Sought<U> {
        match self {
            Sought::There(found) => Sought::There(part(found)),
            Sought::Absent => Sought::Absent,
            Sought::CannotSay(why) => Sought::CannotSay(why),
        }
    }

    /// What is there, if anything. The error is that nobody knows: whoever asks refuses, and does nothing.
    pub fn known(self) -> Result<Option<T>, Unanswered> {
        match self {
            Sought::There(found) => Ok(Some(found)),
            Sought::Absent => Ok(None),
            Sought::CannotSay(why) => Err(why),
        }
    }
}

impl Sought<String> {
    /// What a listing shows: the name that was found; `absent` where there is none; `kept` (a number, or the name that is
    /// stored) where nobody knows.
    pub fn or_kept(self, absent: &str, kept: impl fmt::Display) -> String {
        match self {
            Sought::There(name) => name,
            Sought::Absent => absent.to_owned(),
            Sought::CannotSay(_) => kept.to_string(),
        }
    }
}

/// A user as a directory has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The login name.
    pub name: String,
    /// The user number.
    pub uid: Uid,
    /// The number of the primary group.
    pub gid: Gid,
    /// The person's name: what the comment (GECOS) has before its first comma.
    pub full_name: String,
}

/// A group as a directory has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOfPeople {
    /// Its name.
    pub name: String,
    /// Its number.
    pub gid: Gid,
}

/// Those who know users and groups. Texts that cannot be names (see [`crate::text::login_name`]) are absent.
pub trait People {
    /// The user of this name.
    fn user(&self, name: &str) -> Sought<Person>;

    /// The user of this number.
    fn user_numbered(&self, uid: Uid) -> Sought<Person>;

    /// The group of this name.
    fn group(&self, name: &str) -> Sought<GroupOfPeople>;

    /// The group of this number.
    fn group_numbered(&self, gid: Gid) -> Sought<GroupOfPeople>;

    /// The names of all groups that a user is in, the primary one first; absent when the user is.
    fn groups_of(&self, user: &str) -> Sought<Vec<String>>;
}

/// People in memory, for tests and for where there is no directory.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Everybody.
    pub users: Vec<Person>,
    /// Every group, and the names of its members beside those whose primary group it is.
    pub groups: Vec<(GroupOfPeople, Vec<String>)>,
    /// Why nothing can be looked up now, if so.
    pub down: Option<&'static str>,
}

/// Nobody at all.
pub static NOBODY: Listed = Listed { users: Vec::new(), groups: Vec::new(), down: None };

impl Listed {
    /// Users and groups by name and number; a user's primary group is the one of the same name, else 65534.
    pub fn new(users: &[(&str, u32)], groups: &[(&str, u32)]) -> Self {
        let number = |name: &str| groups.iter().find(|(known, _)| *known == name).map_or(65534, |(_, gid)| *gid);
        let user = |(name, uid): &(&str, u32)| Person {
            name: (*name).to_owned(),
            uid: Uid(*uid),
            gid: Gid(number(name)),
            full_name: String::new(),
        };
        let group =
            |(name, gid): &(&str, u32)| (GroupOfPeople { name: (*name).to_owned(), gid: Gid(*gid) }, Vec::new());
        Self { users: users.iter().map(user).collect(), groups: groups.iter().map(group).collect(), down: None }
    }

    /// A directory that cannot be asked.
    pub fn down(why: &'static str) -> Self {
        Self { down: Some(why), ..Self::default() }
    }

    fn seek<T>(&self, what: &'static str, found: impl FnOnce() -> Option<T>) -> Sought<T> {
        match (self.down, found()) {
            (Some(why), _) => Sought::CannotSay(Unanswered { what, why: why.to_owned() }),
            (None, Some(found)) => Sought::There(found),
            (None, None) => Sought::Absent,
        }
    }

    fn group_where(&self, is_meant: impl Fn(&GroupOfPeople) -> bool) -> Sought<GroupOfPeople> {
        self.seek("groups", || self.groups.iter().map(|(group, _)| group).find(|group| is_meant(group)).cloned())
    }

    fn groups_with(&self, person: &Person) -> Vec<String> {
        let (own, others): (Vec<_>, Vec<_>) = self.groups.iter().partition(|(group, _)| group.gid == person.gid);
        let others = others.into_iter().filter(|(_, members)| members.contains(&person.name));
        own.into_iter().chain(others).map(|(group, _)| group.name.clone()).collect()
    }
}

impl People for Listed {
    fn user(&self, name: &str) -> Sought<Person> {
        self.seek("users", || self.users.iter().find(|user| user.name == name).cloned())
    }

    fn user_numbered(&self, uid: Uid) -> Sought<Person> {
        self.seek("users", || self.users.iter().find(|user| user.uid == uid).cloned())
    }

    fn group(&self, name: &str) -> Sought<GroupOfPeople> {
        self.group_where(|group| group.name == name)
    }

    fn group_numbered(&self, gid: Gid) -> Sought<GroupOfPeople> {
        self.group_where(|group| group.gid == gid)
    }

    fn groups_of(&self, user: &str) -> Sought<Vec<String>> {
        self.user(user).map(|person| self.groups_with(&person))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_answers() {
        let mut site = Listed::new(&[("kim", 2001)], &[("hpc", 3001), ("kim", 2001)]);
        site.groups[0].1.push("kim".into());
        assert_eq!(site.user("kim").map(|user| user.uid), Sought::There(Uid(2001)));
        assert_eq!(site.groups_of("kim"), Sought::There(vec!["kim".to_owned(), "hpc".to_owned()]));
        assert_eq!((site.user_numbered(Uid(7)), site.groups_of("lee")), (Sought::Absent, Sought::Absent));
        assert_eq!(site.group_numbered(Gid(7)).known(), Ok(None));
        let down = Listed::down("the directory does not answer");
        let why = down.group("hpc").known().unwrap_err();
        assert_eq!(why.to_string(), "groups cannot be looked up now: the directory does not answer");
        assert!(matches!(down.groups_of("kim"), Sought::CannotSay(_)));
    }

    #[test]
    fn what_listings_show() {
        let shown = |people: &Listed, uid| people.user_numbered(uid).map(|user| user.name).or_kept("", uid);
        let site = Listed::new(&[("kim", 2001)], &[]);
        assert_eq!([shown(&site, Uid(2001)), shown(&site, Uid(7))], ["kim", ""]);
        assert_eq!(shown(&Listed::down("?"), Uid(7)), "7");
    }
}
