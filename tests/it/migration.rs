//! A site moves between real Slurm and the built-in service, in both directions, and nothing is lost.

use super::service::Service;
use super::support::real_slurm::{RealSlurm, real_slurm};
use crate::support::enlist_path;
use std::path::Path;
use std::process::{Command, Stdio};

/// A rich tree: sub-accounts, partitions, limits at every level, `Fairshare=parent`, QOS lists of every kind,
/// coordinators, admin levels, names and descriptions with blanks.
const TREE: &str = "\
add qos high priority=100 Flags=DenyOnLimit MaxWall=1-0 GrpTRES=cpu=200 UsageFactor=2
add qos low Preempt=normal MaxTRESPerUser=gres/gpu=2 MaxSubmitJobsPerUser=4 GraceTime=60
add account research Description='AI: research, 1' Organization='Research Dept' Fairshare=10 GrpTRES=cpu=100,gres/gpu=8,mem=200G GrpTRESMins=cpu=1000 GrpTRESRunMins=cpu=500 GrpJobs=5 GrpSubmitJobs=10 GrpWall=1-02:03:00 QOS=normal,high DefaultQOS=high
add account nlp parent=research Fairshare=parent QOS+=low MaxTRESPerJob=cpu=4,mem=1500 MaxTRESPerNode=cpu=2 MaxTRESMinsPerJob=cpu=44 MaxJobs=3 MaxSubmitJobs=7 MaxWall=02:00:00 Priority=5
add account vision parent=research QOS=low MaxJobsAccrue=4 GrpJobsAccrue=9 MaxTRESRunMins=cpu=9,gres/gpu=1
add account deep parent=nlp QOS-=high MinPrioThresh=7
add account teach description='it`s: a=b' Organization=org
add user alice account=nlp partition=gpu,cpu fairshare=7 MaxJobs=0
add user alice account=vision
add user bob account=research adminlevel=Operator
add user carol account=teach fairshare=parent GrpTRES=gres/gpu=2 qos=low defaultqos=low
add user dave account=deep,teach adminlevel=Administrator
add user erin account=teach,nlp defaultaccount=nlp
modify user erin where account=teach set maxwall=10 grpwall=4-00:00:00
add coordinator account=teach names=alice
add coordinator account=research names=alice,bob
modify cluster ref set MaxJobs=50 Fairshare=3 QOS=normal,low GrpTRES=cpu=1000 MaxWall=7-0
";

/// Either side, by its `sacctmgr` in a directory.
trait Side {
    fn sacctmgr(&self) -> Command;

    #[track_caller]
    fn ok(&self, line: &str) -> String {
        let words = shell_words::split(line).unwrap();
        let out = self.sacctmgr().args(&words).stdin(Stdio::null()).output().unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(out.status.success(), "{line}: {said}{wrong}");
        said.into_owned()
    }

    fn plant(&self) {
        for line in TREE.lines() {
            self.ok(&format!("-i {line}"));
        }
    }

    fn dump(&self, directory: &Path, name: &str) -> String {
        let path = directory.join(name);
        self.ok(&format!("dump ref file={}", path.display()));
        std::fs::read_to_string(path).unwrap()
    }

    /// With `clean`: onto a cluster that is there, Slurm's `load` replaces the QOS list of its root by what is new in it.
    fn load_clean(&self, file: &Path) {
        self.ok(&format!("-i load {} clean", file.display()));
    }

    /// The QOS, which no dump has.
    fn add_qos(&self) {
        for line in TREE.lines().filter(|line| line.starts_with("add qos")) {
            self.ok(&format!("-i {line}"));
        }
    }
}

impl Side for RealSlurm {
    fn sacctmgr(&self) -> Command {
        self.command("sacctmgr")
    }
}

impl Side for Service {
    fn sacctmgr(&self) -> Command {
        let mut command = Command::new(self.path("sacctmgr"));
        command.env("ENLIST_SOCKET", self.path("socket")).env("TZ", "UTC").env_remove("ENLIST_REHEARSE");
        command
    }
}

#[track_caller]
fn same(one: &str, other: &str) {
    let differing = one.lines().zip(other.lines()).find(|(a, b)| a != b);
    assert!(one == other, "{differing:?}\n{one}\n{other}");
}

