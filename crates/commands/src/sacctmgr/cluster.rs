//! `sacctmgr add`, `modify`, `delete` and `show cluster`. A cluster's limits sit on its root association.

use super::association::modify as associations;
use super::association::rows::Row;
use super::common;
use super::condition::{self, Condition};
use super::federation;
use super::fields::Column;
use super::format::fields_or;
use super::format::{self, Cell};
use super::job::idle::{Idle, idle};
use super::session::{Done, Session};
use super::setting::Setting;
use super::word::split;
use super::word::{self, Operator, Word};
use slurm::State;
use slurm::founding;
use slurm::model::*;
use slurm::record;
use slurm::tree;
use words::text::hostlist;

/// What a command sets on clusters.
#[derive(Default)]
struct ClusterSetting {
    classification: Option<Classification>,
    /// How, and which.
    features: Option<(Operator, Vec<String>)>,
    /// Empty for none.
    federation: Option<String>,
    state: Option<FederationState>,
    /// Limits and the like of its root association.
    limits: Setting,
}

impl ClusterSetting {
    fn sets_cluster(&self) -> bool {
        self.classification.is_some() || self.features.is_some() || self.federation.is_some() || self.state.is_some()
    }

    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.operator.is_none() {
            session.complain(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
        } else if word.is("Name", 1) {
            // Taken and forgotten, as by Slurm: a cluster keeps its name.
        } else if word.is("Classification", 3) {
            self.classification = classification(word).or(self.classification);
        } else if word.is("Features", 2) {
            self.take_features(session, word);
        } else if word.is("Federation", 3) {
            self.federation = Some(word::unquote_lower(word.value));
        } else if word.is("FedState", 2) {
            self.state = federation_state(&word::unquote(word.value));
            if self.state.is_none() {
                session.complain(format!("Invalid FedState {}.", word.value));
            }
        } else if let Some(name) = never_of_root(word) {
            session.complain(format!("{name} is not a valid option for the root association of a cluster."));
        } else if !self.limits.take(session, word)? {
            session.complain(format!(" Unknown option: {}\n Use keyword 'where' to modify condition", word.raw));
        }
        Ok(())
    }

    fn take_features(&mut self, session: &mut Session, word: &Word) {
        let operator = word.operator.unwrap_or(Operator::Set);
        if word.value.is_empty() && operator != Operator::Set {
            let verb = if operator == Operator::Remove { "remove" } else { "add" };
            session.complain(format!(" You didn't specify any features to {verb}"));
            return;
        }
        let names = word::names(word.value).unwrap_or_default();
        self.features = Some((operator, names.into_iter().filter(|name| !name.is_empty()).collect()));
    }

    /// What will be set, as it is said before it is done.
    fn describe(&self, session: &mut Session) {
        if self.sets_cluster() || !self.limits.is_empty() {
            session.say(" Setting");
        }
        if let Some(classification) = self.classification {
            session.say(format!("  Classification = {}", classification.name()));
        }
        match &self.features {
            Some((Operator::Set, names)) if names.is_empty() => session.say("  Feature     = "),
            Some((operator, names)) => names.iter().for_each(|name| match operator {
                Operator::Set => session.say(format!("  Feature       = {name}")),
                Operator::Add => session.say(format!("  Feature     += {name}")),
                Operator::Remove => session.say(format!("  Feature     -= {name}")),
            }),
            None => {}
        }
        if let Some(federation) = &self.federation {
            session.say(format!("  Federation     = {federation}"));
        }
        if let Some(state) = self.state {
            session.say(format!("  FedState       = {}", state.name()));
        }
        if !self.limits.is_empty() {
            let limits = self.limits.describe(session.state);
            session.say("  Default Limits:");
            session.stdout.push_str(&limits);
        }
    }

    /// Whether the federation is there; complains if not.
    fn check(&self, session: &mut Session) -> Done {
        match self.federation.as_deref() {
            None | Some("") => Ok(()),
            Some(name) => {
                federation::exists(session, name);
                session.check()
            }
        }
    }

