//! docs/cluster.md: the playbook, a certificate by hand, a revocation.

use super::page::{Page, type_all, typed};
use super::readme::{at_desk, desk};
use crate::support::lab;

#[test]
fn a_cluster_is_set_up_and_a_node_revoked() {
    let page = Page::read("docs/cluster.md");
    let lab = lab();
    let desk = desk(&lab);
    let playbook = page.take("enlist play");
    // A Slurm of a host's own is left alone unless the playbook is told.
    let own = "mkdir -p /opt/slurm/bin; printf '#!/bin/sh\n' >/opt/slurm/bin/sacct; chmod +x /opt/slurm/bin/sacct";
    lab.sh("login2", own).ok();
    let refused = at_desk(&lab, &desk, playbook).code(2).stdout;
    assert!(refused.contains("-e replace_slurm=yes does it all the same"), "{refused}");
    type_all(playbook, &[], |_, line| at_desk(&lab, &desk, &format!("{line} -e replace_slurm=yes")));
    lab.sh("login3", "rm /etc/enlist/pki/node.crt").ok();
    let by_hand = page.take("master$  enlist cert init");
    for step in typed(by_hand) {
        let host = step.host.as_deref().expect("each line names a host");
        step.is_as_shown(&lab.sh(host, &format!("cd /root && {}", step.command)), 0);
        // What was printed travels by the administrator's own hands.
        let other = if host == "master" { "login3" } else { "master" };
        if let Some(file) = step.command.split_once('>').and_then(|(_, rest)| rest.split_whitespace().next()) {
            let copy = lab.write_temp(file, &lab.file(host, &format!("/root/{file}")));
            lab.lab(&["put", other, copy.to_str().expect("UTF-8"), &format!("/root/{file}")]).ok();
        }
    }
    lab.sh("login3", "sacctmgr -n show cluster").ok();
    type_all(page.take("master$  enlist cert revoke"), &[], |host, line| lab.sh(host.expect("it names one"), line));
    let refused = lab.sh("login3", "sacctmgr -n show cluster").code(1);
    assert!(refused.stderr.contains("revoked"), "{refused:?}");
    page.is_done();
}