#[test]
fn from_real_slurm_and_back() {
    let (mut real, ours, here) = (real_slurm(), Service::start(), tempfile::tempdir().unwrap());
    real.plant();
    let theirs = real.dump(here.path(), "theirs");
    ours.add_qos();
    let load = format!("-i load {}", here.path().join("theirs").display());
    ours.ok(&load);
    same(&ours.dump(here.path(), "ours"), &theirs);
    assert!(ours.ok(&load).contains(" Nothing new added."));
    real.reset();
    real.add_qos();
    real.load_clean(&here.path().join("ours"));
    same(&real.dump(here.path(), "again"), &theirs);
}

#[test]
fn from_the_service_to_real_slurm_and_back() {
    let (real, ours, here) = (real_slurm(), Service::start(), tempfile::tempdir().unwrap());
    ours.plant();
    let first = ours.dump(here.path(), "ours");
    real.add_qos();
    real.load_clean(&here.path().join("ours"));
    same(&real.dump(here.path(), "theirs"), &first);
    let fresh = Service::start();
    fresh.add_qos();
    fresh.ok(&format!("-i load {}", here.path().join("theirs").display()));
    same(&fresh.dump(here.path(), "again"), &first);
}

/// What either side lists, but for the order of rows, which a dump compares.
fn listings(side: &impl Side) -> Vec<Vec<String>> {
    let all = [
        "-P show qos",
        "-P show qos format=name,description,MinPrioThresh,LimitFactor,GrpJobsAccrue,MaxTRESRunMinsPU,MaxJobsAccruePU",
        "-P show assoc wopi",
        "-P show assoc wopi format=account,user,partition,MinPrioThresh,GrpJobsAccrue,MaxJobsAccrue,MaxTRESRunMins",
        "-P show account withcoord",
        "-P show user withcoord",
        "-P show cluster format=cluster,classification,share,qos",
    ];
    let sorted = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    all.iter().map(|line| sorted(side.ok(line))).collect()
}

/// A program that is the real sacctmgr, from outside its namespaces.
fn wrapper(real: &RealSlurm, directory: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let command = real.command("sacctmgr");
    let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
    let path = directory.join("real-sacctmgr");
    let conf = real.path("slurm.conf");
    let script = format!("#!/bin/sh\nSLURM_CONF={} exec nsenter {} \"$@\"\n", conf.display(), shell_words::join(words));
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn enlist(service: &Service, words: &[&str], code: i32) -> String {
    let out = Command::new(enlist_path())
        .args(words)
        .env("ENLIST_SOCKET", service.path("socket"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(code), "{words:?}: {said}{}", String::from_utf8_lossy(&out.stderr));
    said
}

#[test]
fn import_and_export_move_everything() {
    let (mut real, ours, here) = (real_slurm(), Service::start(), tempfile::tempdir().unwrap());
    real.plant();
    real.ok("-i add user frank account=teach wckeys=w1,w2 defaultwckey=w2");
    let (theirs, listed) = (real.dump(here.path(), "theirs"), listings(&*real));
    let sacctmgr = wrapper(&real, here.path());

    let before = ours.dump(here.path(), "before");
    let import = ["import", "slurm", "--sacctmgr", &sacctmgr];
    let plan = enlist(&ours, &import, 2);
    assert!(plan.contains("sacctmgr -i add qos name=high\n") && plan.contains("     alice        nlp"), "{plan}");
    same(&ours.dump(here.path(), "untouched"), &before);
    enlist(&ours, &[&import[..], &["--yes"]].concat(), 0);
    same(&ours.dump(here.path(), "imported"), &theirs);
    assert_eq!(listings(&ours), listed);
    assert!(enlist(&ours, &import, 0).contains("Nothing to import"));

    let exported = here.path().join("exported");
    let exported = exported.to_str().unwrap();
    enlist(&ours, &["export", "slurm", "-o", exported], 0);
    real.reset();
    real.run("sh", &[&format!("{exported}/restore.sh")]).ok();
    same(&real.dump(here.path(), "restored"), &theirs);
    assert_eq!(listings(&*real), listed);

    let fresh = Service::start();
    enlist(&fresh, &["import", "slurm", "--from", exported, "--yes"], 0);
    same(&fresh.dump(here.path(), "fresh"), &theirs);
    assert_eq!(listings(&fresh), listed);
    let refused = enlist(&fresh, &["import", "slurm", "--from", here.path().to_str().unwrap()], 1);
    assert_eq!(refused, "", "a directory without qos.txt");
}
