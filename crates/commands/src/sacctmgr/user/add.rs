//! `sacctmgr add user` (sacctmgr(1), "SPECIFICATIONS FOR USERS").

use crate::sacctmgr::common::{self, field};
use crate::sacctmgr::condition::{self, Condition};
use crate::sacctmgr::session::{Done, Session, Stop};
use crate::sacctmgr::setting::Setting;
use crate::sacctmgr::wckey;
use crate::sacctmgr::word::{self, Word};
use slurm::model::*;
use slurm::tree::Seed;

/// What was asked for.
#[derive(Default)]
struct Request {
    place: Condition,
    setting: Setting,
    admin_level: Option<AdminLevel>,
    default_account: Option<String>,
    wckeys: Option<Vec<String>>,
    default_wckey: Option<String>,
    /// Whether a word about associations was given.
    about_associations: bool,
}

/// What will be added.
#[derive(Default)]
struct Plan {
    users: Vec<String>,
    seeds: Vec<(AssociationId, Seed)>,
    wckeys: Vec<wckey::NewKey>,
}

/// Runs the command.
pub fn run(session: &mut Session, words: &[Word]) -> Done {
    let mut request = parse(session, words)?;
    if request.place.users.as_ref().is_none_or(Vec::is_empty) {
        return session.refuse(" Need name of user to add.");
    }
    request.place.clusters = Some(common::clusters(session, request.place.clusters.take(), "users")?);
    if request.place.accounts.as_ref().is_none_or(Vec::is_empty) && request.wckeys.is_none() {
        return session.refuse(" Need name of account to add user to.");
    }
    let plan = plan(session, &request)?;
    if plan.users.is_empty() && plan.seeds.is_empty() && plan.wckeys.is_empty() {
        return nothing_new(session, &request);
    }
    if plan.seeds.is_empty() && plan.wckeys.is_empty() {
        return session.refuse(" No associations or wckeys created.");
    }
    announce(session, &request, &plan);
    carry_out(session, &request, plan)?;
    session.commit()
}

fn parse(session: &mut Session, words: &[Word]) -> Done<Request> {
    let mut request = Request::default();
    for word in words {
        if word.operator.is_none() || word.is("Names", 1) || word.is("Users", 1) {
            condition::extend_users(session, &mut request.place.users, word)?;
        } else if word.is("AdminLevel", 2) {
            request.admin_level = common::admin_level(session, word.value);
        } else if word.is("DefaultAccount", 8) {
            take_default_account(session, &mut request, word)?;
        } else if word.is("DefaultWCKey", 8) {
            take_default_wckey(session, &mut request, word)?;
        } else if word.is("WCKeys", 1) {
            condition::extend(session, &mut request.wckeys, word)?;
        } else if request.setting.take(session, word)? || request.place.take(session, word)? {
            request.about_associations = true;
        } else {
            session.complain(format!(" Unknown option: {}", word.raw));
        }
    }
    session.check()?;
    Ok(request)
}

fn take_default_account(session: &mut Session, request: &mut Request, word: &Word) -> Done {
    if let Some(earlier) = &request.default_account {
        session.complain(format!(" Already listed DefaultAccount {earlier}"));
        return Ok(());
    }
    if !session.caller.is_operator(session.state) && session.state.user(&session.caller.name).is_some() {
        let (name, uid) = (&session.caller.name, session.caller.uid);
        let text =
            format!(" Your user/uid ({name}/{uid}) is not AdminLevel >= Operator, you cannot set DefaultAccount.");
        session.complain(text);
        return Ok(());
    }
    request.default_account = Some(word::unquote_lower(word.value));
    condition::extend(session, &mut request.place.accounts, word)
}

fn take_default_wckey(session: &mut Session, request: &mut Request, word: &Word) -> Done {
    if let Some(earlier) = &request.default_wckey {
        session.complain(format!(" Already listed DefaultWCKey {earlier}"));
        return Ok(());
    }
    request.default_wckey = Some(word::unquote_lower(word.value));
    condition::extend(session, &mut request.wckeys, word)
}

fn plan(session: &mut Session, request: &Request) -> Done<Plan> {
    let mut plan = Plan::default();
    let names = request.place.users.clone().unwrap_or_default();
    let mut first = true;
    for name in &names {
        if !common::good_name(session, name) {
            continue;
        }
        if session.state.user(name).is_none() {
            if !default_account_exists(session, request) {
                continue;
            }
            confirm_unknown(session, name)?;
            plan.users.push(name.clone());
        }
        plan_associations(session, request, name, first, &mut plan);
        first = false;
        let (names, clusters) = (request.wckeys.as_deref(), request.place.clusters.as_deref());
        let (names, clusters) = (names.unwrap_or_default(), clusters.unwrap_or_default());
        plan.wckeys.extend(wckey::plan(session, name, names, clusters, request.default_wckey.as_deref()));
    }
    Ok(plan)
}

fn default_account_exists(session: &mut Session, request: &Request) -> bool {
    match &request.default_account {
        Some(account) if session.state.account(account).is_none() => {
            missing_account(session, account);
            false
        }
        _ => true,
    }
}

fn missing_account(session: &mut Session, account: &str) {
    session
        .complain(format!(" This account '{account}' doesn't exist.\n        Contact your admin to add this account."));
}

