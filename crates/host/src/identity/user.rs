//! What `useradd`, `usermod` and `userdel` make of the databases.
//!
//! A creation that was killed between two files leaves a line in `shadow` (written first) without a user. When the
//! user is then made again, the empty group of its name is taken as its own, so that the second run ends where the
//! first would have.

use super::defaults::IdKind;
use super::entries::{Group, Passwd, Shadow, SubordinateIds};
use super::group::{self, WantedGroup};
use super::names::{check_field, check_name, check_path};
use super::{AccountRefusal, AccountSources, Databases, Defaults, LocalAccount, ids};
use crate::identity::{Gid, Uid};

/// A user as it should be; `None` keeps what is there, or takes the default of a new user.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WantedUser {
    /// Login name.
    pub name: String,
    /// User number.
    pub uid: Option<Uid>,
    /// Whether the number may be another user's too.
    pub non_unique: bool,
    /// Primary group, by name or number.
    pub group: Option<String>,
    /// Supplementary groups, by names or numbers.
    pub groups: Option<Vec<String>>,
    /// Whether `groups` are added to those that the user is in, instead of replacing them.
    pub append: bool,
    /// GECOS.
    pub comment: Option<String>,
    /// Home directory.
    pub home: Option<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// Password hash: a secret.
    pub password: Option<String>,
    /// Whether an existing user's hash is left alone.
    pub password_on_create: bool,
    /// Whether the password is locked.
    pub locked: Option<bool>,
    /// Aging and expiry.
    pub aging: WantedAging,
    /// Whether a new user is a system account.
    pub system: bool,
    /// Days since 1970-01-01: the date of a password change.
    pub today: i64,
}

/// Days and dates of shadow(5); an inner `None` empties the field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedAging {
    /// See [`Shadow::expire`].
    pub expire: Option<Option<i64>>,
    /// See [`Shadow::inactive`].
    pub inactive: Option<Option<i64>>,
    /// See [`Shadow::min`].
    pub min: Option<Option<i64>>,
    /// See [`Shadow::max`].
    pub max: Option<Option<i64>>,
    /// See [`Shadow::warn`].
    pub warn: Option<Option<i64>>,
}

impl WantedAging {
    /// Whether it asks for more than empty fields.
    fn sets_something(&self) -> bool {
        [self.expire, self.inactive, self.min, self.max, self.warn].into_iter().flatten().any(|days| days.is_some())
    }

    fn apply(&self, shadow: &mut Shadow) {
        let set = |field: &mut Option<i64>, wanted: Option<Option<i64>>| *field = wanted.unwrap_or(*field);
        set(&mut shadow.expire, self.expire);
        set(&mut shadow.inactive, self.inactive);
        set(&mut shadow.min, self.min);
        set(&mut shadow.max, self.max);
        set(&mut shadow.warn, self.warn);
    }
}

/// The databases with the user as wanted; equal to the given ones when it is so already.
pub fn plan_user(
    databases: &Databases,
    defaults: &Defaults,
    directory: &dyn AccountSources,
    wanted: &WantedUser,
) -> Result<Databases, AccountRefusal> {
    check_fields(wanted)?;
    if databases.shadow.is_none() && wanted.aging.sets_something() {
        return Err(AccountRefusal::new("shadow passwords are required for expiry and aging: there is no /etc/shadow")
            .hint("make it with `pwconv`"));
    }
    let mut plan = Plan { after: databases.clone(), defaults, directory, wanted };
    match LocalAccount::find(databases, directory, &wanted.name) {
        None => plan.create()?,
        Some(account) => plan.modify(account)?,
    }
    Ok(plan.after)
}

