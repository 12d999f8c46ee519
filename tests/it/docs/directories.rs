//! docs/directories.md: a directory, hosts that are its clients, and a person who comes into it.

use super::page::{Page, typed};
use super::readme::{at_desk, desk, with_keys};
use crate::directory::clients::set_up;
use crate::directory::slapd::{PASSWORD, Schema, Slapd, keeper};
use crate::support::lab;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_person_comes_by_the_directory() {
    let page = Page::read("docs/directories.md");
    let lab = lab();
    let desk = desk(&lab);
    let slapd = Slapd::start(&lab, Schema::Rfc2307);
    slapd.add(&keeper(2500)).ok();
    let here = |text: &str| text.replace("ldap.example.org", "10.0.255.254");
    std::fs::write(desk.join("roster.yml"), here(&with_keys(page.take("hosts: master_node")))).unwrap();
    std::fs::copy(slapd.ca(), desk.join("ca.crt")).unwrap();
    std::fs::write(desk.join("ldap.pw"), format!("{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(desk.join("ldap.pw"), std::fs::Permissions::from_mode(0o600)).unwrap();

    let commands = page.take("enlist roster check");
    let printed = at_desk(&lab, &desk, &here(page.take("enlist directory client"))).ok().stdout;
    let printed = printed
        .replace("# ldap_default_authtok = the password of this entry", &format!("ldap_default_authtok = {PASSWORD}"));
    let printed = printed.replace("ldap_tls_cacert = ca.crt", &format!("ldap_tls_cacert = {}", slapd.ca().display()));
    ["login1", "login2"].iter().for_each(|node| set_up(&lab, node, &printed, &slapd.ca()));
    let codes = [0, 2, 0, 0];
    let steps = typed(commands);
    assert_eq!(steps.len(), codes.len());
    for (step, code) in steps.iter().zip(codes) {
        at_desk(&lab, &desk, &step.command).code(code);
    }
    assert_eq!(lab.sh("login2", "id -u gildong && getent -s files passwd gildong").code(2).stdout, "2001\n");
    // These two are what the tests of a domain controller and of a NIS master write into their rosters.
    page.take("server: ldaps://dc1");
    page.take("master: master_node");
    page.is_done();
}
