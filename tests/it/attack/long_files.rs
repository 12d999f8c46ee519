//! A user who makes a file that is longer than memory (`truncate -s 10G`) where root's tasks read, copy and keep files.

use super::{figure, is_long};
use crate::support::lab;

/// The last task's program is a child of the agent, and tells how much memory that took at most.
const PLAYBOOK: &str = "
- hosts: login1
  become: yes
  gather_facts: no
  tasks:
    - stat: {path: /home/mallory/long}
      register: looked
    - slurp: {src: /home/mallory/long}
      register: slurped
      ignore_errors: yes
    - lineinfile: {path: /home/mallory/long, line: x, backup: yes}
      register: lined
      ignore_errors: yes
    - copy: {src: /home/mallory/long, dest: /srv/copied, remote_src: yes, mode: '0600', validate: test -s %s}
      register: copied
    - copy: {src: /home/mallory/long, dest: /srv/copied, remote_src: yes}
      register: again
    - copy: {dest: /home/mallory/long, content: 'short', backup: yes}
      register: replaced
    - stat: {path: '{{ replaced.backup_file }}'}
      register: kept
    - assert:
        that:
          - looked.stat.checksum == copied.checksum and copied is changed and again is not changed
          - copied.size == looked.stat.size and copied.mode == '0600'
          - slurped.msg is search('slurp returns at most 11 MiB')
          - lined.msg is search('longer than 64 MiB')
          - kept.stat.checksum == looked.stat.checksum
    - shell: sed -n 's/^VmHWM:[^0-9]*//p' /proc/$PPID/status
      register: peak
    - debug: {msg: 'agent {{ peak.stdout }}'}
";

#[test]
fn a_file_that_is_longer_than_memory_fills_neither_memory_nor_disk() {
    let lab = lab();
    let size = if is_long() { "10G" } else { "70M" };
    let make = format!(
        "useradd -m mallory && cd /home/mallory && printf begin >long && truncate -s {size} long && printf end >>long && \
         chown mallory: long"
    );
    lab.sh("login1", &make).ok();
    let playbook = lab.write_temp("long.yml", PLAYBOOK);
    let ran = lab.enlist(&["play", "-i", "inventories/reference/hosts.ini", playbook.to_str().expect("UTF-8")]).ok();
    let peak = ran.stdout.split("agent ").nth(1).and_then(|rest| rest.split(' ').next()).expect("it is shown");
    let peak = peak.parse::<usize>().expect("a number of KiB") / 1024;
    assert!(peak < 32, "{peak} MB: {}", ran.stdout);
    // Two copies of the long file, and they take no room.
    let room = "cd /home/mallory && du -cm /srv/copied long.*~ | tail -1 | cut -f1; ls -A . /srv | grep enlist; true";
    assert_eq!(lab.sh("login1", room).ok().stdout, "1\n");
    figure(&format!("a sparse file of {size}"), format_args!("the agent took {peak} MB at most"));
}
