//! The desk of those who take people in: from a line at the command to a login that works, what is reviewed before, and how
//! everybody stands afterwards.

mod adopt;
mod commands;
mod onboarding;
mod status;
mod table;

use crate::support::{Lab, Ran, run};
use std::path::{Path, PathBuf};

pub const INVENTORY: &str = "inventories/reference/hosts.ini";
pub const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

pub fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The accounting service on the master.
pub fn serve(lab: &Lab) {
    lab.sh("master", "setsid enlist serve </dev/null >/var/log/enlist.log 2>&1 &").ok();
    let ready = "for i in $(seq 600); do sacctmgr -n show cluster >/dev/null 2>&1 && exit 0; sleep 0.1; done; \
                 cat /var/log/enlist.log >&2; exit 1";
    lab.sh("master", ready).ok();
}

/// A command on a terminal on which somebody types this.
pub fn on_a_terminal(lab: &Lab, words: &[&str], typed: &str) -> Ran {
    let line = format!("enlist {}", shell_words::join(words));
    run(&mut lab.controller_command(&["script", "-qec", &line, "/dev/null"]), typed)
}

/// A roster that stays at one place while it is edited.
pub fn roster_file(lab: &Lab, text: &str) -> PathBuf {
    lab.write_temp("roster.yml", text)
}

pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

pub fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}
