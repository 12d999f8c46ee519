//! The resources, and their rows from the state.

use super::{Ask, Kind, Resource, Take, field};
use serde_json::{Map, Value, json};
use slurm::State;
use slurm::model::{Association, Coordinator, Limits, QosId, Shares};
use slurm::tree;

/// All of them.
pub const ALL: &[Resource] = &[
    Resource {
        name: "accounts",
        meaning: "An account. Where it sits in the tree is said by associations without a user.",
        fields: &[
            field("name", Kind::Text, "Its name"),
            field("description", Kind::Text, "Free text"),
            field("organization", Kind::Text, "Free text"),
            field("coordinators", Kind::Texts, "Users who coordinate it"),
        ],
        rows: accounts,
    },
    Resource {
        name: "associations",
        meaning: "A place in a cluster's tree, of an account or of a user in it.",
        fields: &[
            field("id", Kind::Number, "Its number"),
            field("cluster", Kind::Text, "The cluster"),
            field("account", Kind::Text, "The account"),
            field("user", Kind::MaybeText, "The user; null for the account itself"),
            field("partition", Kind::MaybeText, "The partition; null for all"),
            field("parent", Kind::MaybeNumber, "The association above; null for a cluster's root"),
            field("is_default", Kind::Bool, "Whether it is the user's default account on the cluster"),
            field("shares", Kind::MaybeNumber, "Fairshare; null for `parent`"),
            field("priority", Kind::MaybeNumber, "Priority, inherited if it is not set"),
            field("limits", Kind::Limits, "Limits set here; minutes, megabytes of mem"),
            field("effective_limits", Kind::Limits, "Limits, with those inherited"),
            field("qos", Kind::Texts, "QOS that may be used, with those inherited"),
            field("default_qos", Kind::MaybeText, "Default QOS, inherited if it is not set"),
        ],
        rows: associations,
    },
    Resource {
        name: "clusters",
        meaning: "A cluster.",
        fields: &[
            field("name", Kind::Text, "Its name"),
            field("control_host", Kind::MaybeText, "Where its controller registered from"),
            field("control_port", Kind::MaybeNumber, "Its controller's port"),
        ],
        rows: clusters,
    },
    Resource {
        name: "qos",
        meaning: "A quality of service.",
        fields: &[
            field("id", Kind::Number, "Its number"),
            field("name", Kind::Text, "Its name"),
            field("description", Kind::Text, "Free text"),
            field("priority", Kind::Number, "Added to a job's priority, weighted"),
            field("flags", Kind::Texts, "Flags, as sacctmgr writes them"),
            field("limits", Kind::Limits, "Limits; minutes, megabytes of mem"),
            field("preempt", Kind::Texts, "QOS whose jobs its jobs may preempt"),
            field("preempt_mode", Kind::MaybeText, "How preempted jobs end; null for the cluster's way"),
            field("grace_time", Kind::Number, "Seconds that a preempted job keeps"),
            field("usage_factor", Kind::MaybeReal, "Share of usage that is charged"),
            field("usage_threshold", Kind::MaybeReal, "Fairshare below which jobs wait"),
        ],
        rows: qos,
    },
    Resource {
        name: "transactions",
        meaning: "A line of the transaction record.",
        fields: &[
            field("id", Kind::Number, "Running number"),
            field("time", Kind::Number, "Seconds since 1970"),
            field("action", Kind::Text, "What was done"),
            field("actor", Kind::Text, "By whom"),
            field("target", Kind::Text, "To what"),
            field("info", Kind::Text, "What was set"),
            field("cluster", Kind::MaybeText, "The cluster, for changes of associations"),
        ],
        rows: transactions,
    },
    Resource {
        name: "tres",
        meaning: "A trackable resource.",
        fields: &[
            field("id", Kind::Number, "Its number"),
            field("type", Kind::Text, "cpu, mem, gres, license …"),
            field("name", Kind::MaybeText, "What comes after the slash"),
        ],
        rows: tres,
    },
    Resource {
        name: "users",
        meaning: "A user. Accounts and limits are in associations.",
        fields: &[
            field("name", Kind::Text, "Their name"),
            field("admin_level", Kind::Text, "None, Operator or Administrator"),
            field("default_accounts", Kind::TextByName, "Default account by cluster"),
            field("coordinates", Kind::Texts, "Accounts that they coordinate"),
        ],
        rows: users,
    },
];

const DENIED: &str = "Access/permission denied";

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Whether a row comes after the one that was last.
fn later<K: PartialOrd<K> + ?Sized>(key: &K, after: Option<&K>) -> bool {
    after.is_none_or(|after| key > after)
}

/// The number after which rows begin.
fn number(ask: &Ask) -> Result<u64, String> {
    ask.after.map_or(Ok(0), |after| after.parse().map_err(|_| "after: a number is needed".to_owned()))
}

fn coordinators<'a>(state: &'a State, pick: impl Fn(&'a Coordinator) -> Option<&'a String>) -> Vec<&'a String> {
    state.coordinators.values().filter_map(pick).collect()
}

