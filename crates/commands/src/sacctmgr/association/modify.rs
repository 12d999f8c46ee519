//! Changing associations: limits, shares, QOS, place in the tree.

use crate::sacctmgr::common;
use crate::sacctmgr::condition::{Condition, parent_name};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::setting::{Setting, qos_name};
use slurm::State;
use slurm::model::limits::{Scope, Unit};
use slurm::model::*;
use slurm::tree::{self, Settings};

/// Changes what the condition means; gives the lines that name what changed, effects of inheritance included.
pub fn modify(session: &mut Session, place: &Condition, setting: &Setting) -> Done<Vec<String>> {
    let mut rows = place.select(session.state);
    rows.retain(|row| !row.deleted && concerned(session.state, row, setting));
    place.sort_as_named(&mut rows);
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut lines = Vec::new();
    for id in &ids {
        let Some(row) = session.state.association(*id) else { continue };
        if !common::may_change(session, row) {
            return common::denied(session);
        }
        lines.push(common::line(session.state, row));
        lines.extend(heirs(session.state, row, setting).into_iter().map(|row| common::line(session.state, row)));
    }
    for id in &ids {
        session.state.edit_association(*id, |row| apply(row, setting));
    }
    if let Some(parent) = &setting.parent {
        reparent(session, &ids, parent)?;
    }
    check_default_qos(session, &ids, setting)?;
    if !ids.is_empty() {
        record(session, &ids, setting);
    }
    Ok(lines)
}

/// A command that only moves has nothing to do with what cannot or need not move: a root, an account below the wanted
/// parent already, the wanted parent itself.
fn concerned(state: &State, row: &Association, setting: &Setting) -> bool {
    let Some(parent) = setting.parent.as_ref().filter(|_| setting.is_empty()) else { return true };
    row.parent.is_some() && row.key.account != *parent && parent_name(state, row) != *parent
}

fn apply(row: &mut Association, setting: &Setting) {
    let mut settings = Settings {
        shares: row.shares,
        limits: std::mem::take(&mut row.limits),
        priority: row.priority,
        qos: row.qos.clone(),
        default_qos: row.default_qos,
        comment: row.comment.take(),
    };
    setting.apply_to(&mut settings);
    Settings {
        shares: row.shares,
        limits: row.limits,
        priority: row.priority,
        qos: row.qos,
        default_qos: row.default_qos,
        comment: row.comment,
    } = settings;
}

/// Users below an account for whom a change of the account's inherited values means something.
fn heirs<'a>(state: &'a State, row: &'a Association, setting: &Setting) -> Vec<&'a Association> {
    let inherited: Vec<_> =
        setting.limits.iter().map(|((limit, _), _)| *limit).filter(|limit| limit.scope() == Scope::Each).collect();
    let what = Inherited {
        limits: inherited,
        priority: setting.priority.is_some(),
        default_qos: setting.default_qos.is_some(),
        qos: setting.qos.is_some(),
    };
    let mut found = Vec::new();
    if row.key.is_account() {
        gather(state, row, &what, &mut found);
    }
    found
}

/// Which of the changed values a child without its own takes over.
struct Inherited {
    limits: Vec<Limit>,
    priority: bool,
    default_qos: bool,
    qos: bool,
}

impl Inherited {
    fn reaching(&self, row: &Association) -> Inherited {
        let unset = |limit: &Limit| limit.unit() == Unit::Tres || row.limits.get(*limit).is_none();
        Inherited {
            limits: self.limits.iter().copied().filter(unset).collect(),
            priority: self.priority && row.priority.is_none(),
            default_qos: self.default_qos && row.default_qos.is_none(),
            qos: self.qos && !matches!(row.qos, QosSet::Exactly(_)),
        }
    }

    fn is_empty(&self) -> bool {
        self.limits.is_empty() && !self.priority && !self.default_qos && !self.qos
    }
}

fn gather<'a>(state: &'a State, row: &Association, what: &Inherited, found: &mut Vec<&'a Association>) {
    for child in state.children(row.id) {
        let reaching = what.reaching(child);
        match (reaching.is_empty(), child.key.is_account()) {
            (true, _) => {}
            (false, true) => gather(state, child, &reaching, found),
            (false, false) => found.push(child),
        }
    }
}

