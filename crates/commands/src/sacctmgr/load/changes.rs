//! What `load` changes of what is there, each change with its line.

use super::super::association::modify as associations;
use super::super::condition::Condition;
use super::super::dump::LIMITS;
use super::super::session::Done;
use super::super::setting::{QosChange, Setting, qos_name};
use super::options::Options;
use super::{Load, number, shares};
use slurm::model::limits::Unit;
use slurm::model::*;

/// One change as it is told: what, old value, new value.
type Told = (String, String, String);

impl Load<'_, '_> {
    fn tell(&mut self, kind: &str, name: &str, (what, old, new): &Told) {
        let what = format!(" Changed {what}");
        self.session.say(format!("{what:<30.30} for {kind:<7.7} {name:<10.10} {old:>8} -> {new}"));
        self.touched = true;
    }

    /// A cluster's classification, and the limits of its root association.
    pub(super) fn change_cluster(&mut self, options: &Options, name: &str) -> Done {
        let old = self.session.state.clusters.get(&name.to_owned()).map(|row| row.classification).unwrap_or_default();
        if let Some(new) = options.classification.filter(|new| *new != old) {
            let old = if old == Classification::None { "(null)" } else { old.name() };
            self.tell("Cluster", name, &("Classification".into(), old.into(), new.name().into()));
            self.session.state.clusters.edit(&name.to_owned(), |row| row.classification = new);
            self.session.record(Action::ModifyCluster, format!("name='{name}'"), "classification", "");
        }
        self.change_association(options, &AssociationKey::account(name, "root"), "Cluster", None)
    }

    /// An account's texts.
    pub(super) fn change_account(&mut self, options: &Options) {
        let Some(mut row) = self.session.state.account(&options.name).cloned() else { return };
        let texts = [
            ("description", &options.description, &mut row.description),
            ("organization", &options.organization, &mut row.organization),
        ];
        let mut info = Vec::new();
        for (what, new, old) in texts {
            if let Some(new) = new.as_ref().filter(|new| *new != old) {
                let old = std::mem::replace(old, new.clone());
                self.tell("Account", &options.name, &(what.into(), old, new.clone()));
                info.push(format!("{what}='{new}'"));
            }
        }
        if !info.is_empty() {
            let name = row.name.clone();
            self.session.state.accounts.put(name.clone(), row);
            self.session.record(Action::ModifyAccount, format!("(name='{name}')"), info.join(", "), "");
        }
    }

    /// Limits, shares, priority, QOS and the place of an association that is there.
    pub(super) fn change_association(
        &mut self,
        options: &Options,
        key: &AssociationKey,
        kind: &str,
        parent: Option<&str>,
    ) -> Done {
        let Some(row) = self.session.state.find(key).cloned() else { return Ok(()) };
        let (told, mut setting) = self.differences(&options.setting, &row);
        let name = match kind {
            "Cluster" => &key.cluster,
            "Account" => &key.account,
            _ => &key.user,
        };
        for change in &told {
            self.tell(kind, name, change);
        }
        let above = row.parent.and_then(|id| self.session.state.association(id)).map(|row| row.key.account.clone());
        if let (Some(wanted), Some(above)) = (parent, above)
            && wanted != above
        {
            self.tell(kind, name, &("Parent".into(), above, wanted.into()));
            setting.parent = Some(wanted.to_owned());
        }
        self.change_qos(options, &row, kind, name, &mut setting);
        if setting.is_empty() && setting.parent.is_none() {
            return Ok(());
        }
        let place = Condition {
            clusters: Some(vec![key.cluster.clone()]),
            accounts: Some(vec![key.account.clone()]),
            users: Some(vec![key.user.clone()]),
            partitions: Some(vec![key.partition.clone()]),
            ..Condition::default()
        };
        associations::modify(self.session, &place, &setting)?;
        Ok(())
    }

