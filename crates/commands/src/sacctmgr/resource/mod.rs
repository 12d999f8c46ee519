//! `sacctmgr add`, `modify`, `delete` and `show resource` (sacctmgr(1), "SPECIFICATIONS FOR RESOURCE").

pub mod words;

use crate::sacctmgr::common;
use crate::sacctmgr::fields::Column;
use crate::sacctmgr::format::fields_or;
use crate::sacctmgr::format::{self, Cell};
use crate::sacctmgr::resource::words::{ResourceCondition, ResourceSetting};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::Word;
use crate::sacctmgr::word::split;
use slurm::model::*;

/// What `add resource` does: new resources, and clusters that get a part of old or new ones.
#[derive(Default)]
struct Plan {
    lines: String,
    new: Vec<Resource>,
    shares: Vec<(ResourceId, String, u16)>,
    last: Option<Resource>,
}

/// `add resource`
pub fn add(session: &mut Session, words: &[Word]) -> Done {
    let mut asked = ResourceSetting::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        asked.take(session, word, true)?;
    }
    // A count that could not be read is missed below, as in Slurm.
    let unread = session.failed && asked.names.is_some() && asked.count.is_none() && asked.is_license;
    if !unread {
        session.check()?;
    }
    let Some(names) = asked.names.take() else { return session.refuse(" Need name of resource to add.") };
    let mut plan = Plan::default();
    for name in &names {
        plan_one(session, &asked, name, &mut plan)?;
    }
    session.check()?;
    let Some(last) = plan.last.take() else {
        session.say(" Nothing new added.");
        session.failed = true;
        return Ok(());
    };
    announce(session, &plan, &last);
    if !session.caller.is_administrator(session.state) {
        return session.refuse(" Problem adding system resource: Access/permission denied");
    }
    carry_out(session, plan);
    session.commit()
}

fn plan_one(session: &mut Session, asked: &ResourceSetting, name: &str, plan: &mut Plan) -> Done {
    if !common::good_name(session, name) {
        return Err(crate::sacctmgr::session::Stop::Failed);
    }
    let server = asked.server.clone().unwrap_or_else(|| "slurmdb".into());
    let is = |row: &&Resource| !row.deleted && row.name == name && row.server == server;
    let found = session.state.resources.values().find(is).cloned();
    let is_new = found.is_none();
    let mut row = match found {
        Some(row) => row,
        None => new_resource(session, asked, name, server, plan)?,
    };
    let clusters: Vec<_> =
        asked.clusters.iter().flatten().filter(|cluster| !row.allowed.contains_key(*cluster)).cloned().collect();
    if !is_new && clusters.is_empty() {
        return Ok(());
    }
    plan.lines.push_str(&format!("  {}\n", row.full_name()));
    share(session, asked, &mut row, clusters, plan)?;
    if is_new {
        plan.new.push(Resource { allowed: Default::default(), ..row.clone() });
    }
    plan.last = Some(row);
    Ok(())
}

fn new_resource(
    session: &mut Session,
    asked: &ResourceSetting,
    name: &str,
    server: String,
    plan: &Plan,
) -> Done<Resource> {
    if !asked.is_license {
        return session.refuse(format!(" Need to designate a resource type to initially add '{name}'."));
    }
    let Some(count) = asked.count else {
        return session.refuse(format!(" Need to designate a resource count to initially add '{name}'."));
    };
    let last = plan.new.last().map(|row| row.id).or(session.state.resources.last_key().copied());
    let id = last.map_or(ResourceId(1), ResourceId::next);
    Ok(Resource {
        id,
        name: name.to_owned(),
        server,
        description: asked.description.clone().unwrap_or_else(|| name.to_owned()),
        server_type: asked.server_type.clone().unwrap_or_default(),
        count,
        allowed: Default::default(),
        deleted: false,
    })
}

fn share(
    session: &mut Session,
    asked: &ResourceSetting,
    row: &mut Resource,
    clusters: Vec<String>,
    plan: &mut Plan,
) -> Done {
    if clusters.is_empty() {
        return Ok(());
    }
    let Some(percent) = asked.percent else {
        return session.refuse(" Need a percentage for the clusters: PercentAllowed=");
    };
    let used = row.allocated();
    if used + u32::from(percent) * clusters.len() as u32 > 100 {
        return session.refuse(format!(
            " Adding this {} clusters to resource {} at {percent}% each , with {used}% already used,  would go over \
             100%.  Please redo your math and resubmit.",
            clusters.len(),
            row.full_name()
        ));
    }
    for cluster in clusters {
        plan.lines.push_str(&format!("   Cluster - {cluster}\t{percent}%\n"));
        row.allowed.insert(cluster.clone(), percent);
        plan.shares.push((row.id, cluster, percent));
    }
    Ok(())
}

