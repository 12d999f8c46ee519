//! What real sites have in their lists: line breaks and delimiters in texts, columns of old releases, bad rows between good
//! ones, dumps of later releases, users without a default account. A row is read as it is meant, or named and passed over.

use super::service::Service;
use crate::support::enlist_path;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code, standard output and standard error.
struct Said(i32, String, String);

fn run(service: &Service, program: &str, words: &[&str], input: &str) -> Said {
    let mut command = Command::new(program);
    command.args(words).env("ENLIST_SOCKET", service.path("socket")).env("TZ", "UTC");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let out = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said(out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn import(service: &Service, words: &[&str], input: &str) -> Said {
    run(service, enlist_path(), &[&["import"], words].concat(), input)
}

#[track_caller]
fn sacct(service: &Service, words: &[&str]) -> String {
    let program = service.path("sacct");
    let Said(code, said, wrong) = run(service, program.to_str().unwrap(), words, "");
    assert_eq!(code, 0, "{wrong}");
    said
}

fn lab() -> Service {
    let service = Service::configured("AccountingStorageTRES=gres/gpu,gres/gpu:tesla");
    for line in ["add account lab,other", "add user ada,bo account=lab", "add user bo account=other"] {
        let words: Vec<_> = ["-i"].into_iter().chain(line.split(' ')).collect();
        assert!(service.sacctmgr(&words).status.success(), "{line}");
    }
    service
}

const DAY: [&str; 5] = ["-a", "-S", "2022-09-10", "-E", "2022-09-11"];

#[test]
fn names_and_submit_lines_have_line_breaks() {
    let service = lab();
    let list = "JobID|JobIDRaw|JobName|User|Account|State|Submit|Start|End|NCPUS|SubmitLine|WorkDir\n\
        1|1|two\nlines|ada|lab|COMPLETED|1662800000|1662800001|1662800900|4|sbatch job.sh|/home/ada\n\
        1.batch|1.batch|batch||lab|COMPLETED|1662800001|1662800001|1662800900|4||\n\
        2|2|wrap|ada|lab|COMPLETED|1662800000|1662800001|1662803601|8|sbatch --wrap cd /data\n./step1\n\n./step2|/home/ada\n\
        3|3|plain|ada|lab|COMPLETED|1662800000|1662800001|1662800002|1|sbatch c.sh|/home/ada\n"
        .replace('|', "\u{1f}");
    let Said(code, said, wrong) = import(&service, &["jobs", "--delimiter=\u{1f}", "-"], &list);
    assert_eq!((code, wrong.as_str()), (0, ""));
    assert!(said.starts_with("3 jobs added, 0 changed, 0 unchanged, 1 step\n"), "{said}");
    let listed = sacct(&service, &[&DAY[..], &["-nP", "-ojobid,jobname,cputimeraw,submitline"]].concat());
    assert_eq!(
        listed,
        "1|two\nlines|3596|sbatch job.sh\n1.batch|batch|3596|\n2|wrap|28800|sbatch --wrap cd /data\n./step1\n\n./step2\n\
         3|plain|1|sbatch c.sh\n"
    );
    let table = sacct(&service, &[&DAY[..], &["-nX", "-ojobid,jobname"]].concat());
    assert_eq!(table.lines().count(), 3, "a table has one line for each: {table}");
}

#[test]
fn texts_have_delimiters() {
    let service = lab();
    let list = "JobIDRaw|JobName|User|Account|State|Submit|Start|End|NCPUS|Comment|SubmitLine\n\
        1|a|b|ada|lab|COMPLETED|1662800000|1662800001|1662800002|1|x|y|sbatch -J 'a|b' j\n\
        2|plain|ada|lab|FAILED|1662800000|1662800001|1662800002|1||sort|uniq\n";
    let Said(code, said, wrong) = import(&service, &["jobs", "-"], list);
    assert_eq!((code, wrong.as_str()), (0, ""), "{said}");
    let listed = sacct(&service, &[&DAY[..], &["-nPX", "-ojobid,state,account,ncpus,jobname"]].concat());
    assert_eq!(listed, "1|COMPLETED|lab|1|a|b\n2|FAILED|lab|1|plain\n");
}

#[test]
fn one_bad_row_stops_no_other_and_a_cell_that_describes_costs_no_job() {
    let service = lab();
    let list = "\u{feff}\n\nJobIDRaw|JobName|User|Account|State|Submit|Start|End|NCPUS|MaxRSS|Priority\n\
        1|a|ada|lab|COMPLETED|1662800000|1662800001|1662800002|1||high\n\
        2|b|ada|lab|COMPLETED|1662800000|soon|1662800002|1||1\n\
        2.0|b|||COMPLETED|1662800000|1662800001|1662800002|1||\n\
        junk\n\
        3|c|ada|lab|COMPLETED|1662800000|1662800001|1662800002|1||1\n\
        3.0|c|||COMPLETED|1662800000|1662800001|1662800002|1|16?|\n";
    let Said(code, _, wrong) = import(&service, &["jobs", "-"], list);
    assert_eq!(code, 1);
    assert!(wrong.contains("standard input:5:34: Start `soon` cannot be read\n"), "{wrong}");
    assert!(wrong.contains("nothing was imported\n  = help: --skip-bad passes over such lines"), "{wrong}");
    let Said(code, said, wrong) = import(&service, &["jobs", "--skip-bad", "-"], list);
    assert_eq!(code, 2, "rows were passed over: {wrong}");
    assert!(wrong.contains(":4:59: Priority `high` cannot be read; it is left out\n"), "{wrong}");
    assert!(wrong.contains(":9:54: MaxRSS `16?` cannot be read; it is left out\n"), "{wrong}");
    assert!(said.starts_with("2 jobs added, 0 changed, 0 unchanged, 1 step\n"), "{said}");
    assert!(said.contains("\n2 cells could not be read and were left out\n"), "{said}");
    assert_eq!(sacct(&service, &[&DAY[..], &["-nPX", "-ojobid,ncpus"]].concat()), "1|1\n3|1\n");
}

#[test]
fn lists_of_old_releases_say_what_they_lack() {
    let service = lab();
    let old = "JobID|JobIDRaw|User|Account|State|ExitCode|NCPUS|Submit|Start|End|MaxRSS\n\
        1|1|ada|lab|NODE_FAIL|1:0|8|2016-09-23T18:44:37|2016-09-23T18:44:37|2016-09-23T20:06:24|\n\
        1.0|1.0|||CANCELLED by 1000|-2:0|8|2016-09-23T18:44:37|2016-09-23T18:44:37|2016-09-23T20:06:24|16?\n\
        2|2|ada|lab|CANCELLED|0:0|8|2016-09-23T18:44:37|1970-01-01T00:00:00|2016-09-23T20:06:24|\n";
    let Said(code, said, wrong) = import(&service, &["jobs", "-"], old);
    assert_eq!(code, 0, "{wrong}");
    assert!(said.starts_with("2 jobs added, 0 changed, 0 unchanged, 1 step\n") && !said.contains("QOS"), "{said}");
    assert_eq!(
        sacct(&service, &["-nP", "-j1,2", "-ojobid,exitcode,start"]),
        "\
        1|1:0|2016-09-23T18:44:37\n1.0|126:0|2016-09-23T18:44:37\n2|0:0|Unknown\n"
    );
    let bare = "JobIDRaw|JobName|User|Account|State|Submit|Eligible|Start|End|ReqGRES|Typo\n\
        7|x|ada|lab|COMPLETED|1662800000|1662800000|1662800001|1662803601|gpu:2|\n";
    let Said(code, said, _) = import(&service, &["jobs", "-"], bare);
    assert!(code == 0 && said.starts_with("1 job added, "), "{said}");
    assert!(said.contains("\nthe list has none of the columns AllocTRES, AllocCPUS, NCPUS: how many CPUs"), "{said}");
    assert!(said.contains("\nthe columns ReqGRES, Typo were passed over"), "{said}");
    assert_eq!(sacct(&service, &["-nPX", "-j7", "-ojobid,ncpus,cputimeraw,alloctres"]), "7|||\n", "unknown is not 0");
    let gres = "JobIDRaw|User|Account|State|Submit|Start|End|NCPUS|AllocGRES\n\
        8|ada|lab|COMPLETED|1662800000|1662800001|1662803601|4|gpu:tesla:2\n\
        9|ada|lab|COMPLETED|1662800000|1662800001|1662803601|4|gpu:3\n";
    assert_eq!(import(&service, &["jobs", "-"], gres).0, 0);
    let listed = sacct(&service, &["-nPX", "-j8,9", "-ojobid,alloctres"]);
    assert_eq!(listed, "8|cpu=4,gres/gpu:tesla=2,gres/gpu=2\n9|cpu=4,gres/gpu=3\n");
}

#[test]
fn energy_that_nobody_measured_is_not_none_that_was_used() {
    let service = lab();
    let list = "JobIDRaw|User|Account|State|Submit|Start|End|ConsumedEnergy|ConsumedEnergyRaw|AllocTRES\n\
        1|ada|lab|COMPLETED|1662800000|1662800001|1662800002|||billing=1,cpu=1\n\
        2|ada|lab|COMPLETED|1662800000|1662800001|1662800002|0|0|billing=1,cpu=1\n\
        3|ada|lab|COMPLETED|1662800000|1662800001|1662800002|4.5K|4500|billing=1,cpu=1,energy=4500\n\
        3.batch|||COMPLETED|1662800000|1662800001|1662800002|||cpu=1\n\
        4|ada|lab|COMPLETED|1662800000|1662800001|1662800002||18446744073709551614|cpu=1,energy=18446744073709551614\n";
    assert_eq!(import(&service, &["jobs", "-"], list).0, 0);
    let listed = sacct(&service, &[&DAY[..], &["-nP", "-ojobid,consumedenergy,consumedenergyraw"]].concat());
    assert_eq!(listed, "1||\n2|0|0\n3|4.50K|4500\n3.batch||\n4||\n");
}

#[test]
fn twenty_thousand_jobs_are_asked_for_at_once() {
    let service = lab();
    let list = "JobIDRaw|JobName|User|Account|State|Submit|Start|End|NCPUS\n\
        7|run\tof the long series|ada|lab|COMPLETED|1662800000|1662800001|1662800002|1\n\
        19999|❤️❤️❤️❤️❤️ night run|ada|lab|COMPLETED|1662800000|1662800001|1662800002|1\n";
    assert_eq!(import(&service, &["jobs", "-"], list).0, 0);
    let numbers: Vec<_> = (1..=20_000).map(|number| number.to_string()).collect();
    assert_eq!(sacct(&service, &["-XnP", "-ojobid", "-j", &numbers.join(",")]), "7\n19999\n");
    let names: Vec<_> = numbers.iter().map(|number| format!("n{number}")).chain(["lab".into()]).collect();
    let names = names.join(",");
    let of_lab = [&DAY[..], &["-XnP", "-ojobid", "-A", &names]].concat();
    assert_eq!(sacct(&service, &of_lab), "7\n19999\n");
    let table = sacct(&service, &[&DAY[..], &["-Xn", "-ojobname"]].concat());
    assert_eq!(table, "run\tof th+ \n❤️❤️❤️❤️ + \n");
}

#[test]
fn events_are_read_past_bad_rows_and_with_any_reason() {
    let service = lab();
    let list = "Cluster|NodeName|TimeStart|TimeEnd|StateRaw|Reason|User|TRES\n\
        ref|n1|1662800000|1662800900|1|fan | broken\nagain|root(0)|cpu=4\n\
        ref|n2|soon|1662800900|1|x|root(0)|cpu=4\n\
        nowhere|n3|1662800000|1662800900|1|x|root(0)|cpu=4\n\
        ref|n4|1662800000|1662800900|1|y|root(0)|cpu=4\n";
    let Said(code, said, wrong) = import(&service, &["events", "-"], list);
    assert_eq!((code, said.as_str()), (1, ""), "{wrong}");
    let Said(code, said, wrong) = import(&service, &["events", "--skip-bad", "-"], list);
    assert_eq!(
        (code, said.as_str()),
        (2, "2 events added, 0 changed, 0 unchanged\n2 lines could not be read and passed over\n")
    );
    assert!(wrong.contains("standard input:4:8: TimeStart `soon` cannot be read\n"), "{wrong}");
    assert!(wrong.contains("standard input:5:1: there is no cluster `nowhere` here"), "{wrong}");
    let shown = service.sacctmgr(&["-nP", "show", "event", "start=2022-09-01", "format=nodename,reason"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "n1|fan | broken\nagain\nn4|y\n");
}

/// A directory as `enlist export slurm --sacctmgr` makes it.
fn captured(directory: &Path, dump: &str) {
    let normal = "normal|Normal QOS default|0|00:00:00|||cluster|||1.000000||||||||||||||||||||||||\n";
    let long = "long|three days|10|00:00:00|||cluster|DenyOnLimit||1.000000|||||||||||||2-00:00:00|||||||||||\n";
    std::fs::write(directory.join("qos.txt"), format!("{normal}{long}")).unwrap();
    std::fs::write(directory.join("ref.cfg"), dump).unwrap();
    std::fs::write(directory.join("accounts.txt"), "root\nlab\nempty\n").unwrap();
    std::fs::write(directory.join("users.txt"), "root\nada\nlonely\n").unwrap();
}

/// What `sacctmgr dump` of 25.05 and later begins with.
const LATER: &str = "# to be read by load\n\
    QOS - 'normal':Description='normal qos default'\n\
    QOS - 'long':Description='three days':Flags='DenyOnLimit':MaxWallDurationPerJob=2880:PreemptExemptTime=60:Priority=10\n\
    Cluster - 'ref':Fairshare=1:QOS='normal'\n\
    Parent - 'root'\n\
    User - 'root':DefaultAccount='root':AdminLevel='Administrator':Fairshare=1\n\
    Account - 'lab':Description='lab':Organization='uni':Comment='c':Lineage='/lab/':Fairshare=10:QOS='+long'\n\
    Parent - 'lab'\n\
    User - 'ada':DefaultAccount='lab':Fairshare=1\n";

#[test]
fn dumps_of_later_releases_are_loaded_and_imported() {
    let (service, here) = (Service::start(), tempfile::tempdir().unwrap());
    captured(here.path(), LATER);
    let file = here.path().join("ref.cfg");
    let load = service.sacctmgr(&["-i", "load", file.to_str().unwrap()]);
    assert!(load.status.success(), "{load:?}");
    let qos = |service: &Service| {
        let out = service.sacctmgr(&["-nP", "show", "qos", "format=name,flags,maxwall,priority"]);
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(qos(&service), "normal|||0\nlong|DenyOnLimit|2-00:00:00|10\n");
    let exempt = service.sacctmgr(&["-nP", "show", "qos", "long", "format=preemptexempttime"]);
    assert_eq!(String::from_utf8_lossy(&exempt.stdout), "00:01:00\n", "a dump has seconds");
    let again = service.sacctmgr(&["-i", "load", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&again.stdout).contains(" Nothing new added."), "{again:?}");

    let (fresh, from) = (Service::start(), here.path().to_str().unwrap());
    let Said(code, said, wrong) = import(&fresh, &["slurm", "--from", from], "");
    assert_eq!(code, 2, "{wrong}");
    assert!(said.contains("accounts without an association stay behind: empty\n"), "{said}");
    assert!(said.contains("users without an association stay behind: lonely\n"), "{said}");
    assert_eq!(qos(&fresh), "normal|||0\n", "nothing was changed");
    assert_eq!(import(&fresh, &["slurm", "--from", from, "--yes"], "").0, 0);
    assert_eq!(qos(&fresh), "normal|||0\nlong|DenyOnLimit|2-00:00:00|10\n");
    let Said(code, said, wrong) = import(&fresh, &["slurm", "--from", from], "");
    assert!(code == 0 && said.ends_with("Nothing to import: the service has it all.\n"), "{said}{wrong}");
}

#[test]
fn an_import_that_is_refused_half_way_leaves_nothing() {
    let (service, here) = (Service::start(), tempfile::tempdir().unwrap());
    captured(here.path(), &LATER.replace("Fairshare=10", "Nonsense=10"));
    let Said(code, _, wrong) = import(&service, &["slurm", "--yes", "--from", here.path().to_str().unwrap()], "");
    assert_eq!(code, 1);
    assert!(wrong.contains("Nonsense=10"), "{wrong}");
    // A threshold of an association that is not there is found only when all else is done.
    captured(here.path(), LATER);
    std::fs::write(here.path().join("thresholds.txt"), "ref|lab|nobody||7\n").unwrap();
    let Said(code, _, wrong) = import(&service, &["slurm", "--yes", "--from", here.path().to_str().unwrap()], "");
    assert!(code == 1 && wrong.contains("MinPrioThresh=7"), "{code} {wrong}");
    let left = service.sacctmgr(&["-nP", "show", "qos", "format=name"]);
    assert_eq!(String::from_utf8_lossy(&left.stdout), "normal\n");
}

/// One bad line, QOS or threshold of a live import or a captured one does not stop the others; each is named and counted.
#[test]
fn an_import_of_a_site_passes_over_what_is_refused() {
    let (service, here) = (Service::start(), tempfile::tempdir().unwrap());
    let dump = "Cluster - 'ref':Fairshare=1:QOS='normal'\nQOS - 'normal':Priority=0\nParent - 'root'\n\
        Account - 'lab':Description='lab':Organization='lab':Fairshare=1\n\
        Account - 'new':Description='new':Organization='new':Fairshare=1:GrpTRES=gres/never=2\n\
        Parent - 'lab'\nUser - 'ada':DefaultAccount='lab':Fairshare=1\nUser - 'bo':DefaultAccount='lab':Nonsense=10\n\
        User - 'cy':DefaultAccount='lab':Fairshare=1\n\
        Parent - 'new'\nUser - 'ada':Fairshare=1\nUser - 'dan':DefaultAccount='new':Fairshare=1\n";
    captured(here.path(), dump);
    let qos = std::fs::read_to_string(here.path().join("qos.txt")).unwrap();
    let strange = qos.lines().nth(1).unwrap().replace("long|", "odd|").replace("DenyOnLimit", "NoSuchFlag");
    std::fs::write(here.path().join("qos.txt"), format!("{qos}short|of fields\n{strange}\n")).unwrap();
    std::fs::write(here.path().join("thresholds.txt"), "ref|lab|nobody||7\nref|lab|ada||5\n").unwrap();
    let from = here.path().to_str().unwrap();
    let Said(code, _, wrong) = import(&service, &["slurm", "--yes", "--from", from], "");
    assert!(code == 1 && wrong.contains("qos.txt:3: ") && wrong.contains("--skip-bad"), "{code} {wrong}");
    for (yes, left) in [(false, "Nothing was changed. Do it with --yes.\n"), (true, "")] {
        let words: Vec<_> = ["slurm", "--skip-bad", "--from", from].into_iter().chain(yes.then_some("--yes")).collect();
        let Said(code, said, wrong) = import(&service, &words, "");
        assert_eq!(code, 2, "{said}{wrong}");
        assert!(said.contains("8 rows could not be taken in and passed over") && said.ends_with(left), "{said}");
        let told: Vec<_> = wrong.lines().filter_map(|line| line.strip_prefix("warning: ")).collect();
        for (line, part) in told.iter().zip([
            "passed over: qos.txt:3: ",
            "passed over: sacctmgr -i modify qos where name=odd",
            "passed over: ref.cfg:5: ",
            "passed over: ref.cfg:8: ",
            "passed over: ref.cfg:10: ",
            "and the 2 lines below it",
            "passed over: sacctmgr -i modify user nobody",
        ]) {
            assert!(line.contains(part), "{part}: {told:#?}");
        }
        assert_eq!(told.len(), 7, "{told:#?}");
    }
    let shown = service.sacctmgr(&["-nP", "show", "assoc", "wopi", "format=account,user,minpriothresh"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let shown: std::collections::BTreeSet<_> = shown.lines().collect();
    assert_eq!(shown, ["root||", "root|root|", "lab||", "lab|ada|5", "lab|cy|"].into());
    let shown = service.sacctmgr(&["-nP", "show", "qos", "format=name"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "normal\nlong\nodd\n");
    let Said(code, said, _) = import(&service, &["slurm", "--skip-bad", "--from", from], "");
    assert!(code == 2 && said.contains("Nothing else is to import."), "{code} {said}");
}

#[test]
fn a_user_without_default_account_is_imported_once() {
    let (service, here) = (Service::start(), tempfile::tempdir().unwrap());
    let dump = "Cluster - 'ref':Fairshare=1:QOS='normal'\nParent - 'root'\n\
        Account - 'd2':Description='d2':Organization='d2':Fairshare=1\nParent - 'd2'\n\
        User - 'du':DefaultAccount='(null)':DefaultWCKey='(null)':Fairshare=1\n";
    captured(here.path(), dump);
    let from = here.path().to_str().unwrap();
    assert_eq!(import(&service, &["slurm", "--yes", "--from", from], "").0, 0);
    let Said(code, said, wrong) = import(&service, &["slurm", "--from", from], "");
    assert_eq!(code, 0, "{said}{wrong}");
    let shown = service.sacctmgr(&["-nP", "show", "assoc", "user=du", "format=account,user"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "d2|du\n");
}

/// The text by which portals tell that somebody still has jobs.
#[test]
fn who_has_jobs_is_not_removed() {
    let service = lab();
    assert!(service.sacctmgr(&["-i", "add", "user", "cy", "account=lab", "partition=cpu"]).status.success());
    assert!(service.sacctmgr(&["-i", "add", "user", "dan", "account=lab"]).status.success());
    let list = "JobIDRaw|User|Account|Partition|State|Submit|Eligible|Start|End|NCPUS\n\
        1|ada|lab|cpu|RUNNING|1795900000|1795900000|1795900001|Unknown|1\n\
        2|bo|other|cpu|PENDING|1795900000|1795900000|Unknown|Unknown|1\n\
        3|cy|lab|cpu|SUSPENDED|1795900000|1795900000|1795900001|Unknown|1\n\
        4|dan|lab|cpu|COMPLETED|1795900000|1795900000|1795900001|1795900002|1\n";
    assert_eq!(import(&service, &["jobs", "-"], list).0, 0);
    let head = " Error with request: Job(s) active, cancel job(s) before remove\n";
    let one = "  JobID = 1          C = ref        A = lab        U = ada      \n";
    let two = "  JobID = 2          C = ref        A = other      U = bo       \n";
    let three = "  JobID = 3          C = ref        A = lab        U = cy        P = cpu\n";
    for (words, jobs) in [
        ("delete user ada account=lab", vec![one]),
        ("delete user ada", vec![one]),
        ("delete account other", vec![two]),
        ("delete user bo", vec![two]),
        ("delete user cy account=lab partition=cpu", vec![three]),
        ("delete account lab,other", vec![one, two, three]),
        ("delete cluster ref", vec![one, two, three]),
    ] {
        let words: Vec<_> = ["-i"].into_iter().chain(words.split(' ')).collect();
        let out = service.sacctmgr(&words);
        assert_eq!(out.status.code(), Some(1), "{words:?}");
        assert_eq!(String::from_utf8_lossy(&out.stderr), head.to_owned() + &jobs.concat(), "{words:?}");
    }
    assert!(service.sacctmgr(&["-i", "delete", "user", "dan"]).status.success(), "its job has ended");
}
