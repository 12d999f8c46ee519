//! What is said to the service itself: configuration, statistics, `reconfigure`, `shutdown`; and the words of a session
//! that mean nothing on a command line.

use super::session::{Done, Part, Session};
use super::statistics;
use super::word::begins;
use super::{HELP, VERSION};
use crate::Then;
use words::people::Sought;

/// Takes a command that stands alone. `None` when the verb is none of these.
pub fn run(session: &mut Session, verb: &str, rest: &[&str]) -> Option<Done> {
    let is = |name: &str, shortest: usize| begins(verb, name, shortest);
    if is("clear", 3) {
        return Some(clear(session, rest));
    }
    let keyword =
        is("help", 2) || is("oneliner", 1) || is("quiet", 4) || is("exit", 4) || is("quit", 4) || is("\\q", 2);
    let known = keyword
        || is("associations", 3)
        || is("verbose", 4)
        || is("readonly", 4)
        || is("reconfigure", 4)
        || is("shutdown", 4)
        || is("version", 4)
        || is("ping", 4);
    if !known {
        return None;
    }
    if !rest.is_empty() && !is("associations", 3) {
        session.complain(if keyword {
            format!("too many arguments for keyword:{verb}")
        } else {
            format!("too many arguments for {verb} keyword")
        });
    }
    if is("help", 2) {
        session.stdout.push_str(HELP);
    } else if is("version", 4) {
        session.stdout.push_str(VERSION);
    } else if is("ping", 4) {
        session.say("enlist serve is UP");
    } else if is("reconfigure", 4) && rest.is_empty() {
        return Some(reconfigure(session));
    } else if is("shutdown", 4) && rest.is_empty() {
        return Some(shutdown(session));
    }
    Some(Ok(()))
}

fn clear(session: &mut Session, rest: &[&str]) -> Done {
    if !rest.first().is_some_and(|word| begins(word, "Stats", 1)) {
        return session.refuse("No valid entity in list command\nInput line must include \"Stats\"");
    }
    if session.caller.is_operator(session.state) {
        session.world.clear_statistics();
        Ok(())
    } else {
        super::common::denied(session)
    }
}

/// What cannot be read is in the service's log, as with slurmdbd, and then the old configuration stays. (slurmdbd says
/// nothing to those who may not.)
fn reconfigure(session: &mut Session) -> Done {
    if !session.caller.is_administrator(session.state) {
        return super::common::denied(session);
    }
    session.then = Some(Then::Reload);
    Ok(())
}

fn shutdown(session: &mut Session) -> Done {
    if !session.caller.is_administrator(session.state) {
        return session.refuse(" Problem shutting down server: Access/permission denied");
    }
    session.then = Some(Then::Stop);
    Ok(())
}

/// `show stats`
pub fn stats(session: &mut Session) -> Done {
    if !session.caller.is_operator(session.state) {
        return session.refuse(
            "sacctmgr: accounting_storage/slurmdbd: acct_storage_p_get_stats: RC:2002 Your user doesn't have privilege to \
             perform this action",
        );
    }
    let page = statistics::page(session);
    session.stdout.push_str(&page);
    Ok(())
}

/// `show configuration`, in slurmdbd's two parts.
pub fn configuration(session: &mut Session) -> Done {
    let now = session.world.local_time(session.world.now());
    session.say(format!("Configuration data as of {now}"));
    let mut all = session.world.configuration();
    all.extend(own(session));
    all.sort_by_key(|(_, name, _)| name.to_ascii_lowercase());
    for part in [Part::Slurm, Part::Service] {
        if part == Part::Service {
            session.say("\nSlurmDBD configuration:");
        }
        for (_, name, value) in all.iter().filter(|(of, ..)| *of == part) {
            session.say(format!("{name:<22} = {}", shown(name, value)));
        }
    }
    Ok(())
}

/// What is not in the configuration, or stands in both parts.
fn own(session: &Session) -> Vec<(Part, &'static str, String)> {
    let settings = session.world.settings();
    let yes = |is: bool| if is { "Yes" } else { "No" }.to_owned();
    let private = settings.private_data.to_string();
    let user = match session.world.people().user(&settings.slurm_user) {
        Sought::There(user) => format!("{}({})", settings.slurm_user, user.uid),
        Sought::Absent | Sought::CannotSay(_) => settings.slurm_user.clone(),
    };
    vec![
        (Part::Slurm, "AccountingStorageType", "accounting_storage/enlist".into()),
        (Part::Slurm, "PrivateData", private.clone()),
        (Part::Slurm, "SlurmUserId", user.clone()),
        (Part::Slurm, "SLURM_VERSION", "22.05.8".into()),
        (Part::Slurm, "TrackWCKey", yes(settings.track_wckey)),
        (Part::Service, "BOOT_TIME", session.world.local_time(session.world.started())),
        (Part::Service, "PrivateData", private),
        (Part::Service, "SLURMDBD_VERSION", "22.05.8".into()),
        (Part::Service, "SlurmUser", user),
        (Part::Service, "StorageType", "accounting_storage/enlist".into()),
        (Part::Service, "TrackWCKey", yes(settings.track_wckey)),
    ]
}

/// A value as Slurm shows it.
fn shown(name: &str, value: &str) -> String {
    match (name, value) {
        ("PrivateData", _) => value.into(),
        ("MessageTimeout" | "StopTimeout", seconds) => format!("{seconds} secs"),
        (_, "yes") => "Yes".into(),
        (_, "no") => "No".into(),
        (_, "never") => "NONE".into(),
        (_, "unlimited") => "UNLIMITED".into(),
        (_, "none" | "") => "(null)".into(),
        _ => value.into(),
    }
}