    /// Changes the cluster; says what changed, for the transaction record.
    fn apply(&self, state: &mut State, name: &str) -> String {
        let mut info = Vec::new();
        match self.federation.as_deref() {
            None => {}
            Some("") => federation::leave(state, name),
            Some(federation) => federation::join(state, name, federation),
        }
        let joined = self.federation.is_some();
        let row = state.clusters.edit(&name.to_owned(), |row| {
            if let Some(classification) = self.classification {
                row.classification = classification;
                info.push(format!("classification={}", classification as u8));
            }
            if let Some(state) = self.state {
                row.membership.state = state;
            }
            if let Some((operator, names)) = &self.features {
                change(&mut row.membership.features, *operator, names);
            }
            row.membership.clone()
        });
        let Some(membership) = row else { return String::new() };
        if joined {
            info.push(format!("federation='{}', fed_id={}", membership.federation, membership.id));
        }
        if joined || self.state.is_some() {
            info.push(format!("fed_state={}", membership.state.number()));
        }
        if self.features.is_some() {
            let names: Vec<_> = membership.features.iter().map(String::as_str).collect();
            info.push(format!("features='{}'", names.join(",")));
        }
        info.join(", ")
    }
}

fn change(set: &mut std::collections::BTreeSet<String>, operator: Operator, names: &[String]) {
    match operator {
        Operator::Set => *set = names.iter().cloned().collect(),
        Operator::Add => set.extend(names.iter().cloned()),
        Operator::Remove => set.retain(|name| !names.contains(name)),
    }
}

/// One that cannot be read is ignored, as in Slurm.
fn classification(word: &Word) -> Option<Classification> {
    let text = word::unquote(word.value);
    Classification::ALL.into_iter().skip(1).find(|class| word::begins(&text, class.name(), 5))
}

fn federation_state(text: &str) -> Option<FederationState> {
    FederationState::ALL.into_iter().skip(1).find(|state| {
        let shortest = if *state == FederationState::DrainRemove { 6 } else { 1 };
        word::begins(text, state.name(), shortest)
    })
}

/// Limits that a cluster's root association cannot have.
fn never_of_root(word: &Word) -> Option<&'static str> {
    if word.is("GrpCPURunMins", 7) || word.is("GrpTRESRunMins", 8) {
        Some("GrpTRESRunMins")
    } else if word.is("GrpCPUMins", 7) || word.is("GrpTRESMins", 8) {
        Some("GrpTRESMins")
    } else if word.is("GrpWall", 4) {
        Some("GrpWall")
    } else {
        None
    }
}

/// `add cluster`
pub fn add(session: &mut Session, words: &[Word]) -> Done {
    let (mut names, mut setting) = (None, ClusterSetting::default());
    for word in words.iter().filter(|word| !word.is_bare("Set", 3) && !word.is_bare("Where", 5)) {
        match word.operator.is_none() || word.is("Names", 1) || word.is("Clusters", 3) && !word.is("Classification", 3)
        {
            true => condition::extend(session, &mut names, word)?,
            false => setting.take(session, word)?,
        }
    }
    session.check()?;
    let Some(names) = names else { return session.refuse(" Need name of cluster to add.") };
    let present = session.state.cluster_names();
    let (known, new): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| present.contains(name));
    for name in known {
        session.say(format!(" This cluster {name} already exists.  Not adding."));
    }
    if new.is_empty() {
        session.failed = true;
        return Ok(());
    }
    setting.check(session)?;
    session.say(" Adding Cluster(s)");
    for name in &new {
        if common::good_name(session, name) {
            session.say(format!("  Name           = {name}"));
        }
    }
    session.check()?;
    setting.describe(session);
    if !session.caller.is_administrator(session.state) {
        return session.refuse(" Problem adding clusters: Access/permission denied");
    }
    for name in new {
        let mut settings = setting.limits.initial();
        if settings.qos == QosSet::Inherited
            && let Some(qos) = session.state.qos_named(&session.world.settings().default_qos)
        {
            settings.qos = QosSet::Exactly([qos.id].into());
        }
        founding::add_cluster(session.state, &name, &settings);
        setting.apply(session.state, &name);
        record_new(session, &name);
    }
    session.commit()
}

/// Records a new cluster with the association of its root.
pub fn record_new(session: &mut Session, name: &str) {
    let now = session.world.now();
    let added = session.state.clusters.get(&name.to_owned()).zip(session.state.root(name));
    let info = added.map(|(cluster, root)| record::cluster(now, cluster, root));
    session.record(Action::AddCluster, name, info.unwrap_or_default(), "");
    if let Some(root) = session.state.default_account("root", name).cloned() {
        let info = record::association(now, &root, None, true);
        session.record(Action::AddAssociation, format!("id_assoc={}", root.id), info, name);
    }
}