/// Moves accounts below another one. One that would come below itself takes the new parent out of its way first, as
/// Slurm does: the new parent takes its place.
fn reparent(session: &mut Session, ids: &[AssociationId], parent: &str) -> Done {
    for id in ids {
        let Some(row) = session.state.association(*id).cloned() else { continue };
        let Some(above) = session.state.find(&AssociationKey::account(&row.key.cluster, parent)).cloned() else {
            return session.refuse(" Error with request: Invalid parent account");
        };
        if !row.key.is_account() || row.parent.is_none() || above.id == row.id {
            return session.refuse(" Error with request: Invalid parent account");
        }
        if row.parent == Some(above.id) {
            continue;
        }
        if tree::walk(session.state, row.id).iter().any(|below| below.id == above.id) {
            move_below(session.state, above.id, row.parent);
        }
        move_below(session.state, row.id, Some(above.id));
    }
    Ok(())
}

fn move_below(state: &mut State, id: AssociationId, parent: Option<AssociationId>) {
    let first = parent.and_then(|parent| state.children(parent).next()).map_or(0, |row| row.position) - 1;
    state.edit_association(id, |row| {
        row.parent = parent;
        row.position = first;
    });
}

/// A default QOS must be among those that may be used.
fn check_default_qos(session: &mut Session, ids: &[AssociationId], setting: &Setting) -> Done {
    if setting.default_qos.is_none() && setting.qos.is_none() {
        return Ok(());
    }
    let mut without = Vec::new();
    let state = &*session.state;
    let of_qos = Setting { default_qos: setting.default_qos, qos: setting.qos.clone(), ..Setting::default() };
    let rows = ids.iter().filter_map(|id| state.association(*id));
    for row in rows.flat_map(|row| std::iter::once(row).chain(heirs(state, row, &of_qos))) {
        let effective = tree::effective(state, row);
        if let Some(default) = effective.default_qos.filter(|id| !effective.qos.contains(id)) {
            let name = qos_name(state, default);
            without.push(format!("  DefQOS = {name:<10} {}", common::qos_line(row)));
        }
    }
    if without.is_empty() {
        return Ok(());
    }
    session.complain(" These associations don't have access to their default qos.");
    session.complain(" Please give them access before they the default can be set to this.");
    session.refuse(without.join("\n"))
}

fn record(session: &mut Session, ids: &[AssociationId], setting: &Setting) {
    let cluster = ids.first().and_then(|id| session.state.association(*id)).map(|row| row.key.cluster.clone());
    let target = ids.iter().map(|id| format!("id_assoc={id}")).collect::<Vec<_>>().join(" || ");
    let info = info(session.state, setting);
    session.record(Action::ModifyAssociation, format!("({target})"), info, &cluster.unwrap_or_default());
}

fn info(state: &State, setting: &Setting) -> String {
    let mut parts = Vec::new();
    parts.extend(setting.comment.iter().map(|text| format!("comment='{text}'")));
    match setting.shares {
        Some(Some(Shares::Of(shares))) => parts.push(format!("shares={shares}")),
        Some(Some(Shares::Parent)) => parts.push("shares=2147483647".into()),
        Some(None) => parts.push("shares=1".into()),
        None => {}
    }
    for ((limit, tres), value) in &setting.limits {
        let value = match value {
            LimitChange::Clear => "NULL".to_owned(),
            LimitChange::To(value) => value.to_string(),
            LimitChange::Plus(more) => format!("+{more}"),
            LimitChange::Minus(less) => format!("-{less}"),
        };
        parts.push(match tres {
            Some(tres) => format!("{}='{tres}={value}'", limit.column()),
            None => format!("{}={value}", limit.column()),
        });
    }
    if let Some(priority) = setting.priority {
        parts.push(format!("priority={}", priority.map_or("NULL".to_owned(), |value| value.to_string())));
    }
    if let Some(qos) = setting.default_qos {
        parts.push(format!("def_qos_id={}", qos.map_or("NULL".to_owned(), |id| qos_name(state, id))));
    }
    if setting.qos.is_some() {
        parts.push("qos".into());
    }
    if let Some(parent) = &setting.parent {
        parts.push(format!("parent_acct='{parent}'"));
    }
    parts.join(", ")
}
