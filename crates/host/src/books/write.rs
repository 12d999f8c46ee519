//! [`Write`]: one `sacctmgr` command that changes something, for as many names as have the same coming.

use std::collections::BTreeSet;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookVerb {
    /// `add`
    Add,
    /// `modify … set`
    Modify,
    /// `delete`
    Delete,
}

impl BookVerb {
    const ALL: [BookVerb; 3] = [BookVerb::Add, BookVerb::Modify, BookVerb::Delete];

    fn word(self) -> &'static str {
        match self {
            BookVerb::Add => "add",
            BookVerb::Modify => "modify",
            BookVerb::Delete => "delete",
        }
    }
}

/// Of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookEntity {
    /// An account, and its own association.
    Account,
    /// A user, or (with an account in the scope) his association.
    User,
    /// A quality of service.
    Qos,
    /// A user as coordinator of the account in the scope.
    Coordinator,
}

impl BookEntity {
    const ALL: [BookEntity; 4] = [BookEntity::Account, BookEntity::User, BookEntity::Qos, BookEntity::Coordinator];

    fn word(self) -> &'static str {
        match self {
            BookEntity::Account => "account",
            BookEntity::User => "user",
            BookEntity::Qos => "qos",
            BookEntity::Coordinator => "coordinator",
        }
    }

    /// What its names are called.
    fn names(self) -> &'static str {
        if self == BookEntity::Coordinator { "names" } else { "name" }
    }
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What is done.
    pub verb: BookVerb,
    /// Of what.
    pub entity: BookEntity,
    /// To whom or which.
    pub names: Vec<String>,
    /// Which of their associations: `account`, `cluster`, `partition`.
    pub scope: Vec<(String, String)>,
    /// What it sets.
    pub set: Vec<(String, String)>,
}

/// Names in one command: a list of 20 letters each stays below what Linux takes as one argument (128 kB).
const MOST_NAMES: usize = 2000;

impl Write {
    /// A command for one name that sets nothing yet.
    pub fn new(verb: BookVerb, entity: BookEntity, name: &str) -> Self {
        Self { verb, entity, names: vec![name.to_owned()], scope: Vec::new(), set: Vec::new() }
    }

