//! Who is who, where the host itself cannot say: a daemon with an nsswitch.conf of its own.

use super::{Service, enlist_path, text};
use std::process::{Command, Stdio};

/// Mounts the first word over nsswitch.conf and runs the others.
const OVER: &str = "mount --bind \"$0\" /etc/nsswitch.conf && exec \"$@\"";

impl Service {
    /// Says where the daemon's host keeps its users and groups; the C library reads it at the next look-up.
    fn keeps_people_in(&self, sources: &str) {
        std::fs::write(self.path("nsswitch"), format!("passwd: {sources}\ngroup: {sources}\n")).unwrap();
    }

    /// Serves the same store again, where nsswitch.conf is the file of [`Service::keeps_people_in`].
    fn restart_with_people_in(&mut self, sources: &str) {
        self.kill();
        self.keeps_people_in(sources);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", OVER]).arg(self.path("nsswitch")).arg(enlist_path()).arg("serve");
        for (option, name) in [("--config", "conf"), ("--store", "store.db"), ("--socket", "socket")] {
            command.arg(option).arg(self.path(name));
        }
        self.daemon = command.env("TZ", "UTC").stderr(Stdio::null()).spawn().unwrap();
        self.wait();
    }

    fn sacct(&self, user: &str) -> (Option<i32>, String) {
        let mut command = Command::new(self.path("sacct"));
        let out = command.args(["-n", "-u", user]).env("ENLIST_SOCKET", self.path("socket")).output().unwrap();
        (out.status.code(), text(&out.stderr))
    }
}

#[test]
fn a_directory_that_is_down_is_not_one_without_people() {
    let mut service = Service::start();
    service.ok(&["-i", "add", "account", "lab"]);
    service.restart_with_people_in("files");
    let add = ["add", "user", "gildong", "account=lab"];
    let (out, _) = service.typed(&add, "n\n");
    assert!(out.contains("There is no uid for user 'gildong'"), "{out}");
    assert!(service.as_nobody(&["show", "account"]).status.success());
    assert_eq!(service.sacct("gildong"), (Some(1), "sacct: error: Invalid user id: gildong\n".to_owned()));

    service.keeps_people_in("enlist_has_no_such_module");
    let down = "users cannot be looked up now: no directory in nsswitch.conf answers";
    let (_, err) = service.refused(&add);
    assert_eq!(err, format!("sacctmgr: error: {down}; nothing was changed\n"));
    let (out, err) = service.refused(&["-nP", "show", "problem"]);
    assert!(!out.contains("uid") && err.contains(down), "{out}{err}");
    let nobody = service.as_nobody(&["show", "account"]);
    assert!(!nobody.status.success() && text(&nobody.stderr).contains(down), "{}", text(&nobody.stderr));
    assert_eq!(service.sacct("gildong"), (Some(1), format!("sacct: error: {down}; ask by number\n")));
    assert_eq!(service.sacct("12345"), (Some(0), String::new()));
    service.ok(&["-i", "add", "user", "kim", "account=lab"]);

    service.keeps_people_in("files");
    let (out, _) = service.typed(&add, "n\n");
    assert!(out.contains("There is no uid for user 'gildong'"), "nothing of it stays: {out}");
    assert!(service.as_nobody(&["show", "account"]).status.success());
}