    /// What of `wanted` differs from the association, and how that is told.
    fn differences(&self, wanted: &Setting, row: &Association) -> (Vec<Told>, Setting) {
        let (mut told, mut setting) = (Vec::new(), Setting::default());
        let new = wanted.shares.map(|new| new.unwrap_or(Shares::Of(1)));
        if let Some(new) = new.filter(|new| *new != row.shares) {
            told.push(("fairshare".into(), shares(row.shares), shares(new)));
            setting.shares = wanted.shares;
        }
        for (limit, name) in LIMITS {
            let given: Vec<_> = wanted.limits.iter().filter(|((other, _), _)| other == limit).copied().collect();
            let old = |tres: Option<TresId>| row.limits.value((*limit, tres));
            if given.iter().all(|((_, tres), change)| change.after(old(*tres)) == old(*tres)) {
                continue;
            }
            let (old, new) = match limit.unit() {
                Unit::Tres => {
                    let set =
                        given.iter().filter_map(|((_, tres), change)| Some(((*tres)?, change.after(old(*tres))?)));
                    (tres_text(row.limits.all_tres(*limit)), tres_text(set))
                }
                _ => {
                    let new = given.last().and_then(|(_, change)| change.after(old(None)));
                    (number(old(None)), number(new))
                }
            };
            let name = if *limit == Limit::GrpWall { "GrpWallDuration" } else { name };
            told.push((name.into(), old, new));
            setting.limits.extend(given);
        }
        if let Some(new) = wanted.priority.filter(|new| *new != row.priority) {
            let text = |priority: Option<u32>| number(priority.map(u64::from));
            told.push(("Priority".into(), text(row.priority), text(new)));
            setting.priority = Some(new);
        }
        (told, setting)
    }

    /// QOS are added to those that are there. (Slurm says so too, and then replaces them; and it forgets DefaultQOS.)
    fn change_qos(&mut self, options: &Options, row: &Association, kind: &str, name: &str, setting: &mut Setting) {
        let (mut after, mut added) = (row.qos.clone(), Vec::new());
        match &options.setting.qos {
            Some(QosChange::Exactly(ids)) if !ids.is_empty() => {
                let old = match &row.qos {
                    QosSet::Exactly(old) => old.clone(),
                    _ => Default::default(),
                };
                added = ids.difference(&old).map(|id| qos_name(self.session.state, *id)).collect();
                after = QosSet::Exactly(old.union(ids).copied().collect());
            }
            Some(change @ QosChange::Deltas(_)) => {
                let mut settings = slurm::tree::Settings { qos: after, ..Default::default() };
                Setting { qos: Some(change.clone()), ..Setting::default() }.apply_to(&mut settings);
                after = settings.qos;
                added = super::super::dump::qos_list(self.session.state, &after).into_iter().collect();
            }
            _ => {}
        }
        if after != row.qos {
            added.sort();
            let what = " Added QOS";
            self.session.say(format!("{what:<30.30} for {kind:<7.7} {name:<10.10} {:>8}", added.join(",")));
            setting.qos = match after {
                QosSet::Exactly(ids) => Some(QosChange::Exactly(ids)),
                _ => options.setting.qos.clone(),
            };
            self.touched = true;
        }
        if let Some(new) = options.setting.default_qos.filter(|new| *new != row.default_qos) {
            let text = |id: Option<QosId>| id.map_or("(null)".into(), |id| qos_name(self.session.state, id));
            let told = ("DefaultQOS".into(), text(row.default_qos), text(new));
            self.tell(kind, name, &told);
            setting.default_qos = Some(new);
        }
    }

    /// A user's default account, wckeys, admin level and coordination.
    pub(super) fn change_user(&mut self, options: &Options, cluster: &str) -> Done {
        let user = &options.name;
        if let Some(new) = &options.default_account {
            let old = self.defaults.get(user).cloned();
            if old.as_ref() != Some(new) {
                self.tell("User", user, &("Default Account".into(), old.unwrap_or("(null)".into()), new.clone()));
                self.make_default(user, cluster, new);
            }
        }
        let old = self.session.state.wckeys_of(user).find(|row| row.is_default && row.cluster == cluster);
        let old = old.map(|row| row.name.clone()).unwrap_or_default();
        if let Some(new) = options.default_wckey.as_ref().filter(|new| **new != old) {
            self.tell("User", user, &("Default WCKey".into(), old, new.clone()));
        }
        let level = self.session.state.user(user).map(|row| row.admin_level);
        if let (Some(old), Some(new)) = (level, options.admin_level)
            && old != new
        {
            self.tell("User", user, &("Admin Level".into(), old.name().into(), new.name().into()));
            self.session.state.users.edit(user, |row| row.admin_level = new);
            self.session.record(
                Action::ModifyUser,
                format!("(name='{user}')"),
                format!("admin_level={}", new.number()),
                "",
            );
        }
        self.tell_coordination(options);
        self.tell_wckeys(options, cluster);
        Ok(())
    }

