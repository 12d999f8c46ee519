//! The lab keeps its own promises; all other tests stand on them.

use crate::support::{Lab, Ran, directory, lab};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn ssh(lab: &Lab, destination: &str, line: &str) -> Ran {
    lab.lab(&["exec", "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", destination, line])
}

#[test]
fn each_host_is_a_machine_of_its_own() {
    let lab = lab();
    for host in ["login1", "login2", "login3", "login4", "master"] {
        assert_eq!(lab.sh(host, "hostname").ok().stdout, format!("{host}\n"));
    }
    lab.sh("login1", "useradd -m kim && echo secret >/home/kim/note").ok();
    assert_eq!(lab.file("login1", "/home/kim/note"), "secret\n");
    assert!(lab.file("login1", "/etc/passwd").contains("\nkim:"));
    assert!(!lab.file("login2", "/etc/passwd").contains("\nkim:"));
    lab.sh("login2", "ls /home/kim").code(2);
    let here = std::fs::read_to_string("/etc/passwd").unwrap();
    assert!(!here.contains("\nkim:"), "a host changed the machine itself");
}

#[test]
fn the_machines_people_do_not_show() {
    let lab = lab();
    let sources = env!("CARGO_MANIFEST_DIR");
    lab.sh("login1", &format!("ls '{sources}'")).code(2);
    assert_eq!(
        lab.sh("login1", "ls /home /tmp /usr/local/bin").ok().stdout,
        "/home:\nops\nopspw\n\n/tmp:\n\n/usr/local/bin:\n"
    );
}

#[test]
fn root_and_ops_log_in_with_plain_defaults() {
    let lab = lab();
    assert_eq!(ssh(&lab, "10.0.0.1", "hostname; id -un").ok().stdout, "login1\nroot\n");
    assert_eq!(ssh(&lab, "ops@10.0.0.10", "hostname; sudo -n id -un").ok().stdout, "master\nroot\n");
    // The key alone is no password for sudo.
    assert!(ssh(&lab, "opspw@10.0.0.2", "sudo -n true").code(1).stderr.contains("a password is required"));
    let password = std::fs::read_to_string(lab.dir().join("opspw_password")).unwrap();
    let line = format!("echo '{}' | sudo -S -p '' id -un", password.trim());
    assert_eq!(ssh(&lab, "opspw@10.0.0.2", &line).ok().stdout, "root\n");
}

#[test]
fn a_cut_host_is_out_of_reach_until_healed() {
    let lab = lab();
    lab.lab(&["cut", "login2"]).ok();
    ssh(&lab, "10.0.0.2", "true").code(255);
    ssh(&lab, "10.0.0.1", "true").ok();
    lab.lab(&["heal", "login2"]).ok();
    ssh(&lab, "10.0.0.2", "true").ok();
}

#[test]
fn delay_holds_each_frame_both_ways() {
    let lab = lab();
    let timed = || {
        let start = Instant::now();
        lab.lab(&["exec", "python3", "-c", "import socket; socket.create_connection(('10.0.0.1', 22)).recv(1)"]).ok();
        start.elapsed()
    };
    lab.lab(&["delay", "150"]).ok();
    let slow = timed();
    lab.lab(&["delay", "0"]).ok();
    // Connecting and the server's greeting are two round trips.
    assert!(slow > Duration::from_millis(450), "{slow:?}");
    // A busy machine may be slow once, but not each time.
    let fast: Vec<_> = std::iter::repeat_with(timed).take(10).take_while(|fast| *fast >= slow).collect();
    assert!(fast.len() < 10, "{fast:?}, {slow:?}");
}

