//! A user who plants links at the names that root's tasks will write: `~/.ssh`, `~/.config`, `.bashrc` …

use crate::support::{Lab, lab};

const HOST: &str = "login2";

/// The links are alice's; what they lead to is root's.
const PLANT: &str = "useradd -m -u 2001 alice && mkdir -p /srv/vic1 /srv/vic2 \
    && for f in a b c d; do echo root >/srv/vic$f && chmod 600 /srv/vic$f; done \
    && setpriv --reuid=2001 --regid=2001 --clear-groups sh -c 'cd ~alice && rm -rf .bashrc .profile \
    && ln -s /srv/vic1 .ssh && ln -s /srv/vic2 .config && ln -s /srv/vica .bashrc && ln -s /srv/vicb .hushlogin \
    && ln -s /srv/vicc .profile && ln -s /srv/vicd .vimrc && mkdir bin && ln -s bin tools'";

const TASKS: &str = "
- hosts: login2
  gather_facts: no
  become: yes
  tasks:
    - file: {path: /home/alice/.ssh, state: directory, owner: alice, group: alice, mode: '0700'}
      ignore_errors: yes
    - copy: {dest: /home/alice/.config/app.sh, content: 'x=1', owner: alice, group: alice}
      ignore_errors: yes
    - copy: {src: /home/alice/.vimrc, remote_src: yes, dest: /home/alice/shown, owner: alice}
      ignore_errors: yes
    - lineinfile: {path: /home/alice/.bashrc, line: 'export A=1'}
      ignore_errors: yes
    - file: {path: /home/alice/.hushlogin, state: touch, owner: alice}
      ignore_errors: yes
    - blockinfile: {path: /home/alice/.profile, block: 'umask 077', owner: alice}
      ignore_errors: yes
    - replace: {path: /home/alice/.vimrc, regexp: root, replace: alice}
      ignore_errors: yes
    - authorized_key: {user: alice, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGzt0jLk0o0pZrT7p1P4VcG2zq5m3iQm0pB9x0m1hUbb a'}
      ignore_errors: yes
    - file: {path: /home/alice/.config/app, state: link, src: /etc/motd, force: yes}
      ignore_errors: yes
    - file: {path: /home/alice/.config/old, state: absent}
      ignore_errors: yes
    - template: {src: TEMPLATE, dest: /home/alice/.config/app.conf, owner: alice}
      ignore_errors: yes
";

/// Who owns what outside of the home, with mode and content.
const VICTIMS: &str = "cd /srv && stat -c '%u %g %a %n' vic? && ls -A vic1 vic2 && cat vica vicb vicc vicd";

fn play(lab: &Lab, text: &str, more: &[&str]) -> String {
    let playbook = lab.write_temp("planted.yml", text);
    let arguments = ["play", "-i", "inventories/reference/hosts.ini", playbook.to_str().expect("UTF-8")];
    lab.enlist(&[&arguments[..], more].concat()).stdout
}

#[test]
fn planted_links_lead_root_nowhere_in_a_dry_run_and_a_real_one() {
    let lab = lab();
    lab.sh(HOST, PLANT).ok();
    let template = lab.write_temp("app.conf.j2", "x={{ 1 }}\n");
    let tasks = TASKS.replace("TEMPLATE", template.to_str().expect("UTF-8"));
    let before = lab.sh(HOST, VICTIMS).ok().stdout;
    lab.sh(HOST, "touch /srv/vic2/old").ok();
    for more in [&["--check"][..], &[]] {
        let said = play(&lab, &tasks, more);
        assert_eq!(said.matches("...ignoring").count(), 11, "{said}");
        let is_refused = |line: &&str| line.starts_with("fatal:") && line.contains("not followed");
        assert_eq!(said.lines().filter(is_refused).count(), 11, "{said}");
        assert!(said.contains("changed=0 "), "{said}");
        lab.sh(HOST, "rm /srv/vic2/old").ok();
        assert_eq!(lab.sh(HOST, VICTIMS).ok().stdout, before);
        lab.sh(HOST, "touch /srv/vic2/old; ! test -e ~alice/shown").ok();
    }
}

#[test]
fn a_users_own_links_and_those_that_the_task_names_are_followed() {
    let lab = lab();
    lab.sh(HOST, PLANT).ok();
    let tasks = "
- hosts: login2
  gather_facts: no
  become: yes
  tasks:
    - copy: {dest: /home/alice/tools/run.sh, content: 'x=1', owner: alice, group: alice}
    - file: {path: /home/alice/tools, state: directory, owner: alice, mode: '0750'}
    - lineinfile: {path: /home/alice/tools/run.sh, line: y=2}
    - file: {path: /home/alice/.hushlogin, owner: alice, follow: yes}
    - copy: {dest: /home/alice/.bashrc, content: '# of the site', follow: yes}
";
    let said = play(&lab, tasks, &[]);
    assert!(said.contains("changed=5 "), "{said}");
    assert_eq!(lab.sh(HOST, "stat -c '%U %a' ~alice/bin; cat ~alice/bin/run.sh").ok().stdout, "alice 750\nx=1\ny=2\n");
    assert_eq!(lab.sh(HOST, "stat -c %U /srv/vicb; cat /srv/vica").ok().stdout, "alice\n# of the site");
}
