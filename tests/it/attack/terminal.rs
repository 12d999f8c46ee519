//! Users who put what orders a terminal about into what people will read: a plan that erases its own lines, a name that
//! turns the line around.

use crate::support::{Lab, Ran, lab};

const INVENTORY: &str = "inventories/reference/hosts.ini";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

/// Erases the line above and says something else, hides what follows, turns text around, ends a string of C1, DEL.
const EVIL: &str = "x\x1b[1A\x1b[2KNothing to do\x1b[8m\u{9b}31m\u{202e}cba\u{2066}\u{200b}\x7f";

/// The same as people shall see it.
const SHOWN: &str = r"x\x1b[1A\x1b[2KNothing to do\x1b[8m\x9b31m\u{202e}cba\u{2066}\u{200b}\x7f";

/// Nothing but text, our own colours aside.
#[track_caller]
fn is_plain(ran: &Ran, what: &str) {
    let all = format!("{}{}", ran.stdout, ran.stderr);
    let mut rest = all.as_str();
    while let Some(at) =
        rest.find(|c: char| (c.is_control() && !"\n\t".contains(c)) || "\u{202e}\u{2066}\u{200b}".contains(c))
    {
        let ours = ["0;32", "0;33", "0;36", "0;31", "1;31", "1;35", "0;34", "1", "2", "0"]
            .iter()
            .find_map(|code| rest[at..].strip_prefix(&format!("\x1b[{code}m")));
        rest = ours.unwrap_or_else(|| panic!("{what}: {:?} in {all:?}", &rest[at..(at + 20).min(rest.len())]));
    }
}

#[track_caller]
fn shows(ran: &Ran, what: &str) {
    is_plain(ran, what);
    let all = format!("{}{}", ran.stdout, ran.stderr);
    assert!(all.contains(SHOWN), "{what} does not show it: {all}");
}

fn coloured(lab: &Lab, arguments: &[&str]) -> Ran {
    let mut command = lab.enlist_command(arguments);
    let out = command.env("CLICOLOR_FORCE", "1").stdin(std::process::Stdio::null()).output().expect("enlist starts");
    out.into()
}

/// alice, with that in her keys and in her name, on every host that the plan looks at.
fn prepare(lab: &Lab) {
    let line = lab.write_temp("line", &format!("command=\"{EVIL}\" {KEY}\n"));
    for host in ["login1", "login2", "login3", "login4", "master"] {
        lab.sh(
            host,
            "groupadd -g 3001 ai_team; useradd -m -u 2001 -g ai_team alice; install -d -o alice -m 700 ~alice/.ssh",
        )
        .ok();
        lab.lab(&["put", host, line.to_str().unwrap(), "/srv/line"]).ok();
        lab.sh(host, "cp /srv/line ~alice/.ssh/authorized_keys; chown alice ~alice/.ssh/*; chmod 600 ~alice/.ssh/*")
            .ok();
        // usermod refuses such a comment; whoever can write the file does not.
        let comment = r#"sed -i "s/^\(alice:.*:.*:.*:\)[^:]*\(:.*:.*\)$/\1$(sed 's/^command="\(.*\)" ssh.*/\1/; s/[\/&]/\\&/g' /srv/line)\2/" /etc/passwd"#;
        lab.sh(host, comment).ok();
    }
}

#[test]
fn what_hosts_and_files_hide_is_shown_in_plans_and_audits() {
    let lab = lab();
    prepare(&lab);
    let text = format!(
        "site: lab\ngroups:\n  ai_team: {{gid: 3001}}\nusers:\n  alice: {{uid: 2001, group: ai_team, comment: Alice, keys: [{KEY} new]}}\n"
    );
    let roster = lab.write_temp("roster.yml", &text);
    let roster = roster.to_str().unwrap();
    let site = ["-i", INVENTORY, "--roster", roster];
    shows(&coloured(&lab, &[&["plan"][..], &site].concat()), "plan");
    is_plain(&coloured(&lab, &[&["audit"][..], &site].concat()), "audit");
    is_plain(&coloured(&lab, &[&["explain", "alice"][..], &site].concat()), "explain");
    let json = lab.enlist(&[&["plan", "--json"][..], &site].concat());
    is_plain(&json, "plan --json");
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).expect("it is JSON all the same");
    assert!(plan.to_string().contains("Nothing to do"), "{plan}");
}

#[test]
fn what_hosts_and_files_hide_is_shown_in_runs_and_errors() {
    let lab = lab();
    prepare(&lab);
    let tasks = "
- hosts: login1
  become: yes
  gather_facts: no
  tasks:
    - command: sed 's/^command=.//; s/. ssh-ed.*//' /srv/line
      register: evil
    - name: a diff
      lineinfile: {path: /home/alice/.ssh/authorized_keys, line: '# more'}
    - name: a label
      command: 'true'
      loop: ['{{ evil.stdout }}']
    - name: a message
      debug: {msg: '{{ evil.stdout }}'}
    - name: an error
      command: '/nonexistent/{{ evil.stdout }}'
      ignore_errors: yes
    - name: a failure
      fail: {msg: '{{ evil.stdout }}'}
      ignore_errors: yes
";
    let playbook = lab.write_temp("play.yml", tasks);
    let playbook = playbook.to_str().unwrap();
    let run = ["play", "-i", INVENTORY, playbook, "--diff"];
    for more in [&[][..], &["-vvv"]] {
        let ran = coloured(&lab, &[&run[..], more].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        shows(&ran, "play");
        assert!(ran.stdout.contains("\x1b[0;32m"), "our own colours stay: {}", ran.stdout);
    }
    let json = lab.enlist(&[&run[..], &["--json"]].concat()).ok();
    is_plain(&json, "play --json");
    json.stdout.lines().for_each(|line| drop(serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON")));

    // A start that fails shows what the host said.
    lab.sh(
        "login1",
        "cp /srv/line /srv/said; printf '#!/bin/sh\\ncat /srv/line; exit 3\\n' >/srv/shell; chmod 755 /srv/shell",
    )
    .ok();
    lab.sh("login1", "usermod -s /srv/shell ops").ok();
    let last_words = coloured(&lab, &["play", "-i", INVENTORY, playbook, "-e", "ansible_user=ops"]);
    assert_ne!(last_words.code, 0, "{last_words:?}");
    shows(&last_words, "last words");

    let roster = lab.write_temp("roster.yml", &format!("users:\n  alice: {{uid: 1, shel: \"{EVIL}\"}}\n"));
    let refused = coloured(&lab, &["roster", "check", roster.to_str().unwrap()]);
    assert_eq!(refused.code, 1, "{refused:?}");
    is_plain(&refused, "a roster's error");
}
