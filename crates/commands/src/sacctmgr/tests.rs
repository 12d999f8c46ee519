//! What the recorded cases cannot show: effects that no listing of release 22.05 has, and words of later releases.

use super::*;
use slurm::founding;
use slurm::settings::Settings;
use words::people::{Listed, NOBODY, People, Uid};

struct Clock(i64);

impl World for Clock {
    fn people(&self) -> &dyn People {
        &NOBODY
    }

    fn now(&self) -> i64 {
        self.0
    }

    fn local_time(&self, seconds: i64) -> String {
        seconds.to_string()
    }
}

/// A host with these people.
struct Host(Listed);

impl World for Host {
    fn people(&self) -> &dyn People {
        &self.0
    }

    fn now(&self) -> i64 {
        500
    }

    fn local_time(&self, seconds: i64) -> String {
        seconds.to_string()
    }
}

fn argv(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn says(state: &mut State, line: &str) -> String {
    let reply = run(state, &Caller::root(), &Clock(500), &argv(&format!("-inP {line}")), &[]);
    assert_eq!((reply.code, reply.stderr.as_str()), (0, ""), "{line}");
    state.commit();
    reply.stdout
}

/// Account `lab` below `physics`, with ann in it.
fn site() -> State {
    let mut state = State::default();
    founding::found(&mut state, "ref", &["gres/gpu".into()], 0);
    for line in ["add account physics", "add account lab parent=physics", "add user ann account=lab"] {
        says(&mut state, line);
    }
    state
}

#[test]
fn usage_is_reset_for_all_below() {
    let mut state = site();
    let ann = state.of_user("ann").next().unwrap().id;
    assert_eq!(state.usage_reset(ann), None);
    says(&mut state, "modify account physics set rawusage=0");
    assert_eq!(state.usage_reset(ann), Some(500));
    says(&mut state, "modify qos normal set rawusage=0 priority=3");
    let qos = state.qos_named("normal").unwrap();
    assert_eq!((qos.usage_reset, qos.priority), (Some(500), 3));
}

#[test]
fn one_missing_association_resets_nothing() {
    let mut state = site();
    let reply = run(&mut state, &Caller::root(), &Clock(500), &argv("-i modify account lab,nope set rawusage=0"), &[]);
    assert_eq!((reply.code, state.usage_resets.iter().count()), (1, 0));
    let ann = Caller::new(Uid(2001), "ann", &Settings::default());
    let reply = run(&mut state, &ann, &Clock(500), &argv("-i modify account lab set rawusage=0"), &[]);
    assert_eq!((reply.code, state.usage_resets.iter().count()), (1, 0));
}

#[test]
fn users_of_an_account_can_all_be_its_coordinators() {
    let mut state = site();
    let ann = Caller::new(Uid(2001), "ann", &Settings::default());
    assert!(!ann.coordinates(&state, "ref", "lab"));
    says(&mut state, "modify account lab set flags=UsersAreCoords");
    assert!(ann.coordinates(&state, "ref", "lab") && !ann.coordinates(&state, "ref", "physics"));
    assert_eq!(ann.coordinated(&state), ["lab".to_owned()].into());
    assert_eq!(says(&mut state, "show account format=account,flags flags=userSareCoords"), "lab|UsersAreCoords\n");
    says(&mut state, "modify account lab set flags-=UsersAreCoords");
    assert!(!ann.coordinates(&state, "ref", "lab"));
}

#[test]
fn words_of_later_releases() {
    let mut state = site();
    says(&mut state, "modify user ann set comment=guest");
    let line = says(&mut state, "show assoc user=ann format=user,comment,lineage");
    assert_eq!(line, "ann|guest|/physics/lab/0-ann/\n");
    says(&mut state, "modify user ann set maxtrespj=cpu=3 maxtrespn=cpu=2 maxtresminspj=cpu=60");
    assert_eq!(says(&mut state, "show assoc user=ann format=maxtrespj,maxtrespn,maxtresmins"), "cpu=3|cpu=2|cpu=60\n");
    says(&mut state, "modify qos normal set flags=relative,DenyOnLimit maxtresrunminsperaccount=cpu=9");
    let line = says(&mut state, "show qos normal format=flags,maxtresrunminspa");
    assert_eq!(line, "DenyOnLimit,Relative|cpu=9\n");
}

#[test]
fn a_condition_on_users_never_means_accounts() {
    let mut state = site();
    let said = says(&mut state, "modify account where user=ann set maxjobs=2");
    assert!(said.contains("U = ann") && !said.contains(" of root"), "{said}");
    assert_eq!(says(&mut state, "show assoc account=lab user= format=maxjobs"), "\n");
}

#[test]
fn amounts_of_tres_are_added_and_taken_away_as_in_25_11() {
    let mut state = site();
    for (entity, show) in [
        ("account lab", "assoc account=lab user="),
        ("user ann", "assoc user=ann"),
        ("cluster ref", "assoc cluster=ref account=root user="),
        ("qos normal", "qos normal"),
    ] {
        let all = ["GrpTRES", "MaxTRES", "MaxTRESPerNode", "MaxTRESMins", "GrpTRESMins", "GrpTRESRunMins"];
        // A cluster cannot have the last two.
        for limit in if entity == "cluster ref" { &all[..4] } else { &all } {
            let mut set = |value: &str| {
                says(&mut state, &format!("modify {entity} set {limit}{value}"));
                says(&mut state, &format!("show {show} format={limit}"))
            };
            assert_eq!(set("=cpu=10,mem=32G"), "cpu=10,mem=32G\n", "{entity} {limit}");
            assert_eq!(set("=mem-=8G,gres/gpu+=2"), "cpu=10,gres/gpu=2,mem=24G\n", "{entity} {limit}");
            assert_eq!(set("-=cpu=3"), "cpu=7,gres/gpu=2,mem=24G\n", "{entity} {limit}");
            assert_eq!(set("+=cpu=4,gres/gpu-=1"), "cpu=11,gres/gpu=1,mem=24G\n", "{entity} {limit}");
            assert_eq!(set("-=cpu=99,node=1"), "cpu=0,gres/gpu=1,mem=24G,node=0\n", "{entity} {limit}");
            assert_eq!(set("=cpu=-1,node=-1,mem=-1,gres/gpu=-1"), "\n", "{entity} {limit}");
        }
        let before = says(&mut state, &format!("show {show} format=grptres,maxjobs"));
        for wrong in ["grptres+=cpu=-1", "grptres=cpu-=-1", "grptres-=nope=1", "grpjobs+=1", "grpwall-=1"] {
            let line = argv(&format!("-i modify {entity} set {wrong}"));
            let reply = run(&mut state, &Caller::root(), &Clock(500), &line, &[]);
            assert_eq!(reply.code, 1, "{entity} {wrong}: {}", reply.stdout);
            assert!(!reply.stderr.is_empty() && !state.has_changes(), "{entity} {wrong}");
        }
        assert_eq!(says(&mut state, &format!("show {show} format=grptres,maxjobs")), before);
    }
}

/// SchedMD's tests 21.1 and 21.2 look for these.
#[test]
fn help_and_usage_say_what_is_looked_for() {
    for option in ["--help", "--usage"] {
        let reply = run(&mut State::default(), &Caller::root(), &Clock(500), &argv(option), &[]);
        for words in ["commit changes immediately", "display tool version number", "add cluster"] {
            assert!(reply.stdout.contains(words), "{option}: {words}");
        }
    }
}

#[test]
fn who_is_there_already_is_not_told_to_the_quiet() {
    let mut state = site();
    let mut said = |options: &str| {
        let line = argv(&format!("{options} add user ann account=lab"));
        let reply = run(&mut state, &Caller::root(), &Clock(500), &line, &[]);
        (reply.code, reply.stderr)
    };
    assert_eq!(said("-i"), (1, " Already exists: user ann in account lab\n".to_owned()));
    assert_eq!(said("-iQ"), (1, String::new()));
}

/// What becomes of a command of root where the host knows kim, knows nobody, and cannot say.
fn three_answers(line: &str) -> [Reply; 3] {
    let hosts = [Listed::new(&[("kim", 2001), ("ann", 2002)], &[]), Listed::default(), Listed::down("no answer")];
    hosts.map(|people| run(&mut site(), &Caller::root(), &Host(people), &argv(line), &[]))
}

#[test]
fn users_are_not_unknown_because_a_directory_is_down() {
    let down = "sacctmgr: error: users cannot be looked up now: no answer";
    let [there, absent, unknown] = three_answers("add user kim account=lab");
    assert_eq!(there.question.as_deref(), Some("Would you like to commit changes?"));
    assert!(absent.question.is_some_and(|question| question.starts_with("There is no uid for user 'kim'")));
    assert_eq!((unknown.question, unknown.code), (None, 1));
    assert_eq!(unknown.stderr, format!("{down}; nothing was changed\n"));
    let [immediate, ..] = three_answers("-i add user kim account=lab").map(|reply| reply.code);
    assert_eq!(immediate, 0, "nothing is asked, so nothing is looked up");

    for line in ["modify job where user=kim set comment=x", "modify job where user=2001 set comment=x"] {
        let [there, absent, unknown] = three_answers(line).map(|reply| reply.stderr);
        assert!(!there.contains("Invalid user"), "{there}");
        assert!(absent.starts_with("sacctmgr: error: Invalid user id: "), "{absent}");
        assert_eq!(unknown, format!("{down}; nothing was changed\n"));
    }
    let [.., stored] = three_answers("modify job where user=ann set comment=x").map(|reply| reply.stderr);
    assert!(!stored.contains("cannot be looked up"), "the name is stored: {stored}");
}

#[test]
fn listings_say_what_nobody_knows_now() {
    let [there, absent, unknown] = three_answers("-nP show problem");
    let stranger = "||ann|User does not have a uid";
    assert!(!there.stdout.contains(stranger) && absent.stdout.contains(stranger), "{}", absent.stdout);
    assert!(!unknown.stdout.contains("uid"), "{}", unknown.stdout);
    assert_eq!((there.code, absent.code, unknown.code), (0, 0, 1));
    let said = "users cannot be looked up now: no answer; who does not have a uid is not listed";
    assert!(unknown.stderr.contains(said), "{}", unknown.stderr);

    let [there, absent, unknown] = three_answers("-nP show event user=kim").map(|reply| reply.stderr);
    assert_eq!((there.as_str(), absent.as_str()), ("", "sacctmgr: error: Invalid user id: kim\n"));
    assert_eq!(unknown, "sacctmgr: error: users cannot be looked up now: no answer\n");
}