/// Which clusters are meant. An absent list means any.
#[derive(Default)]
struct Wanted {
    names: Option<Vec<String>>,
    federations: Option<Vec<String>>,
    classification: Option<Classification>,
    rpc: Option<Vec<u16>>,
    with_deleted: bool,
    with_federation: bool,
    without_limits: bool,
    format: Vec<String>,
    is_set: bool,
}

impl Wanted {
    fn take(&mut self, session: &mut Session, word: &Word) -> Done {
        if word.is_bare("WithDeleted", 5) {
            self.with_deleted = true;
        } else if word.is_bare("WithFed", 5) {
            self.with_federation = true;
        } else if word.is_bare("WOLimits", 3) {
            self.without_limits = true;
        } else if word.operator.is_none() || word.is("Names", 1) || word.is("Clusters", 3) {
            self.is_set = true;
            condition::extend(session, &mut self.names, word)?;
        } else if word.is("Federations", 3) {
            self.is_set = true;
            condition::extend(session, &mut self.federations, word)?;
        } else if word.is("Classification", 3) {
            self.classification = classification(word);
            self.is_set |= self.classification.is_some();
        } else if word.is("Flags", 2) {
            // Those of 22.05, Cray, External and MultipleSlurmd, are of clusters that there are none of here.
            (self.is_set, self.names) = (true, Some(Vec::new()));
        } else if word.is("PluginIDSelect", 1) {
            // Clusters that no slurmctld has registered have 0.
            self.is_set = true;
            let numbers = word::names(word.value).unwrap_or_default();
            self.names = self.names.take().or_else(|| (!numbers.iter().any(|number| number == "0")).then(Vec::new));
        } else if word.is("Format", 2) {
            self.format.extend(word::names(word.value).unwrap_or_default());
        } else if word.is("RPCVersions", 1) {
            self.is_set = true;
            condition::extend_numbers(session, &mut self.rpc, word, "RPC");
        } else {
            session.complain(format!(" Unknown condition: {}\n Use keyword 'set' to modify value", word.raw));
        }
        Ok(())
    }

    fn select(&self, state: &State) -> Vec<String> {
        let among = |list: &Option<Vec<String>>, text: &String| list.as_ref().is_none_or(|l| l.contains(text));
        let rows = state.clusters.values().filter(|row| {
            (!row.deleted || self.with_deleted)
                && among(&self.names, &row.name)
                && among(&self.federations, &row.membership.federation)
                && self.classification.is_none_or(|class| class == row.classification)
                && self.rpc.as_ref().is_none_or(|list| list.contains(&row.rpc_version))
        });
        rows.map(|row| row.name.clone()).collect()
    }
}

/// `show cluster`
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    let mut own = vec!["Cl,Controlh,Controlp,RPC"];
    let limits = "Fairshare,GrpJ,GrpTRES,GrpS,MaxJ,MaxTRES,MaxS,MaxW,QOS,DefaultQOS";
    own.extend((!wanted.without_limits).then_some(limits));
    own.extend(wanted.with_federation.then_some("Federation,ID,Features,FedState"));
    let fields = fields_or(session, &wanted.format, &own)?;
    let state = &*session.state;
    let mut rows = Vec::new();
    for cluster in wanted.select(state).iter().filter_map(|name| state.clusters.get(name)) {
        let root = state.root(&cluster.name).map(|root| Row::new(state, root, &Condition::default()));
        let cells = fields.iter().map(|field| cell(state, cluster, root.as_ref(), field.column));
        rows.push(cells.collect::<Vec<_>>());
    }
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn cell(state: &State, cluster: &Cluster, root: Option<&Row>, column: Column) -> Cell {
    match column {
        Column::Cluster => Cell::text(&cluster.name),
        Column::ControlHost => Cell::text(&cluster.control_host),
        Column::ControlPort => Cell::number(Some(cluster.control_port)),
        Column::Rpc => Cell::number(Some(cluster.rpc_version)),
        Column::Flags => Cell::text("None"),
        Column::PluginIdSelect => Cell::number(Some(0)),
        Column::NodeCount => Cell::number(Some(
            nodes(state, &cluster.name)
                .map_or(0, |row| hostlist::expand(&row.cluster_nodes).map_or(0, |names| names.len())),
        )),
        Column::NodeName => Cell::text(nodes(state, &cluster.name).map_or("", |row| row.cluster_nodes.as_str())),
        Column::Tres => Cell::text(
            nodes(state, &cluster.name).map_or_else(String::new, |row| format::tres_in_order(state, &row.tres)),
        ),
        // Slurm leaves the column of an unclassified cluster empty.
        Column::Classification if cluster.classification == Classification::None => Cell::text(""),
        Column::Classification => Cell::text(cluster.classification.name()),
        Column::Federation | Column::Id | Column::Features | Column::FederationState | Column::FederationStateRaw => {
            federation::membership_cell(&cluster.membership, column)
        }
        column => root.map_or(Cell::Empty, |row| row.cell(state, column)),
    }
}

