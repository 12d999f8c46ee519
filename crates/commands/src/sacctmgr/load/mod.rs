//! `sacctmgr load`: reads a file as `dump` writes it (sacctmgr(1), "FLAT FILE DUMP AND LOAD"). What the file has and the
//! service lacks is added; what both have is changed to be as the file says. `clean` takes the cluster away first.
//!
//! All or nothing: Slurm commits half of a file with a wrong line in it, and the flush of `clean` before anything else.

mod changes;
mod lines;
mod listing;
mod options;
mod qos;
#[cfg(test)]
mod tests;

use super::session::{Done, Session, Stop};
use super::setting::Setting;
use super::word::{self, Word};
use super::{cluster, common, dump};
use lines::Line;
use options::Options;
use slurm::founding;
use slurm::model::*;
use slurm::tree::Seed;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use words::people::Uid;

/// An association that the file adds.
struct New {
    key: AssociationKey,
    /// The account that it hangs below.
    above: String,
    is_default: bool,
    setting: Setting,
}

/// One run over one file.
struct Load<'s, 'a> {
    session: &'s mut Session<'a>,
    clean: bool,
    /// Where to, if the command says it.
    wanted: Option<String>,
    cluster: Option<String>,
    parent: Option<String>,
    accounts: Vec<Account>,
    account_associations: Vec<New>,
    users: Vec<Options>,
    user_associations: Vec<New>,
    /// What the file has had, to change each only once, and to know what will be there.
    seen: BTreeSet<AssociationKey>,
    seen_users: BTreeSet<String>,
    seen_accounts: BTreeSet<String>,
    /// Users' default accounts before `clean`.
    defaults: BTreeMap<String, String>,
    touched: bool,
    /// QOS of the file that are new.
    new_qos: BTreeSet<String>,
}

/// `load FILE [clean] [cluster=NAME]`
pub fn run(session: &mut Session, words: &[Word]) -> Done {
    let (mut file, mut wanted, mut clean) = (None, None, false);
    for word in words {
        if word.is_bare("clean", 3) {
            clean = true;
        } else if word.operator.is_none() || word.is("File", 1) {
            take_once(session, &mut file, word::unquote(word.value), " File name already set to ");
        } else if word.is("Cluster", 3) {
            let said = " Can only do one cluster at a time.  Already doing ";
            take_once(session, &mut wanted, word::unquote_lower(word.value), said);
        } else {
            session.complain(format!(" Unknown option: {}", word.raw));
        }
    }
    let Some(file) = file else { return session.refuse(" No filename given, specify one with file=''") };
    session.check()?;
    let text = match session.world.file(&file) {
        None => return Err(Stop::File(file)),
        Some(Ok(text)) => text.to_owned(),
        Some(Err(error)) => {
            let first = words.first().map_or("", |word| word.raw);
            return session.refuse(format!(" Unable to read \"{first}\": {error}"));
        }
    };
    let mut load = Load {
        session,
        clean,
        wanted,
        cluster: None,
        parent: None,
        accounts: Vec::new(),
        account_associations: Vec::new(),
        users: Vec::new(),
        user_associations: Vec::new(),
        seen: BTreeSet::new(),
        seen_users: BTreeSet::new(),
        seen_accounts: BTreeSet::new(),
        defaults: BTreeMap::new(),
        touched: false,
        new_qos: BTreeSet::new(),
    };
    load.file(&text)
}

fn take_once(session: &mut Session, place: &mut Option<String>, value: String, said: &str) {
    match place {
        None => *place = Some(value),
        Some(earlier) => {
            let text = format!("{said}{earlier}");
            session.complain(text);
        }
    }
}

impl Load<'_, '_> {
    fn file(&mut self, text: &str) -> Done {
        self.only_text(text)?;
        self.name_qos(text)?;
        for line in lines::read(text) {
            let said = self.session.stderr.len();
            self.line(&line).inspect_err(|stop| self.name_line(stop, said, &line))?;
        }
        let begun = Instant::now();
        self.add_accounts()?;
        self.add_users()?;
        if !self.touched {
            self.session.say(" Nothing new added.");
            return Ok(());
        }
        let took = begun.elapsed().as_micros();
        self.session.stderr.push_str(&format!("sacctmgr: Done adding cluster in usec={took}\n"));
        self.session.commit()
    }

    /// Refuses a file with NULs and other characters that no dump has.
    fn only_text(&mut self, text: &str) -> Done {
        let strange = |line: &str| line.chars().find(|c| c.is_control() && *c != '\t');
        match text.lines().zip(1..).find_map(|(line, number)| Some((number, strange(line)?))) {
            None => Ok(()),
            Some((number, letter)) => self.wrong(format!(
                " line({number}) has the character U+{:04X}, which no dump file has; nothing was loaded",
                u32::from(letter)
            )),
        }
    }

