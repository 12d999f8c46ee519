//! Whose word decides where a task runs and as whom: keywords by the task's variables, also where it is delegated; and
//! connection variables under all their names.

use crate::support::{Lab, Ran, lab};

/// Runs a playbook with an inventory, both texts.
fn play(lab: &Lab, inventory: &str, playbook: &str) -> Ran {
    let inventory = lab.write_temp("hosts.ini", inventory);
    let playbook = lab.write_temp("play.yml", playbook);
    lab.enlist(&["play", "-i", inventory.to_str().expect("UTF-8"), playbook.to_str().expect("UTF-8")])
}

#[test]
fn a_delegated_task_has_its_own_keywords() {
    let lab = lab();
    let inventory = "login1 ansible_host=10.0.0.1 role=daemon\nlogin2 ansible_host=10.0.0.2 role=bin\n";
    let playbook = "
- hosts: login1
  become: yes
  gather_facts: no
  vars: {people: [nobody, daemon]}
  tasks:
    - command: sh -c 'echo $(id -un) on $(hostname)'
      become_user: \"{{ item }}\"
      delegate_to: login2
      loop: \"{{ people }}\"
      register: r
    - debug: msg=\"items {{ r.results | map(attribute='stdout') | join(', ') }}\"
    - set_fact: {who: daemon}
    - command: id -un
      become_user: \"{{ who }}\"
      delegate_to: login2
      register: r
    - debug: msg=\"fact {{ r.stdout }}\"
    - command: id -un
      become_user: \"{{ role if inventory_hostname == 'login1' else 'nobody' }}\"
      delegate_to: login2
      register: r
    - debug: msg=\"host {{ r.stdout }}\"
";
    let ran = play(&lab, inventory, playbook).ok();
    for said in ["items nobody on login2, daemon on login2", "fact daemon", "host daemon"] {
        assert!(ran.stdout.contains(&format!("\"msg\": \"{said}\"")), "{said}: {}", ran.stdout);
    }
}

#[test]
fn connection_variables_count_under_their_old_names() {
    let lab = lab();
    let password = std::fs::read_to_string(lab.dir().join("opspw_password")).expect("the lab has it");
    let known = lab.dir().join("known_hosts");
    let inventory = format!(
        "old ansible_ssh_host=10.0.0.1 ansible_ssh_user=ops ansible_ssh_private_key_file={key}
newer ansible_host=10.0.0.2 ansible_ssh_host=10.0.0.1 ansible_user=root ansible_ssh_user=ops
port ansible_host=10.0.0.1 ansible_ssh_port=1
args ansible_host=10.0.0.1 ansible_ssh_args='-C -o UserKnownHostsFile=/nonexistent -o GlobalKnownHostsFile=/nonexistent'
trusted ansible_host=10.0.0.1 ansible_ssh_args='-C -o UserKnownHostsFile={known}' ansible_ssh_user=ops
sudo ansible_host=10.0.0.1 ansible_user=opspw ansible_sudo_pass={password} ansible_become=yes
exe ansible_host=10.0.0.1 ansible_user=ops ansible_become_exe=/usr/bin/doas ansible_ssh_pipelining=yes
",
        key = lab.dir().join("id_ed25519").display(),
        known = known.display(),
        password = password.trim(),
    );
    let tasks = "sh -c 'echo $(id -un)@$(hostname)'";
    let playbook = format!(
        "- hosts: all\n  gather_facts: no\n  tasks:\n    - command: {tasks}\n      register: r\n    - debug: msg=\"{{{{ \
         inventory_hostname }}}} is {{{{ r.stdout }}}}\"\n"
    );
    let ran = play(&lab, &inventory, &playbook).code(4);
    let all = [
        "old is ops@login1",
        "newer is ops@login1",
        "trusted is ops@login1",
        "sudo is root@login1",
        "exe is ops@login1",
    ];
    for said in all {
        assert!(ran.stdout.contains(&format!("\"msg\": \"{said}\"")), "{said}: {}", ran.stdout);
    }
    for host in ["port", "args"] {
        assert!(ran.stdout.contains(&format!("fatal: [{host}]: UNREACHABLE!")), "{host}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("does not know the variable `ansible_become_exe`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("pipelining"), "{}", ran.stderr);
}