/// Slurm lets root add a user whom the operating system does not know, after asking.
fn confirm_unknown(session: &mut Session, name: &str) -> Done {
    // With -i nothing is asked, so nothing is looked up: that takes long for many users on a large site.
    if session.options.immediate {
        return Ok(());
    }
    let world = session.world;
    if session.known(world.people().user(name))?.is_some() {
        return Ok(());
    }
    let question = format!("There is no uid for user '{name}'\nAre you sure you want to continue?");
    if session.ask(&question)? {
        Ok(())
    } else {
        session.failed = true;
        Err(Stop::Failed)
    }
}

fn plan_associations(session: &mut Session, request: &Request, user: &str, complain: bool, plan: &mut Plan) {
    let whole = vec![String::new()];
    let partitions = request.place.partitions.as_ref().unwrap_or(&whole);
    for account in request.place.accounts.iter().flatten() {
        if session.state.account(account).is_none() {
            if complain {
                missing_account(session, account);
            }
            continue;
        }
        for cluster in request.place.clusters.iter().flatten() {
            let Some(parent) = session.state.find(&AssociationKey::account(cluster, account)).map(|row| row.id) else {
                if complain {
                    session.complain(format!(
                        " This account '{account}' doesn't exist on cluster {cluster}\n        Contact your admin to \
                         add this account."
                    ));
                }
                continue;
            };
            for partition in partitions {
                let key = AssociationKey::user(cluster, account, user, partition);
                if session.state.find(&key).is_none() {
                    let is_default = request.default_account.as_ref() == Some(account);
                    plan.seeds.push((parent, Seed { key, settings: request.setting.initial(), is_default }));
                }
            }
        }
    }
}

/// Slurm says only " Nothing new added."; who is there already is our addition, so that scripts (and the reference
/// playbook, which looks for "Already exists") can tell it from a missing account.
fn nothing_new(session: &mut Session, request: &Request) -> Done {
    session.say(" Nothing new added.");
    // `-Q` leaves only the exit code: cron mails everything else.
    if !session.failed && !session.options.quiet {
        let list = |names: &Option<Vec<String>>| names.iter().flatten().cloned().collect::<Vec<_>>().join(",");
        let (what, names) = match &request.place.accounts {
            Some(_) => ("in account", &request.place.accounts),
            None => ("with wckey", &request.wckeys),
        };
        let text = format!(" Already exists: user {} {what} {}", list(&request.place.users), list(names));
        session.complain(text);
    }
    session.failed = true;
    Ok(())
}

fn announce(session: &mut Session, request: &Request, plan: &Plan) {
    if !plan.users.is_empty() {
        session.say(" Adding User(s)");
        for user in &plan.users {
            session.say(format!("  {user}"));
        }
        if request.default_account.is_some() || request.default_wckey.is_some() || request.admin_level.is_some() {
            session.say(" Settings =");
        }
        if let Some(account) = &request.default_account {
            session.say(format!("  Default Account = {account}"));
        }
        if let Some(name) = &request.default_wckey {
            session.say(format!("  Default WCKey   = {name}"));
        }
        if let Some(level) = request.admin_level {
            session.say(format!("  Admin Level     = {}", level.name()));
        }
    }
    if !plan.seeds.is_empty() {
        session.say(" Associations =");
    }
    for (_, seed) in &plan.seeds {
        session.say(describe(&seed.key, request.place.partitions.is_some()));
    }
    if !plan.wckeys.is_empty() {
        session.say(" WCKeys =");
    }
    for new in &plan.wckeys {
        let (user, cluster, name) = &new.key;
        let (user, name) = (field(user, 9), field(name, 10));
        session.say(format!("  U = {user} W = {name} C = {}", field(cluster, 10)));
    }
    if request.about_associations {
        session.say(" Non Default Settings");
        let settings = request.setting.describe(session.state);
        session.stdout.push_str(&settings);
    }
}

fn describe(key: &AssociationKey, with_partition: bool) -> String {
    let mut line =
        format!("  U = {} A = {} C = {}", field(&key.user, 9), field(&key.account, 10), field(&key.cluster, 10));
    if with_partition {
        line.push_str(&format!(" P = {}", field(&key.partition, 10)));
    }
    line
}

fn carry_out(session: &mut Session, request: &Request, plan: Plan) -> Done {
    let caller = session.caller;
    if request.wckeys.is_some() && !caller.is_operator(session.state) {
        session.complain("sacctmgr: error: Your user doesn't have privilege to perform this action");
        session.complain("sacctmgr: If you are a coordinator ignore the previous error");
        return session.refuse(" Problem adding users: Access/permission denied");
    }
    let allowed = caller.is_operator(session.state)
        || plan.seeds.iter().all(|(_, seed)| caller.coordinates(session.state, &seed.key.cluster, &seed.key.account));
    // Whoever may name administrators is one: operators may not (user_permissions.shtml).
    let promotes = request.admin_level.is_some_and(|level| level != AdminLevel::None);
    if !allowed || (promotes && !caller.is_administrator(session.state)) {
        return session.refuse(" Problem adding users: Access/permission denied");
    }
    let level = request.admin_level.unwrap_or(AdminLevel::None);
    for name in plan.users {
        let user = User { name: name.clone(), admin_level: level, deleted: false };
        session.state.users.put(name.clone(), user);
        session.record(Action::AddUser, name, format!("admin_level={}", level.number()), "");
    }
    common::plant(session, &plan.seeds);
    wckey::plant(session, plan.wckeys);
    Ok(())
}