    /// Says which line was refused, unless that is said already or it is not for the line.
    fn name_line(&mut self, stop: &Stop, said: usize, line: &Line) {
        if !self.session.caller.is_administrator(self.session.state) {
            return;
        }
        let told = self.session.stderr.get(said..).unwrap_or_default();
        if matches!(stop, Stop::Failed) && !told.is_empty() && !told.contains("line(") {
            let text = format!(" This is line({}): {}", line.number, line.shown());
            self.session.complain(text);
        }
    }

    fn line(&mut self, line: &Line) -> Done {
        if line.parts.is_none() {
            return self.wrong(format!(" Nothing after object name '{}'. line({})", line.object, line.number));
        }
        let is = |names: &[&str]| names.iter().any(|name| line.object.eq_ignore_ascii_case(name));
        if is(&["Machine", "Cluster"]) {
            return self.cluster(line);
        }
        if is(&["QOS"]) {
            return self.qos(line);
        }
        let Some(cluster) = self.cluster.clone() else {
            return self
                .nothing(" You need to specify a cluster name first with 'Cluster - $NAME' in your file".into());
        };
        if is(&["Parent"]) {
            return self.parent(line, &cluster);
        }
        let parent = self.parent.get_or_insert_with(|| {
            self.session.say(
                " No parent given creating off root, If incorrect specify 'Parent - name' before any children in your file",
            );
            "root".into()
        });
        let parent = parent.clone();
        if is(&["Project", "Account"]) {
            let options = self.options(line, " Problem")?;
            self.account(options, &cluster, &parent)
        } else if is(&["User"]) {
            let options = self.options(line, " Problem")?;
            self.user(options, &cluster, &parent)
        } else {
            self.wrong(format!(" Misformatted line({}): {}\n", line.number, line.shown()))
        }
    }

    /// Refuses the whole file.
    fn wrong<T>(&mut self, text: String) -> Done<T> {
        self.session.complain(text);
        self.session.refuse(" Problem with requests: Unspecified error")
    }

    /// Refuses the whole file where Slurm goes on with what it had read so far.
    fn nothing<T>(&mut self, text: String) -> Done<T> {
        self.session.say(" Nothing new added.");
        self.session.refuse(text)
    }

    fn options(&mut self, line: &Line, problem: &str) -> Done<Options> {
        match Options::read(self.session, line) {
            Some(options) => Ok(options),
            None => self.wrong(format!("{problem} with line({})", line.number)),
        }
    }

    fn cluster(&mut self, line: &Line) -> Done {
        if self.cluster.is_some() {
            return self.wrong(" You can only add one cluster at a time.".into());
        }
        let options = self.options(line, " error: Problem")?;
        let name = self.wanted.clone().unwrap_or_else(|| options.name.clone());
        self.may_load()?;
        self.remember_defaults(&name);
        if self.clean {
            let question =
                "You requested to flush the cluster before adding it again.\nAre you sure you want to continue?";
            if !self.session.ask(question)? {
                self.session.say("Aborted\n Nothing new added.");
                return Err(Stop::Failed);
            }
            let going = cluster::idle_clusters(self.session, std::slice::from_ref(&name))?;
            cluster::remove(self.session, &name, &going);
        }
        self.session.say(format!("For cluster {name}"));
        if self.session.state.root(&name).is_some() {
            self.change_cluster(&options, &name)?
        } else {
            self.add_cluster(&options, &name)?
        }
        self.cluster = Some(name);
        Ok(())
    }

    fn may_load(&mut self) -> Done {
        let (state, caller) = (&*self.session.state, self.session.caller);
        if caller.uid != Uid::ROOT && state.user(&caller.name).is_none() {
            let text = format!(" Your uid ({}) is not in the accounting system, can't load file.", caller.uid);
            return self.session.refuse(text);
        }
        if !caller.is_administrator(state) {
            return self.session.refuse(" Your user does not have sufficient privileges to load files.");
        }
        Ok(())
    }

    fn remember_defaults(&mut self, cluster: &str) {
        let rows = self.session.state.associations().values();
        let defaults = rows.filter(|row| !row.deleted && row.is_default && row.key.cluster == cluster);
        self.defaults = defaults.map(|row| (row.key.user.clone(), row.key.account.clone())).collect();
    }

    fn add_cluster(&mut self, options: &Options, name: &str) -> Done {
        if !common::good_name(self.session, name) {
            return Err(Stop::Failed);
        }
        if let Some(classification) = options.classification {
            self.session.say(format!("Classification: {}", classification.name()));
        }
        let root = New {
            key: AssociationKey::account(name, "root"),
            above: String::new(),
            is_default: false,
            setting: options.setting.clone(),
        };
        listing::associations(self.session, std::slice::from_ref(&root))?;
        founding::add_cluster(self.session.state, name, &options.setting.initial());
        if let Some(classification) = options.classification {
            self.session.state.clusters.edit(&name.to_owned(), |row| row.classification = classification);
        }
        cluster::record_new(self.session, name);
        self.touched = true;
        Ok(())
    }

    fn parent(&mut self, line: &Line, cluster: &str) -> Done {
        let options = self.options(line, " Problem")?;
        let key = AssociationKey::account(cluster, &options.name);
        if self.session.state.find(&key).is_none() && !self.seen.contains(&key) {
            return self.nothing(format!(
                " line({}) You need to add this parent ({}) as a child before you can add children to it.",
                line.number, options.name
            ));
        }
        self.parent = Some(options.name);
        Ok(())
    }