#[test]
fn a_reset_host_is_pristine() {
    let lab = lab();
    let before = lab.tree("login1");
    assert!(before.contains(" /etc/passwd\n") && before.contains(" /home/ops/.ssh/authorized_keys\n"));
    lab.sh("login1", "useradd -m kim; rm /etc/hosts; chmod 700 /home; echo x >/root/x").ok();
    let changed = lab.tree("login1");
    for path in ["/home/kim", "/root/x", "/etc/passwd-"] {
        assert!(!before.contains(&format!(" {path}\n")) && changed.contains(&format!(" {path}\n")), "{path}");
    }
    assert!(!changed.contains(" /etc/hosts\n"));
    lab.reset();
    assert_eq!(lab.tree("login1"), before);
}

#[test]
fn a_tree_tells_a_rewritten_file() {
    let lab = lab();
    let before = lab.tree("login1");
    assert_eq!(lab.tree("login1"), before);
    lab.sh("login1", "cp /etc/group /etc/group.new && mv /etc/group.new /etc/group").ok();
    assert_ne!(lab.tree("login1"), before);
}

#[test]
fn a_full_disk_takes_nothing_until_freed() {
    let lab = lab();
    lab.lab(&["fill", "login1"]).ok();
    for directory in ["/etc", "/home", "/var"] {
        let ran = lab.sh("login1", &format!("echo x >{directory}/x"));
        assert!(ran.code != 0 && ran.stderr.contains("I/O error"), "{ran:?}");
    }
    lab.lab(&["unfill", "login1"]).ok();
    lab.sh("login1", "echo x >/etc/x").ok();
}

#[test]
fn a_new_host_key_is_noticed_until_reset() {
    let lab = lab();
    lab.lab(&["rekey", "login1"]).ok();
    assert!(ssh(&lab, "10.0.0.1", "true").code(255).stderr.contains("HOST IDENTIFICATION HAS CHANGED"));
    lab.lab(&["reset", "login1"]).ok();
    ssh(&lab, "10.0.0.1", "true").ok();
}

#[test]
fn enlist_is_on_the_controller_and_under_slurms_names_on_the_master() {
    let lab = lab();
    let version = format!("enlist {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(lab.enlist(&["--version"]).ok().stdout, version);
    assert_eq!(lab.sh("master", "readlink -f $(command -v sacctmgr)").ok().stdout, "/opt/lab/enlist\n");
    lab.sh("login1", "command -v sacctmgr").code(127);
    let path = lab.write_temp("note.txt", "안녕\n");
    assert_eq!(lab.lab(&["exec", "cat", path.to_str().unwrap()]).ok().stdout, "안녕\n");
}

#[test]
fn labs_stand_side_by_side_and_leave_nothing() {
    let other = Lab::own("other", 1);
    let shared = lab();
    assert_ne!(
        ssh(&other, "10.0.0.1", "readlink /proc/self/ns/net"),
        ssh(&shared, "10.0.0.1", "readlink /proc/self/ns/net")
    );
    other.lab(&["exec", "sh", "-c", "sleep 1000 >/dev/null 2>&1 &"]).ok();
    let dir = other.dir().to_owned();
    assert!(!processes_naming(&dir).is_empty());
    drop(other);
    gone(&dir);
    ssh(&shared, "10.0.0.1", "true").ok();
}

#[test]
fn down_clears_up_after_a_killed_up() {
    let dir = directory("killed");
    let lab = || {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/lab"));
        command.env("ENLIST_LAB_DIR", &dir).stdout(Stdio::null());
        command
    };
    for milliseconds in [20, 80, 150, 250] {
        let mut up = lab().args(["up", "20"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        up.kill().unwrap();
        up.wait().unwrap();
        assert!(lab().arg("down").status().unwrap().success());
        gone(&dir);
    }
}

/// Waits a little, as the kernel ends killed processes in its own time.
fn gone(dir: &Path) {
    let start = Instant::now();
    while !processes_naming(dir).is_empty() && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(processes_naming(dir), Vec::<String>::new());
    assert!(!dir.exists());
}

fn processes_naming(dir: &Path) -> Vec<String> {
    let commands = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let bytes = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    });
    commands.filter(|command| command.contains(dir.to_str().unwrap())).collect()
}