fn announce(session: &mut Session, plan: &Plan, last: &Resource) {
    session.say(" Adding Resource(s)");
    session.stdout.push_str(&plan.lines);
    session.say(" Settings");
    let is_new = plan.new.iter().any(|row| row.id == last.id);
    if is_new {
        session.say(format!("  Name           = {}", last.name));
    }
    session.say(format!("  Server         = {}", last.server));
    if is_new {
        session.say(format!("  Description    = {}", last.description));
        if !last.server_type.is_empty() {
            session.say(format!("  ServerType     = {}", last.server_type));
        }
        session.say(format!("  Count          = {}", last.count));
    }
    session.say("  Type           = License");
}

fn carry_out(session: &mut Session, plan: Plan) {
    let now = session.world.now();
    for row in plan.new {
        let server_type = match row.server_type.as_str() {
            "" => String::new(),
            text => format!(", manager='{text}'"),
        };
        let info =
            format!("mod_time={now}, count={}, description='{}'{server_type}, type=1", row.count, row.description);
        session.record(Action::AddResource, row.id.to_string(), info, "");
        session.state.resources.put(row.id, row);
    }
    for (id, cluster, percent) in plan.shares {
        let info = format!("mod_time={now}, percent_allowed={percent}");
        session.record(Action::AddResource, format!("{id}@{cluster}"), info, "");
        session.state.resources.edit(&id, |row| row.allowed.insert(cluster, percent));
    }
}

/// `modify resource`
pub fn modify(session: &mut Session, words: &[Word]) -> Done {
    let (mut wanted, mut asked) = (ResourceCondition::default(), ResourceSetting::default());
    let (conditions, settings) = split(words);
    for word in conditions {
        wanted.take(session, word)?;
    }
    for word in settings {
        asked.take(session, word, false)?;
    }
    if asked.is_unreadable() {
        session.complain(" You didn't give me anything to set");
    }
    session.check()?;
    if asked == ResourceSetting::default() {
        return session.refuse(" You didn't give me anything to set");
    }
    if !wanted.is_set
        && !session.ask("You didn't set any conditions with 'WHERE'.\nAre you sure you want to continue?")?
    {
        session.say("Aborted");
        return Ok(());
    }
    if asked.server.is_some() {
        session.say(" Nothing modified");
        return session.refuse(
            "sacctmgr: accounting_storage/slurmdbd: acct_storage_p_modify_res: Request didn't affect anything or your \
             user doesn't have privilege to perform this action",
        );
    }
    if asked.count.is_some() && wanted.clusters.is_some() {
        return session.refuse("Can't change \"count\" on a cluster-based resource. Remove cluster selection.");
    }
    if asked.percent.is_some() && wanted.clusters.is_none() {
        return session.refuse("Can't change \"percentallowed\" without specifying a cluster.");
    }
    modify_rows(session, &wanted, &asked)
}