    fn account(&mut self, options: Options, cluster: &str, parent: &str) -> Done {
        let name = options.name.clone();
        let first = self.seen_accounts.insert(name.clone());
        match self.session.state.account(&name) {
            None if first => {
                if !common::good_name(self.session, &name) {
                    return Err(Stop::Failed);
                }
                let organization = if parent == "root" { &name } else { parent };
                self.accounts.push(Account {
                    name: name.clone(),
                    description: options.description.clone().unwrap_or_else(|| name.clone()),
                    organization: options.organization.clone().unwrap_or_else(|| organization.to_owned()),
                    users_coordinate: options.users_coordinate,
                    deleted: false,
                });
            }
            Some(_) if first => self.change_account(&options),
            _ => {}
        }
        let key = AssociationKey::account(cluster, &name);
        if self.session.state.find(&key).is_some() {
            return if first { self.change_association(&options, &key, "Account", Some(parent)) } else { Ok(()) };
        }
        if self.seen.insert(key.clone()) {
            let (above, setting) = (parent.to_owned(), options.setting);
            self.account_associations.push(New { key, above, is_default: false, setting });
        }
        Ok(())
    }

    fn user(&mut self, options: Options, cluster: &str, parent: &str) -> Done {
        let key = AssociationKey::user(cluster, parent, &options.name, &options.partition);
        let first = self.seen_users.insert(options.name.clone());
        let is_known = self.session.state.user(&options.name).is_some();
        if first && is_known {
            self.change_user(&options, cluster)?;
        }
        let is_default = options.default_account.as_deref() == Some(parent);
        if self.session.state.find(&key).is_some() {
            if self.seen.insert(key.clone()) {
                self.change_association(&options, &key, "User", None)?;
            }
        } else if self.seen.insert(key.clone()) {
            let (above, setting) = (parent.to_owned(), options.setting.clone());
            self.user_associations.push(New { key, above, is_default, setting });
        }
        if first && !is_known {
            if !common::good_name(self.session, &options.name) {
                return Err(Stop::Failed);
            }
            let default_account = options.default_account.clone().or_else(|| Some(parent.to_owned()));
            self.users.push(Options { default_account, ..options });
        }
        Ok(())
    }

    fn add_accounts(&mut self) -> Done {
        if !self.accounts.is_empty() {
            self.session.say("Accounts");
            listing::accounts(self.session, &self.accounts)?;
            for account in std::mem::take(&mut self.accounts) {
                let info = format!("description='{}', organization='{}'", account.description, account.organization);
                self.session.record(Action::AddAccount, account.name.clone(), info, "");
                self.session.state.accounts.put(account.name.clone(), account);
            }
            self.touched = true;
        }
        let new = std::mem::take(&mut self.account_associations);
        self.plant("Account Associations", &new)
    }

    fn add_users(&mut self) -> Done {
        let users = std::mem::take(&mut self.users);
        if !users.is_empty() {
            self.session.say("Users");
            listing::users(self.session, &users)?;
            for user in &users {
                let admin_level = user.admin_level.unwrap_or(AdminLevel::None);
                let row = User { name: user.name.clone(), admin_level, deleted: false };
                self.session.state.users.put(user.name.clone(), row);
                let info = format!("admin_level={}", admin_level.number());
                self.session.record(Action::AddUser, user.name.clone(), info, "");
            }
            self.touched = true;
        }
        let new = std::mem::take(&mut self.user_associations);
        self.plant("User Associations", &new)?;
        let cluster = self.cluster.clone().unwrap_or_default();
        for user in &users {
            self.coordinate(&user.name, &user.coordinates);
            self.add_wckeys(user, &cluster);
        }
        Ok(())
    }

    fn plant(&mut self, heading: &str, new: &[New]) -> Done {
        if new.is_empty() {
            return Ok(());
        }
        self.session.say(heading);
        listing::associations(self.session, new)?;
        for group in new.chunk_by(|a, b| a.above == b.above) {
            let above = AssociationKey::account(&group[0].key.cluster, &group[0].above);
            let above = self.session.state.find(&above).map(|row| row.id);
            let Some(above) = above else {
                return self.wrong(format!(" The account '{}' is not there", group[0].above));
            };
            let seed =
                |new: &New| Seed { key: new.key.clone(), settings: new.setting.initial(), is_default: new.is_default };
            let seeds: Vec<_> = group.iter().map(|new| (above, seed(new))).collect();
            common::plant(self.session, &seeds);
        }
        self.touched = true;
        Ok(())
    }
}

/// How a line names a number that may be unset.
fn number(value: Option<u64>) -> String {
    value.map_or("-1".into(), |value| value.to_string())
}

/// How a line names shares.
fn shares(shares: Shares) -> String {
    match shares {
        Shares::Of(shares) => shares.to_string(),
        Shares::Parent => dump::SHARES_OF_PARENT.to_string(),
    }
}