/// The databases without the user, and what was left on purpose (for people). With `USERGROUPS_ENAB` the user's own
/// group goes too, if nobody else needs it.
pub fn remove_user(
    databases: &Databases,
    defaults: &Defaults,
    name: &str,
    force: bool,
) -> Result<(Databases, Vec<String>), AccountRefusal> {
    let mut after = databases.clone();
    let mut notes = Vec::new();
    let Some(user) = databases.passwd.get(name).cloned() else { return Ok((after, notes)) };
    remove_lines(&mut after, name)?;
    after.passwd.remove(name)?;
    if defaults.flag("USERGROUPS_ENAB") {
        match own_group_stays(&after, &user, force) {
            Some(note) => notes.extend(note),
            None => group::drop_group(&mut after, name)?,
        }
    }
    Ok((after, notes))
}

/// The databases without what is left of a user whose removal (or creation) was cut short: such a user has a line in
/// `shadow` and none in `passwd`. Equal to the given ones when there is nothing of the kind.
pub fn finish_removal(databases: &Databases, defaults: &Defaults, name: &str) -> Result<Databases, AccountRefusal> {
    let mut after = databases.clone();
    let has_shadow = databases.shadow.as_ref().is_some_and(|shadow| shadow.get(name).is_some());
    if databases.passwd.get(name).is_some() || !has_shadow {
        return Ok(after);
    }
    remove_lines(&mut after, name)?;
    let own = after.group.get(name).filter(|group| group.members.is_empty());
    if defaults.flag("USERGROUPS_ENAB") && own.is_some_and(|group| after.passwd.with_group(group.gid).next().is_none())
    {
        group::drop_group(&mut after, name)?;
    }
    Ok(after)
}

/// Takes a user out of all files but `passwd`, with its memberships.
fn remove_lines(databases: &mut Databases, name: &str) -> Result<(), AccountRefusal> {
    if let Some(shadow) = &mut databases.shadow {
        shadow.remove(name)?;
    }
    for subordinate in [&mut databases.subuid, &mut databases.subgid].into_iter().flatten() {
        subordinate.remove_all(name);
    }
    databases.forget_member(name)
}

/// Whether the group of the user's name stays, and if that is worth a word, why.
fn own_group_stays(after: &Databases, user: &Passwd, force: bool) -> Option<Option<String>> {
    let Some(group) = after.group.get(&user.name) else { return Some(None) };
    let name = &group.name;
    if group.gid != user.gid {
        return Some(Some(format!("group {name} not removed because it is not the primary group of user {name}.")));
    }
    if !group.members.is_empty() {
        return Some(Some(format!("group {name} not removed because it has other members.")));
    }
    let other = after.passwd.with_group(group.gid).next().filter(|_| !force)?;
    Some(Some(format!("group {name} not removed because it is the primary group of user {}", other.name)))
}

fn check_fields(wanted: &WantedUser) -> Result<(), AccountRefusal> {
    check_field("comment", wanted.comment.as_deref().unwrap_or_default())?;
    check_path("home directory", wanted.home.as_deref().unwrap_or_default())?;
    check_path("shell", wanted.shell.as_deref().unwrap_or_default())?;
    // Not by check_field, whose message would show the secret.
    if wanted.password.as_deref().unwrap_or_default().contains(|c: char| c == ':' || c.is_control()) {
        Err(AccountRefusal::new("invalid password: it has ':' or a control character in it")
            .hint("`password` takes a hash, such as `'secret' | password_hash('sha512')` gives"))
    } else {
        Ok(())
    }
}

/// The primary group of new users that is built into Debian's useradd, whether it exists or not.
const FALLBACK_GID: Gid = Gid(100);

struct Plan<'a> {
    after: Databases,
    defaults: &'a Defaults,
    directory: &'a dyn AccountSources,
    wanted: &'a WantedUser,
}