fn modify_rows(session: &mut Session, wanted: &ResourceCondition, asked: &ResourceSetting) -> Done {
    let rows: Vec<_> = session.state.resources.values().filter(|row| wanted.holds(row)).cloned().collect();
    let rows: Vec<_> =
        rows.into_iter().filter(|row| wanted.clusters.is_none() || !wanted.shares(row).is_empty()).collect();
    if rows.is_empty() {
        session.say(" Nothing modified");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    let mut lines = Vec::new();
    for mut row in rows {
        if wanted.clusters.is_none() {
            lines.push(format!("  {}", row.full_name()));
        }
        let shares: Vec<_> = wanted.shares(&row).into_iter().map(|(cluster, _)| cluster.clone()).collect();
        // Texts mean nothing to the clusters, so they are not told.
        let told = asked.count.is_some() || asked.percent.is_some() || wanted.clusters.is_some();
        for cluster in shares {
            lines.extend(told.then(|| format!("  Cluster - {cluster}\t- {}", row.full_name())));
            row.allowed.entry(cluster).and_modify(|percent| *percent = asked.percent.unwrap_or(*percent));
        }
        if row.allocated() > 100 {
            return refuse_overcommit(session, &row);
        }
        change(session, wanted, asked, row);
    }
    session.say(" Modified server resource ...");
    for line in lines {
        session.say(line);
    }
    session.commit()
}

fn refuse_overcommit(session: &mut Session, row: &Resource) -> Done {
    session.complain("sacctmgr: error: You can not allocate more than 100% of a resource");
    session.complain(" If change was accepted it would look like this...");
    session.complain(format!("  {}", row.full_name()));
    for (cluster, percent) in &row.allowed {
        session.complain(format!("   Cluster - {cluster}\t {percent}%"));
    }
    session.refuse(format!("   total\t\t{}%", row.allocated()))
}

fn change(session: &mut Session, wanted: &ResourceCondition, asked: &ResourceSetting, mut row: Resource) {
    if let Some(percent) = asked.percent {
        let targets: Vec<_> = wanted
            .shares(&row)
            .iter()
            .map(|(cluster, _)| format!("(res_id='{}' && cluster='{cluster}')", row.id))
            .collect();
        let info = format!("percent_allowed={percent}");
        session.record(Action::ModifyClusterResource, targets.join(" || "), info, "");
    }
    let mut info = Vec::new();
    if let Some(count) = asked.count {
        row.count = count;
        info.push(format!("count={count}"));
    }
    if let Some(text) = &asked.description {
        row.description.clone_from(text);
        info.push(format!("description='{text}'"));
    }
    if let Some(text) = &asked.server_type {
        row.server_type.clone_from(text);
        info.push(format!("manager='{text}'"));
    }
    if !info.is_empty() {
        session.record(Action::ModifyResource, format!("id='{}'", row.id), info.join(", "), "");
    }
    session.state.resources.put(row.id, row);
}

/// `delete resource`: with clusters named, only takes it from them.
pub fn delete(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = ResourceCondition::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    if !wanted.is_set {
        return session.refuse(" No conditions given to remove, not executing.");
    }
    wanted.with_deleted = false;
    let rows: Vec<_> = session.state.resources.values().filter(|row| wanted.holds(row)).cloned().collect();
    let rows: Vec<_> =
        rows.into_iter().filter(|row| wanted.clusters.is_none() || !wanted.shares(row).is_empty()).collect();
    if rows.is_empty() {
        session.say(" Nothing deleted");
        session.failed = true;
        return Ok(());
    }
    if !session.caller.is_administrator(session.state) {
        return common::denied(session);
    }
    session.say(" Deleting resource(s)...");
    for row in rows {
        match wanted.clusters {
            Some(_) => withdraw(session, &wanted, row),
            None => {
                session.say(format!("  {}", row.full_name()));
                for cluster in row.allowed.keys() {
                    session.say(format!("  Cluster - {cluster}\t- {}", row.full_name()));
                }
                session.record(Action::RemoveResource, format!("id='{}'", row.id), "", "");
                session.state.resources.put(row.id, Resource { deleted: true, allowed: Default::default(), ..row });
            }
        }
    }
    session.commit()
}

fn withdraw(session: &mut Session, wanted: &ResourceCondition, mut row: Resource) {
    let clusters: Vec<_> = wanted.shares(&row).into_iter().map(|(cluster, _)| cluster.clone()).collect();
    let targets: Vec<_> =
        clusters.iter().map(|cluster| format!("(res_id='{}' && cluster='{cluster}')", row.id)).collect();
    for cluster in clusters {
        session.say(format!("  Cluster - {cluster}\t- {}", row.full_name()));
        row.allowed.remove(&cluster);
    }
    session.record(Action::RemoveClusterResource, targets.join(" || "), "", "");
    session.state.resources.put(row.id, row);
}

/// `show resource`
pub fn show(session: &mut Session, words: &[Word]) -> Done {
    let mut wanted = ResourceCondition::default();
    for word in words.iter().filter(|word| !word.is_bare("where", 5) && !word.is_bare("Set", 3)) {
        wanted.take(session, word)?;
    }
    session.check()?;
    let mut own = vec!["Name,Server,Type,Count,Allocated,ServerType"];
    own.extend(wanted.with_clusters.then_some("Cluster,Allowed"));
    let fields = fields_or(session, &wanted.format, &own)?;
    let mut rows = Vec::new();
    for row in session.state.resources.values().filter(|row| wanted.holds(row)) {
        let line = |share: Option<(&String, u16)>| -> Vec<_> {
            fields.iter().map(|field| cell(row, share, field.column)).collect()
        };
        if wanted.with_clusters {
            rows.extend(wanted.shares(row).into_iter().map(|share| line(Some(share))))
        } else {
            rows.push(line(None))
        }
    }
    format::print(session, &fields, rows.into_iter());
    Ok(())
}

fn cell(row: &Resource, share: Option<(&String, u16)>, column: Column) -> Cell {
    let percent = share.map_or(0, |(_, percent)| u64::from(percent));
    match column {
        Column::Name => Cell::text(&row.name),
        Column::Server => Cell::text(&row.server),
        Column::Type => Cell::text("License"),
        Column::Count => Cell::number(Some(row.count)),
        Column::Allocated => Cell::number(Some(row.allocated())),
        Column::ServerType => Cell::text(&row.server_type),
        Column::Description => Cell::text(&row.description),
        Column::Id => Cell::number(Some(row.id)),
        Column::Cluster => Cell::text(share.map_or("", |(cluster, _)| cluster.as_str())),
        Column::Allowed => Cell::number(Some(percent)),
        Column::CountAllowed => Cell::number(Some(u64::from(row.count) * percent / 100)),
        _ => Cell::Empty,
    }
}
