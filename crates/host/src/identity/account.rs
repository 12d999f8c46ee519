//! [`LocalAccount`]: everything that the files say about one user.

use super::entries::{Passwd, Shadow};
use super::{AccountSources, Databases};

/// One local user, put together from all files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAccount {
    /// The line in `passwd`.
    pub passwd: Passwd,
    /// The line in `shadow`.
    pub shadow: Option<Shadow>,
    /// Name of the primary group, or its number when no group has it.
    pub group: String,
    /// Names of the local groups that list the user, in file order.
    pub groups: Vec<String>,
}

impl LocalAccount {
    /// The local user called `name`. Where nobody can say what the primary group is called, it has its number.
    pub fn find(databases: &Databases, directory: &dyn AccountSources, name: &str) -> Option<Self> {
        let passwd = databases.passwd.get(name)?.clone();
        let gid = passwd.gid;
        let local = databases.group_with_gid(gid).map(|group| group.name.clone());
        let group = local.unwrap_or_else(|| directory.group_with_gid(gid).or_kept(&gid.to_string(), gid));
        Some(Self {
            shadow: databases.shadow.as_ref().and_then(|shadow| shadow.get(name)).cloned(),
            groups: databases.groups_of(name),
            passwd,
            group,
        })
    }

    /// The password hash, wherever it is: a secret.
    pub fn hash(&self) -> &str {
        match &self.shadow {
            Some(shadow) if self.passwd.password == "x" => &shadow.password,
            _ => &self.passwd.password,
        }
    }

    /// Whether the password is locked: nothing that is typed can match it.
    pub fn is_locked(&self) -> bool {
        self.hash().starts_with('!')
    }
}