    fn make_default(&mut self, user: &str, cluster: &str, account: &str) {
        let id = self.session.state.of_user(user).find(|row| row.key.cluster == cluster && row.key.account == account);
        if let Some(id) = id.map(|row| row.id) {
            slurm::tree::clear_default(self.session.state, user, cluster);
            self.session.state.edit_association(id, |row| row.is_default = true);
        }
    }

    fn tell_coordination(&mut self, options: &Options) {
        let had = super::super::dump::coordinated(self.session.state, &options.name);
        let new: Vec<_> = options.coordinates.iter().filter(|account| !had.contains(account)).cloned().collect();
        if new.is_empty() {
            return;
        }
        let user = &options.name;
        if had.is_empty() {
            self.session.say(format!(" Making User '{user}' coordinator for account(s) {}", new.join(", ")))
        } else {
            for account in &new {
                self.session.say(format!(" Making User '{user}' coordinator of account '{account}'"));
            }
        }
        self.coordinate(user, &new);
        self.touched = true;
    }

    /// Makes a user coordinator of accounts.
    pub(super) fn coordinate(&mut self, user: &str, accounts: &[String]) {
        for account in accounts {
            let key = (account.clone(), user.to_owned());
            if self.session.state.coordinators.get(&key).is_none() {
                let row = Coordinator { account: account.clone(), user: user.to_owned() };
                self.session.state.coordinators.put(key, row);
                self.session.record(Action::AddCoordinator, user, account.clone(), "");
            }
        }
    }

    fn tell_wckeys(&mut self, options: &Options, cluster: &str) {
        let user = &options.name;
        let rows = self.session.state.wckeys_of(user).filter(|row| row.cluster == cluster);
        let had: Vec<_> = rows.map(|row| row.name.clone()).collect();
        let mut new: Vec<_> = options.wckeys.iter().filter(|name| !had.contains(name)).cloned().collect();
        new.dedup();
        match (new.is_empty(), had.is_empty()) {
            (true, _) => {}
            (false, true) => {
                let quoted: Vec<_> = new.iter().map(|name| format!("'{name}'")).collect();
                self.session.say(format!(" Adding WCKey(s) {} for user '{user}'", quoted.join(", ")));
                self.touched = true;
            }
            (false, false) => {
                for name in &new {
                    self.session.say(format!(" Adding WCKey '{name}' to User '{user}'"));
                }
                self.touched = true;
            }
        }
        self.add_wckeys(options, cluster);
    }

    /// Adds a user's wckeys that are not there, and makes the default one that.
    pub(super) fn add_wckeys(&mut self, options: &Options, cluster: &str) {
        for name in &options.wckeys {
            let key = (options.name.clone(), cluster.to_owned(), name.clone());
            let known = self.session.state.wckeys.get(&key).cloned();
            let is_default = match (&options.default_wckey, &known) {
                (Some(default), _) => default == name,
                (None, known) => known.as_ref().is_some_and(|row| row.is_default && !row.deleted),
            };
            let id = known.as_ref().map_or_else(|| self.session.state.next_wckey(), |row| row.id);
            let (user, cluster, name) = key.clone();
            let row = Wckey { id, user, cluster, name, is_default, deleted: false };
            if known.as_ref().is_some_and(|known| *known == row) {
                continue;
            }
            if known.is_none_or(|row| row.deleted) {
                super::super::wckey::record_new(self.session, &row);
            }
            self.session.state.wckeys.put(key, row);
        }
    }
}

/// A TRES list by number, as these lines show it.
fn tres_text(counts: impl IntoIterator<Item = (TresId, u64)>) -> String {
    let counts: std::collections::BTreeMap<_, _> = counts.into_iter().collect();
    let text: Vec<_> = counts.iter().map(|(id, count)| format!("{id}={count}")).collect();
    if text.is_empty() { "(null)".into() } else { text.join(",") }
}
