//! What is said to the service itself: configuration, statistics, `reconfigure`, `shutdown`; and the words of a session
//! that mean nothing on a command line.

use super::Then;
use super::session::{Done, Session};
use super::word::begins;
use super::{HELP, VERSION};
use crate::accounting::settings::Settings;

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
        session.complain(match keyword {
            true => format!("too many arguments for keyword:{verb}"),
            false => format!("too many arguments for {verb} keyword"),
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
    match session.caller.is_operator(session.state) {
        true => Ok(()),
        false => super::common::denied(session),
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

/// `show stats`: what slurmdbd counts is among the service's metrics.
pub fn stats(session: &mut Session) -> Done {
    session.refuse(" Statistics are not listed here: read the metrics of enlist serve.")
}

/// `show configuration`
pub fn configuration(session: &mut Session) -> Done {
    let now = session.world.local_time(session.world.now());
    session.say(format!("Configuration data as of {now}"));
    let settings = session.world.settings().clone();
    let cluster = session.local_cluster();
    for (name, value) in lines(&settings, cluster) {
        session.say(format!("{name:<22} = {value}"));
    }
    Ok(())
}

fn lines(settings: &Settings, cluster: String) -> Vec<(&'static str, String)> {
    let yes = |is: bool| if is { "Yes" } else { "No" }.to_owned();
    vec![
        ("AccountingStorageType", "accounting_storage/enlist".into()),
        ("ClusterName", cluster),
        ("DisableCoordDBD", yes(settings.disable_coordinators)),
        ("PrivateData", settings.private_data.to_string()),
        ("SlurmUserId", settings.slurm_user.clone()),
        ("SLURM_VERSION", "22.05.8".into()),
        ("TrackWCKey", yes(settings.track_wckey)),
    ]
}