impl Plan<'_> {
    fn create(&mut self) -> Result<(), AccountRefusal> {
        let wanted = self.wanted;
        check_name("user", &wanted.name)?;
        // The order of these two gives Ansible's errors.
        let group = wanted.group.as_ref().map(|name| self.after.find_group(name, self.directory)).transpose()?;
        let groups = self.groups_to_join(wanted.groups.as_deref().unwrap_or_default())?;
        let uid = match wanted.uid {
            Some(uid) => self.check_uid(uid)?,
            None => self.free_uid()?,
        };
        let gid = match group {
            Some(group) => group.gid,
            None => self.own_group(uid)?,
        };
        let hash = locked(wanted.password.as_deref().unwrap_or("!"), wanted.locked == Some(true));
        let passwd = Passwd {
            name: wanted.name.clone(),
            password: if self.after.shadow.is_some() { "x".into() } else { hash.clone() },
            uid,
            gid,
            gecos: wanted.comment.clone().unwrap_or_default().into_bytes(),
            home: wanted.home.clone().unwrap_or_else(|| self.defaults.home_of(&wanted.name)),
            shell: wanted.shell.clone().unwrap_or_else(|| self.defaults.shell().into()),
        };
        self.after.passwd.set(&passwd)?;
        self.create_shadow(hash)?;
        self.create_subordinate_ids()?;
        groups.iter().try_for_each(|group| self.after.set_member(group, &wanted.name, true))
    }

    fn create_shadow(&mut self, hash: String) -> Result<(), AccountRefusal> {
        let mut shadow = self.new_shadow(hash);
        if !self.wanted.system {
            shadow.inactive = self.defaults.inactive();
            shadow.expire = self.defaults.expire()?;
        }
        self.wanted.aging.apply(&mut shadow);
        self.after.shadow.as_mut().map_or(Ok(()), |file| file.set(&shadow))
    }

    /// A line with the aging of login.defs, which system accounts have not.
    fn new_shadow(&self, hash: String) -> Shadow {
        let aging = |key| self.defaults.number(key).filter(|days| *days >= 0 && !self.wanted.system);
        Shadow {
            name: self.wanted.name.clone(),
            password: hash,
            last_change: Some(self.wanted.today),
            min: aging("PASS_MIN_DAYS"),
            max: aging("PASS_MAX_DAYS"),
            warn: aging("PASS_WARN_AGE"),
            inactive: None,
            expire: None,
            flag: String::new(),
        }
    }

    fn create_subordinate_ids(&mut self) -> Result<(), AccountRefusal> {
        let range = self.defaults.id_range(IdKind::User, false)?;
        let is_ordinary = self.wanted.uid.is_none_or(|uid| uid == Uid::ROOT || range.contains(&uid.0));
        if self.wanted.system || !is_ordinary {
            return Ok(());
        }
        for (file, kind) in [(&mut self.after.subuid, IdKind::User), (&mut self.after.subgid, IdKind::Group)] {
            let limits = self.defaults.subordinate(kind);
            let Some(file) = file.as_mut().filter(|_| limits.2 > 0) else { continue };
            if file.get(&self.wanted.name).is_some() {
                continue;
            }
            let start = ids::free_range(file, limits).ok_or_else(|| {
                AccountRefusal::new("Can't get unique subordinate ID range")
                    .hint("widen SUB_UID_MAX and SUB_GID_MAX in /etc/login.defs, or set their COUNT to 0")
            })?;
            file.append(&SubordinateIds { owner: self.wanted.name.clone(), start, count: limits.2 });
        }
        Ok(())
    }

    fn free_uid(&self) -> Result<Uid, AccountRefusal> {
        let range = self.defaults.id_range(IdKind::User, self.wanted.system)?;
        let passwd = &self.after.passwd;
        let is_here = |uid: Uid| passwd.with_number(uid.into()).next().is_some();
        let is_used = |uid| -> Result<bool, AccountRefusal> {
            Ok(is_here(Uid(uid)) || self.directory.user_with_uid(Uid(uid)).known()?.is_some())
        };
        let extremes = passwd.extremes(&range);
        let found = if self.wanted.system {
            ids::next_free_system(range, extremes, is_used)?
        } else {
            ids::next_free(range, extremes, is_used)?
        };
        found.map(Uid).ok_or_else(|| AccountRefusal::new("Can't get unique UID (no more available UIDs)"))
    }

    /// Refuses a uid of somebody else.
    fn check_uid(&self, uid: Uid) -> Result<Uid, AccountRefusal> {
        if uid.is_none() {
            return Err(AccountRefusal::new(format!("invalid user ID '{uid}'")));
        }
        let local = self.after.passwd.with_number(uid.into()).find(|user| user.name != self.wanted.name);
        let owner = match local {
            Some(user) => Some(user.name.clone()),
            None => self.directory.user_with_uid(uid).known()?,
        };
        match owner.filter(|owner| *owner != self.wanted.name && !self.wanted.non_unique) {
            Some(owner) => Err(AccountRefusal::new(format!("UID {uid} is not unique: user '{owner}' has it"))
                .hint("choose another uid, or change that user's; `non_unique: true` shares it")),
            None => Ok(uid),
        }
    }

    /// The gid of a new user for whom no group was named: a new group of its name, if there is none and
    /// `USERGROUPS_ENAB` is on; else the default group.
    fn own_group(&mut self, uid: Uid) -> Result<Gid, AccountRefusal> {
        let name = &self.wanted.name;
        let existing = match self.after.group.get(name) {
            Some(local) => Some(local.clone()),
            None => self.directory.group(name).known()?,
        };
        match existing {
            Some(group) if self.is_left_by_a_crash(&group) => return Ok(group.gid),
            None if self.defaults.flag("USERGROUPS_ENAB") => {}
            _ => {
                let default = self.after.find_group(self.defaults.group(), self.directory);
                return Ok(default.map_or(FALLBACK_GID, |group| group.gid));
            }
        }
        let gid = group::free_gid(&self.after, self.defaults, self.directory, self.wanted.system, Some(Gid(uid.0)))?;
        let own = WantedGroup { name: name.clone(), gid: Some(gid), ..WantedGroup::default() };
        group::create(&mut self.after, self.directory, &own)?;
        if self.after.gshadow.is_none()
            && let Some(group) = self.after.group.get(name).cloned()
        {
            // As useradd does; groupadd writes `x` all the same.
            self.after.group.set(&Group { password: "!".into(), ..group })?;
        }
        Ok(gid)
    }

    fn is_left_by_a_crash(&self, group: &Group) -> bool {
        let has_shadow = self.after.shadow.as_ref().is_some_and(|shadow| shadow.get(&self.wanted.name).is_some());
        has_shadow && group.members.is_empty() && self.after.passwd.with_group(group.gid).next().is_none()
    }

    fn modify(&mut self, account: LocalAccount) -> Result<(), AccountRefusal> {
        let wanted = self.wanted;
        let mut passwd = account.passwd.clone();
        if let Some(group) = &wanted.group {
            passwd.gid = self.after.find_group(group, self.directory)?.gid;
        }
        let groups = wanted.groups.as_deref().map(|groups| self.groups_to_change(groups, &account)).transpose()?;
        if let Some(uid) = wanted.uid.filter(|uid| *uid != passwd.uid) {
            passwd.uid = self.check_uid(uid)?;
        }
        if let Some(comment) = wanted.comment.as_ref().filter(|comment| **comment != passwd.comment()) {
            passwd.gecos = comment.clone().into_bytes();
        }
        passwd.home = wanted.home.clone().unwrap_or(passwd.home);
        passwd.shell = wanted.shell.clone().unwrap_or(passwd.shell);
        self.modify_secrets(&account, &mut passwd)?;
        self.after.passwd.set(&passwd)?;
        for (group, member) in groups.unwrap_or_default() {
            self.after.set_member(&group, &wanted.name, member)?;
        }
        Ok(())
    }

    /// Password, lock and aging, in `shadow` if the user is (or must get) there.
    fn modify_secrets(&mut self, account: &LocalAccount, passwd: &mut Passwd) -> Result<(), AccountRefusal> {
        let hash = self.new_hash(account);
        let has_aging = self.wanted.aging != WantedAging::default();
        let Some(file) = &self.after.shadow else {
            passwd.password = hash.unwrap_or(passwd.password.clone());
            return Ok(());
        };
        let mut shadow = match file.get(&self.wanted.name).cloned() {
            Some(shadow) => shadow,
            None if has_aging || (hash.is_some() && passwd.password == "x") => {
                let old = std::mem::replace(&mut passwd.password, "x".into());
                self.new_shadow(old)
            }
            None => {
                passwd.password = hash.unwrap_or(passwd.password.clone());
                return Ok(());
            }
        };
        self.wanted.aging.apply(&mut shadow);
        if let Some(hash) = hash {
            let is_new = hash.trim_start_matches('!') != account.hash().trim_start_matches('!');
            let place = if passwd.password == "x" { &mut shadow.password } else { &mut passwd.password };
            *place = hash;
            if is_new {
                shadow.last_change = Some(self.wanted.today);
            }
        }
        self.after.shadow.as_mut().map_or(Ok(()), |file| file.set(&shadow))
    }

    /// The hash to store, if it changes. Hashes are compared without their lock; a lock that nobody asked about
    /// stays off a new password, as with `usermod -p`.
    fn new_hash(&self, account: &LocalAccount) -> Option<String> {
        let current = account.hash();
        let wanted = self.wanted.password.as_deref().filter(|_| !self.wanted.password_on_create);
        if let Some(password) = wanted.filter(|p| p.trim_start_matches('!') != current.trim_start_matches('!')) {
            return Some(locked(password, self.wanted.locked == Some(true)));
        }
        match self.wanted.locked {
            Some(true) if !account.is_locked() => Some(locked(current, true)),
            // Unlocking `!` alone would open the account to everybody.
            Some(false) if account.is_locked() && current.len() > 1 => Some(current[1..].into()),
            _ => None,
        }
    }

    /// The names of local groups that a new user joins.
    fn groups_to_join(&self, groups: &[String]) -> Result<Vec<String>, AccountRefusal> {
        let found = groups.iter().map(|group| self.after.find_group(group, self.directory));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        found.into_iter().filter_map(|group| self.local_group(group).transpose()).collect()
    }

    /// Which groups an existing user shall be in (true) and not in (false); none when `group` says so already. If
    /// not, all are set, which also repairs a `gshadow` that disagrees, as `usermod -G` does.
    fn groups_to_change(
        &self,
        groups: &[String],
        account: &LocalAccount,
    ) -> Result<Vec<(String, bool)>, AccountRefusal> {
        let wanted = self.groups_to_join(groups)?;
        let stays = |name: &&String| self.wanted.append || wanted.contains(name);
        let leaves: Vec<_> = account.groups.iter().filter(|name| !stays(name)).cloned().collect();
        if leaves.is_empty() && wanted.iter().all(|name| account.groups.contains(name)) {
            return Ok(Vec::new());
        }
        Ok(wanted.into_iter().map(|name| (name, true)).chain(leaves.into_iter().map(|name| (name, false))).collect())
    }

    /// The group's name if it is in `/etc/group`; `None` for one elsewhere that lists the user already. Membership of
    /// other groups elsewhere is not ours to change.
    fn local_group(&self, group: Group) -> Result<Option<String>, AccountRefusal> {
        if self.after.group.get(&group.name).is_some() {
            return Ok(Some(group.name));
        }
        if group.has(&self.wanted.name) {
            Ok(None)
        } else {
            Err(AccountRefusal::new(format!("Group {} is not in /etc/group", group.name))
                .hint("it comes from a directory (LDAP, sssd, NIS): add the member there"))
        }
    }
}

/// The hash, locked once if it should be.
fn locked(hash: &str, lock: bool) -> String {
    if lock && !hash.starts_with('!') { format!("!{hash}") } else { hash.into() }
}