fn accounts(ask: &Ask, take: &mut Take) -> Result<(), String> {
    if !ask.view.lists_accounts() {
        return Err(DENIED.into());
    }
    let rows = ask.state.accounts.values().filter(|row| !row.deleted && ask.view.account(&row.name));
    for row in rows.filter(|row| later(row.name.as_str(), ask.after)) {
        let whose = coordinators(ask.state, |it| (it.account == row.name).then_some(&it.user));
        let going_on = take(json!({
            "name": row.name, "description": row.description, "organization": row.organization, "coordinators": whose,
        }));
        if !going_on {
            break;
        }
    }
    Ok(())
}

fn users(ask: &Ask, take: &mut Take) -> Result<(), String> {
    let rows = ask.state.users.values().filter(|row| !row.deleted && ask.view.user(&row.name));
    for row in rows.filter(|row| later(row.name.as_str(), ask.after)) {
        let defaults = ask.state.of_user(&row.name).filter(|association| association.is_default);
        let defaults: Map<_, _> = defaults.map(|it| (it.key.cluster.clone(), text(&it.key.account))).collect();
        let accounts = coordinators(ask.state, |it| (it.user == row.name).then_some(&it.account));
        let going_on = take(json!({
            "name": row.name, "admin_level": row.admin_level.name(), "default_accounts": defaults, "coordinates": accounts,
        }));
        if !going_on {
            break;
        }
    }
    Ok(())
}

fn associations(ask: &Ask, take: &mut Take) -> Result<(), String> {
    let (after, seen) = (number(ask)?, ask.view.associations());
    let rows = ask.state.associations().values().filter(|row| !row.deleted && u64::from(row.id.0) > after);
    for row in rows.filter(|row| seen.as_ref().is_none_or(|seen| seen.contains(&row.id))) {
        if !take(association(ask.state, row)) {
            break;
        }
    }
    Ok(())
}

fn association(state: &State, row: &Association) -> Value {
    let effective = tree::effective(state, row);
    let shares = match row.shares {
        Shares::Of(shares) => json!(shares),
        Shares::Parent => Value::Null,
    };
    json!({
        "id": row.id, "cluster": row.key.cluster, "account": row.key.account, "user": text(&row.key.user),
        "partition": text(&row.key.partition), "parent": row.parent, "is_default": row.is_default, "shares": shares,
        "priority": effective.priority, "limits": limits(state, &row.limits),
        "effective_limits": limits(state, &effective.limits), "qos": qos_names(state, &effective.qos),
        "default_qos": effective.default_qos.and_then(|id| qos_name(state, id)),
    })
}

fn qos_name(state: &State, id: QosId) -> Option<&str> {
    state.qos.get(&id).map(|qos| qos.name.as_str())
}

fn qos_names<'a>(state: &'a State, ids: impl IntoIterator<Item = &'a QosId>) -> Vec<&'a str> {
    ids.into_iter().filter_map(|id| qos_name(state, *id)).collect()
}

fn limits(state: &State, limits: &Limits) -> Value {
    let mut all = Map::new();
    for ((limit, tres), value) in limits.iter() {
        let Some(tres) = tres else {
            all.insert(limit.column().into(), value.into());
            continue;
        };
        let name = state.tres.get(&tres).map_or_else(|| tres.to_string(), |row| row.full_name());
        all.entry(limit.column()).or_insert_with(|| json!({}))[name] = value.into();
    }
    Value::Object(all)
}

fn clusters(ask: &Ask, take: &mut Take) -> Result<(), String> {
    let rows = ask.state.clusters.values().filter(|row| !row.deleted);
    for row in rows.filter(|row| later(row.name.as_str(), ask.after)) {
        let port = Some(row.control_port).filter(|port| *port > 0);
        if !take(json!({ "name": row.name, "control_host": text(&row.control_host), "control_port": port })) {
            break;
        }
    }
    Ok(())
}

fn qos(ask: &Ask, take: &mut Take) -> Result<(), String> {
    let after = number(ask)?;
    for row in ask.state.qos.values().filter(|row| !row.deleted && u64::from(row.id.0) > after) {
        let flags: Vec<_> = row.flags.iter().map(|flag| flag.name()).collect();
        let going_on = take(json!({
            "id": row.id, "name": row.name, "description": row.description, "priority": row.priority, "flags": flags,
            "limits": limits(ask.state, &row.limits), "preempt": qos_names(ask.state, &row.preempt),
            "preempt_mode": text(&row.preempt_mode), "grace_time": row.grace_time, "usage_factor": row.usage_factor,
            "usage_threshold": row.usage_threshold,
        }));
        if !going_on {
            break;
        }
    }
    Ok(())
}

fn tres(ask: &Ask, take: &mut Take) -> Result<(), String> {
    let after = number(ask)?;
    for row in ask.state.tres.values().filter(|row| u64::from(row.id.0) > after) {
        if !take(json!({ "id": row.id, "type": row.kind, "name": text(&row.name) })) {
            break;
        }
    }
    Ok(())
}

fn transactions(ask: &Ask, take: &mut Take) -> Result<(), String> {
    let (after, mut going_on) = (number(ask)?, true);
    ask.world.transactions(i64::MIN..i64::MAX, &mut |row| {
        if going_on && row.id > after {
            going_on = take(json!({
                "id": row.id, "time": row.time, "action": row.action.text(), "actor": row.actor, "target": row.target,
                "info": row.info, "cluster": text(&row.cluster),
            }));
        }
    })
}