    /// The same with `KEY=VALUE` in its scope.
    pub fn of(mut self, key: &str, value: &str) -> Self {
        self.scope.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same in one cluster only, if one is given.
    pub fn on(self, cluster: Option<&str>) -> Self {
        match cluster {
            Some(cluster) => self.of("cluster", cluster),
            None => self,
        }
    }

    /// The same, setting these.
    pub fn set<K: Into<String>>(mut self, set: impl IntoIterator<Item = (K, String)>) -> Self {
        self.set.extend(set.into_iter().map(|(key, value)| (key.into(), value)));
        self
    }

    /// The value in its scope.
    pub fn scope(&self, key: &str) -> Option<&str> {
        self.scope.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }

    /// Its words after `sacctmgr -i`.
    pub fn argv(&self) -> Vec<String> {
        let pair = |(key, value): &(String, String)| format!("{key}={value}");
        let mut argv = vec![self.verb.word().to_owned(), self.entity.word().to_owned()];
        if self.verb != BookVerb::Add && self.entity != BookEntity::Coordinator {
            argv.push("where".to_owned());
        }
        argv.push(format!("{}={}", self.entity.names(), self.names.join(",")));
        argv.extend(self.scope.iter().map(pair));
        if self.verb == BookVerb::Modify {
            argv.push("set".to_owned());
        }
        argv.extend(self.set.iter().map(pair));
        argv
    }

    /// The write whose words these are; `None` for what [`Write::argv`] does not say.
    pub(super) fn parse(argv: &[String]) -> Option<Self> {
        let [verb, entity, rest @ ..] = argv else { return None };
        let verb = BookVerb::ALL.into_iter().find(|it| it.word() == verb)?;
        let entity = BookEntity::ALL.into_iter().find(|it| it.word() == entity)?;
        let mut rest = rest.iter().skip_while(|word| *word == "where");
        let names = rest.next()?.strip_prefix(entity.names())?.strip_prefix('=')?;
        let mut write = Self::new(verb, entity, "");
        write.names = names.split(',').map(str::to_owned).collect();
        for word in rest.filter(|word| *word != "set") {
            let (key, value) = word.split_once('=')?;
            let is_scope = ["account", "cluster", "partition"].contains(&key);
            let list = if is_scope { &mut write.scope } else { &mut write.set };
            list.push((key.to_owned(), value.to_owned()));
        }
        Some(write)
    }

    fn is_like(&self, other: &Write) -> bool {
        (self.verb, self.entity) == (other.verb, other.entity) && self.scope == other.scope && self.set == other.set
    }

    /// What it is about, and what it needs to be there.
    fn touches(&self) -> BTreeSet<&str> {
        let needs = self.scope.iter().chain(&self.set).map(|(_, value)| value.as_str());
        self.names.iter().map(String::as_str).chain(needs).collect()
    }
}

/// Few commands that do the same as `writes` one after another; each with the places that its writes had.
///
/// A write joins an earlier one that says the same of other names, unless something between them is about what it is
/// about or needs.
pub fn merged(writes: &[Write]) -> Vec<(Write, Vec<usize>)> {
    let mut groups: Vec<(Write, Vec<usize>)> = Vec::new();
    for (place, write) in writes.iter().enumerate() {
        match groups.iter().rposition(|(group, _)| group.is_like(write)).filter(|at| may_join(&groups[*at..], write)) {
            Some(at) => {
                let (group, places) = &mut groups[at];
                let new = write.names.iter().filter(|name| !group.names.contains(name)).cloned().collect::<Vec<_>>();
                group.names.extend(new);
                places.push(place);
            }
            None => groups.push((write.clone(), vec![place])),
        }
    }
    groups
}

fn may_join(groups: &[(Write, Vec<usize>)], write: &Write) -> bool {
    let touches = write.touches();
    let between = groups.iter().skip(1).flat_map(|(group, _)| &group.names);
    groups[0].0.names.len() < MOST_NAMES && !between.into_iter().any(|name| touches.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(name: &str, account: &str) -> Write {
        Write::new(BookVerb::Add, BookEntity::User, name).of("account", account)
    }

    fn limit(name: &str, value: &str) -> Write {
        Write::new(BookVerb::Modify, BookEntity::User, name).of("account", "p").set([("MaxJobs", value.into())])
    }

    fn shown(writes: &[Write]) -> Vec<String> {
        merged(writes).iter().map(|(write, _)| write.argv().join(" ")).collect()
    }

    #[test]
    fn equal_settings_share_a_command() {
        let writes = [add("a", "p"), limit("a", "1"), add("b", "p"), limit("b", "1"), add("c", "q"), limit("c", "2")];
        assert_eq!(
            shown(&writes),
            [
                "add user name=a,b account=p",
                "modify user where name=a,b account=p set MaxJobs=1",
                "add user name=c account=q",
                "modify user where name=c account=p set MaxJobs=2",
            ]
        );
        assert_eq!(merged(&writes)[1].1, [1, 3]);
        for (write, _) in merged(&writes) {
            assert_eq!(Write::parse(&write.argv()), Some(write));
        }
    }

    #[test]
    fn what_depends_on_something_stays_behind_it() {
        let account = |name, parent: &str| {
            Write::new(BookVerb::Add, BookEntity::Account, name).set([("parent", parent.to_owned())])
        };
        let writes = [account("a", "root"), account("b", "a"), account("c", "root"), account("d", "c")];
        let children =
            ["add account name=a,c parent=root", "add account name=b parent=a", "add account name=d parent=c"];
        assert_eq!(shown(&writes), children);
        let twice = [limit("a", "1"), limit("a", "2"), limit("a", "1")];
        assert_eq!(shown(&twice).len(), 3, "the last one wins");
    }
}