/// What the cluster's controller last reported of its nodes.
fn nodes<'a>(state: &'a State, cluster: &str) -> Option<&'a Event> {
    state.events.values().rfind(|row| row.cluster == cluster && row.node.is_empty() && row.end.is_none())
}

/// `modify cluster`
pub fn modify(session: &mut Session, words: &[Word]) -> Done {
    let (mut wanted, mut setting) = (Wanted::default(), ClusterSetting::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        wanted.take(session, word)?;
    }
    for word in settings {
        setting.take(session, word)?;
    }
    session.check()?;
    if setting.limits.is_empty() && !setting.sets_cluster() {
        return session.refuse(" You didn't give me anything to set");
    }
    if !wanted.is_set
        && !session.ask("You didn't set any conditions with 'WHERE'.\nAre you sure you want to continue?")?
    {
        session.say("Aborted");
        return Ok(());
    }
    setting.check(session)?;
    setting.describe(session);
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    wanted.with_deleted = false;
    let names = wanted.select(session.state);
    if names.is_empty() {
        session.say(" Nothing modified");
        session.failed = true;
        return Ok(());
    }
    if setting.sets_cluster() {
        session.say(" Modified cluster...");
        for name in &names {
            let info = setting.apply(session.state, name);
            session.say(format!("  {name}"));
            session.record(Action::ModifyCluster, format!("name='{name}'"), info, "");
        }
    }
    if !setting.limits.is_empty() {
        modify_limits(session, names, &setting.limits)?;
    }
    session.commit()
}

fn modify_limits(session: &mut Session, names: Vec<String>, setting: &Setting) -> Done {
    let place = Condition {
        clusters: Some(names),
        accounts: Some(vec!["root".into()]),
        users: Some(vec![String::new()]),
        ..Condition::default()
    };
    let lines = associations::modify(session, &place, setting)?;
    session.say(" Modified cluster defaults for associations...");
    for line in lines {
        session.say(format!("  {line}"));
    }
    Ok(())
}

/// `delete cluster`
pub fn delete(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = Wanted::default();
    for word in words.iter().filter(|word| !word.is_bare("Set", 3) && !word.is_bare("where", 5)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    if !wanted.is_set {
        return session.refuse(" No conditions given to remove, not executing.");
    }
    wanted.with_deleted = false;
    let gone = wanted.select(session.state);
    if gone.is_empty() {
        session.say(" Nothing deleted");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    let going = idle_clusters(session, &gone)?;
    session.say(" Deleting clusters...");
    for name in &gone {
        session.say(format!("  {name}"));
        remove(session, name, &going);
    }
    session.commit()
}

/// The associations of clusters, if no job runs or waits there.
pub fn idle_clusters(session: &mut Session, names: &[String]) -> Done<Idle> {
    let roots = names.iter().filter_map(|name| session.state.root(name));
    let ids = roots.flat_map(|root| tree::walk(session.state, root.id)).map(|row| row.id).collect();
    idle(session, ids)
}

/// Takes a cluster away with all its associations, which `going` has.
pub fn remove(session: &mut Session, name: &str, going: &Idle) {
    let rows = going.ids().iter().filter_map(|id| session.state.association(*id));
    let ids: Vec<_> = rows.filter(|row| row.key.cluster == name).map(|row| row.id).collect();
    for id in ids {
        session.state.edit_association(id, |row| {
            row.deleted = true;
            row.is_default = false;
        });
    }
    federation::leave(session.state, name);
    session.state.clusters.edit(&name.to_owned(), |row| row.deleted = true);
    session.record(Action::RemoveCluster, format!("name='{name}'"), "", "");
}
