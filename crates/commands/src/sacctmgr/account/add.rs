//! `sacctmgr add account` (sacctmgr(1), "SPECIFICATIONS FOR ACCOUNTS").

use crate::sacctmgr::account::words::{AccountSetting, take_setting};
use crate::sacctmgr::common::{self, field};
use crate::sacctmgr::session::{Done, Session};
use crate::sacctmgr::word::Word;
use slurm::model::*;
use slurm::tree::Seed;

/// What will be added.
#[derive(Default)]
struct Plan {
    accounts: Vec<Account>,
    seeds: Vec<(AssociationId, Seed)>,
}

/// Runs the command.
pub fn run(session: &mut Session, words: &[Word]) -> Done {
    let mut asked = AccountSetting { names: Some(Vec::new()), clusters: Some(Vec::new()), ..Default::default() };
    for word in words.iter().filter(|word| !word.is_bare("Set", 3) && !word.is_bare("Where", 5)) {
        take_setting(session, &mut asked, word)?;
    }
    session.check()?;
    let with_settings = asked.is_set();
    let names = asked.names.take().unwrap_or_default();
    if names.is_empty() {
        return session.refuse(" Need name of account to add.");
    }
    let parent = asked.setting.parent.get_or_insert_with(|| "root".into()).clone();
    let clusters = common::clusters(session, asked.clusters.take().filter(|list| !list.is_empty()), "accounts")?;
    let mut plan = Plan::default();
    for name in &names {
        if common::good_name(session, name) {
            plan_account(session, &asked, name, &parent, &clusters, &mut plan);
        }
    }
    if plan.accounts.is_empty() && plan.seeds.is_empty() {
        session.say(" Nothing new added.");
        session.failed = true;
        return Ok(());
    }
    if plan.seeds.is_empty() {
        return session.refuse(" No associations created.");
    }
    announce(session, &asked, with_settings, &plan);
    carry_out(session, plan, &parent)?;
    session.commit()
}

fn plan_account(
    session: &mut Session,
    asked: &AccountSetting,
    name: &str,
    parent: &str,
    clusters: &[String],
    plan: &mut Plan,
) {
    if session.state.account(name).is_none() {
        let organization = if parent == "root" { name } else { parent };
        plan.accounts.push(Account {
            name: name.to_owned(),
            description: asked.description.clone().unwrap_or_else(|| name.to_owned()),
            organization: asked.organization.clone().unwrap_or_else(|| organization.to_owned()),
            users_coordinate: asked.users_coordinate.unwrap_or(false),
            deleted: false,
        });
    }
    for cluster in clusters {
        let key = AssociationKey::account(cluster, name);
        if session.state.find(&key).is_some() {
            continue;
        }
        let Some(above) = session.state.find(&AssociationKey::account(cluster, parent)).map(|row| row.id) else {
            session.complain(format!(
                " Parent account '{parent}' doesn't exist on cluster {cluster}\n        Contact your admin to add this \
                 account."
            ));
            continue;
        };
        plan.seeds.push((above, Seed { key, settings: asked.setting.initial(), is_default: false }));
    }
}

fn announce(session: &mut Session, asked: &AccountSetting, with_settings: bool, plan: &Plan) {
    if !plan.accounts.is_empty() {
        session.say(" Adding Account(s)");
        for account in &plan.accounts {
            session.say(format!("  {}", account.name));
        }
        session.say(" Settings");
        session.say(format!("  Description     = {}", asked.description.as_deref().unwrap_or("Account Name")));
        session.say(format!("  Organization    = {}", asked.organization.as_deref().unwrap_or("Parent/Account Name")));
    }
    session.say(" Associations");
    for (_, seed) in &plan.seeds {
        session.say(format!("  A = {} C = {}", field(&seed.key.account, 10), field(&seed.key.cluster, 10)));
    }
    if with_settings {
        session.say(" Settings");
        let settings = asked.setting.describe(session.state);
        session.stdout.push_str(&settings);
    }
}

fn carry_out(session: &mut Session, plan: Plan, parent: &str) -> Done {
    let caller = session.caller;
    let allowed = caller.is_operator(session.state)
        || plan.seeds.iter().all(|(_, seed)| caller.coordinates(session.state, &seed.key.cluster, parent));
    if !allowed {
        return session.refuse(" Problem adding accounts: Access/permission denied");
    }
    if plan.accounts.iter().any(|account| account.description.is_empty() || account.organization.is_empty()) {
        return session.refuse(" Problem adding accounts: Unspecified error");
    }
    for account in plan.accounts {
        let info = format!("description='{}', organization='{}'", account.description, account.organization);
        session.record(Action::AddAccount, account.name.clone(), info, "");
        session.state.accounts.put(account.name.clone(), account);
    }
    common::plant(session, &plan.seeds);
    Ok(())
}
