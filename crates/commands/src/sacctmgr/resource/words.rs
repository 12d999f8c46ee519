//! The words that commands about resources know.

use crate::sacctmgr::common;
use crate::sacctmgr::condition;
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::number;
use crate::sacctmgr::word::{self, Word};
use slurm::model::*;

/// What may follow `set` for resources, and `add resource`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceSetting {
    /// Names, where they may be given (`add`).
    pub names: Option<Vec<String>>,
    /// Clusters, where they may be given (`add`).
    pub clusters: Option<Vec<String>>,
    /// How many there are.
    pub count: Option<u32>,
    /// Description.
    pub description: Option<String>,
    /// Server.
    pub server: Option<String>,
    /// Kind of server.
    pub server_type: Option<String>,
    /// Percent for each cluster.
    pub percent: Option<u16>,
    /// Whether the type was said to be License.
    pub is_license: bool,
    /// Whether a number was given that cannot be read.
    pub unreadable: bool,
}

impl ResourceSetting {
    /// Whether all that was given is a number that cannot be read.
    pub fn is_unreadable(&self) -> bool {
        *self == Self { unreadable: true, ..Self::default() }
    }

    /// Takes one word.
    pub fn take(&mut self, session: &mut Session, word: &Word, adding: bool) -> Done {
        if word.operator.is_none() || word.is("Names", 1) || word.is("Resources", 1) {
            return if adding { condition::extend(session, &mut self.names, word) } else { Ok(()) };
        }
        if word.is("Clusters", 1) {
            if !adding {
                session.complain(" Can't modify the cluster of an resource");
                return Ok(());
            }
            return take_clusters(session, &mut self.clusters, word);
        }
        let text = word::unquote_lower(word.value);
        if word.is("Count", 3) {
            self.count = small(session, "count", word.value);
            self.unreadable |= self.count.is_none();
        } else if word.is("Description", 1) {
            self.description = Some(text);
        } else if word.is("Flags", 2) {
            session.say(format!(
                " Unknown Server Resource flag used in:\n  '{}'\n Valid Server Resource flags are\n '(null)'",
                word.value
            ));
            session.failed = true;
        } else if word.is("Server", 1) {
            self.server = Some(text);
        } else if word.is("ServerType", 1) {
            self.server_type = Some(text);
        } else if word.is("PercentAllowed", 1) {
            self.percent = small(session, "PercentAllowed", word.value);
            self.unreadable |= self.percent.is_none();
        } else if word.is("Type", 1) {
            self.take_type(session, &text);
        } else {
            session.say(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
            session.failed = true;
        }
        Ok(())
    }

    fn take_type(&mut self, session: &mut Session, text: &str) {
        if word::begins(text, "License", 1) {
            self.is_license = true
        } else {
            session.complain(format!(" Unknown resource type: '{text}'  Valid resources is License."))
        }
    }
}

fn small<T: TryFrom<u64>>(session: &mut Session, name: &str, text: &str) -> Option<T> {
    let value = number(session, name, text)??;
    let value = T::try_from(value).ok();
    if value.is_none() {
        session.complain(format!("sacctmgr: error: Invalid value for {name} ({text})"));
    }
    value
}

fn take_clusters(session: &mut Session, list: &mut Option<Vec<String>>, word: &Word) -> Done {
    condition::extend(session, list, word)?;
    let before = session.failed;
    session.failed = false;
    let known = common::clusters(session, list.clone(), "resources");
    if known.is_err() || session.failed {
        session.complain(" Need a valid cluster name to add a cluster resource.");
    }
    session.failed |= before;
    Ok(())
}

/// What may follow `where` for resources. An absent list means any.
#[derive(Clone, Debug, Default)]
pub struct ResourceCondition {
    /// Names.
    pub names: Option<Vec<String>>,
    /// Clusters that may use some of it; only these are listed and changed.
    pub clusters: Option<Vec<String>>,
    descriptions: Option<Vec<String>>,
    ids: Option<Vec<ResourceId>>,
    percents: Option<Vec<u16>>,
    servers: Option<Vec<String>>,
    server_types: Option<Vec<String>>,
    /// List with clusters.
    pub with_clusters: bool,
    /// Also those that were taken away.
    pub with_deleted: bool,
    /// Fields to list.
    pub format: Vec<String>,
    /// Whether anything was asked.
    pub is_set: bool,
}

impl ResourceCondition {
    /// Takes one word.
    pub fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("WithDeleted", 5) {
            self.with_deleted = true;
            return Ok(());
        }
        if word.is_bare("WithClusters", 5) {
            self.with_clusters = true;
            return Ok(());
        }
        if word.operator.is_some() && word.is("Format", 1) {
            self.format.extend(word::names(word.value).unwrap_or_default());
            return Ok(());
        }
        self.is_set = true;
        if word.operator.is_none() || word.is("Names", 1) {
            condition::extend(session, &mut self.names, word)?;
        } else if word.is("Clusters", 1) {
            take_clusters(session, &mut self.clusters, word)?;
        } else if word.is("Descriptions", 1) {
            condition::extend(session, &mut self.descriptions, word)?;
        } else if word.is("Ids", 1) {
            condition::extend_numbers(session, &mut self.ids, word, "RES ID");
        } else if word.is("PercentAllowed", 1) {
            condition::extend_numbers(session, &mut self.percents, word, "PercentAllowed");
        } else if word.is("ServerType", 7) {
            condition::extend(session, &mut self.server_types, word)?;
        } else if word.is("Server", 2) {
            condition::extend(session, &mut self.servers, word)?;
        } else {
            session
                .complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify SLURM_PRINT_VALUE", word.raw));
        }
        Ok(())
    }

    /// Whether it means this resource, its clusters aside.
    pub fn holds(&self, row: &Resource) -> bool {
        let among = |list: &Option<Vec<String>>, text: &str| list.as_ref().is_none_or(|l| l.iter().any(|t| t == text));
        (!row.deleted || self.with_deleted)
            && among(&self.names, &row.name)
            && among(&self.servers, &row.server)
            && among(&self.server_types, &row.server_type)
            && among(&self.descriptions, &row.description)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id))
    }

    /// The clusters of a resource that it means, with their percentages.
    pub fn shares<'a>(&self, row: &'a Resource) -> Vec<(&'a String, u16)> {
        let wanted = |cluster: &String, percent: &u16| {
            self.clusters.as_ref().is_none_or(|names| names.contains(cluster))
                && self.percents.as_ref().is_none_or(|list| list.contains(percent))
        };
        let shares = row.allowed.iter().filter(|(cluster, percent)| wanted(cluster, percent));
        shares.map(|(cluster, percent)| (cluster, *percent)).collect()
    }
}
