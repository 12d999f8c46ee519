//! docs/migration.md: a site comes over from a real Slurm and goes back, as the page types it.

use super::page::{Page, type_all};
use crate::service::Service;
use crate::support::enlist_path;
use crate::support::real_slurm::{RealSlurm, real_slurm};
use std::os::unix::fs::symlink;
use std::path::Path;

/// A line typed on a host that has both: the real Slurm's commands, and ours by the name `enlist`.
fn typed(real: &RealSlurm, service: &Service, here: &Path, line: &str) -> crate::support::Ran {
    let mut command = real.command("bash");
    let path = format!("{}:{}", here.join("bin").display(), std::env::var("PATH").unwrap());
    command.env("ENLIST_SOCKET", service.path("socket")).env("PATH", path);
    let line = format!("cd '{}' && {line}", here.display());
    command.args(["-c", &line]).output().unwrap().into()
}

#[test]
fn a_site_comes_over_and_goes_back() {
    let page = Page::read("docs/migration.md");
    let (mut real, here) = (real_slurm(), tempfile::tempdir().unwrap());
    std::fs::create_dir(here.path().join("bin")).unwrap();
    symlink(enlist_path(), here.path().join("bin/enlist")).unwrap();
    let plant = ["add qos high priority=100", "add account lab qos=high,normal", "add user gildong account=lab"];
    for line in plant {
        real.sacctmgr(&[&["-i"], &line.split(' ').collect::<Vec<_>>()[..]].concat()).ok();
    }
    let (first, second) = (Service::start(), Service::start());
    let import = page.take("enlist import slurm ");
    type_all(import, &[("enlist import slurm  ", 2)], |_, line| typed(&real, &first, here.path(), line));
    let again = typed(&real, &first, here.path(), "enlist import slurm").ok();
    assert!(again.stdout.contains("Nothing to import"), "{again:?}");
    let readme = Page::read("README.md");
    let line = readme.take("enlist import slurm").lines().next().expect("it has one").to_owned();
    type_all(&line, &[], |_, line| typed(&real, &first, here.path(), line));

    type_all(page.take("enlist export slurm --sacctmgr"), &[], |_, line| typed(&real, &second, here.path(), line));
    let tree = "-nP show assoc tree format=account,user,qos";
    let listed = |service: &Service| {
        let out = service.sacctmgr(&tree.split(' ').collect::<Vec<_>>());
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(listed(&first).contains("gildong"), "{}", listed(&first));
    assert_eq!(listed(&first), listed(&second));

    real.reset();
    type_all(page.take("enlist export slurm -o"), &[], |_, line| typed(&real, &first, here.path(), line));
    let theirs = real.sacctmgr(&tree.split(' ').collect::<Vec<_>>()).ok().stdout;
    assert_eq!(theirs, listed(&first));
    page.is_done();
}
