use super::*;
use crate::founding::found;
use crate::model::qos::QosFlag;
use crate::model::tres::{BILLING, CPU, FIRST_CONFIGURED, MEM, NODE};
use crate::model::{AssociationKey, Limit, LimitKey, Limits, Qos, QosSet};
use crate::tree::{Seed, Settings, grow};
use std::sync::LazyLock;

const GPU: TresId = FIRST_CONFIGURED;
const HIGH: QosId = QosId(2);
const PART_QOS: QosId = QosId(3);
const ALL: Enforce = Enforce { safe: false, wckeys: false, ..Enforce::ALL };

/// Account `lab` with alice, both allowed QOS `normal`; there are also `high` and `part`.
fn state() -> State {
    let mut state = State::default();
    found(&mut state, "ref", &["gres/gpu".to_owned()], 0);
    for (id, name) in [(HIGH, "high"), (PART_QOS, "part")] {
        state.qos.put(id, Qos::new(id, name));
    }
    let root = state.root("ref").unwrap().id;
    let settings = Settings { qos: QosSet::Exactly([Qos::NORMAL, HIGH].into()), ..Settings::default() };
    let lab = Seed { key: AssociationKey::account("ref", "lab"), settings, is_default: false };
    let lab = grow(&mut state, &[(root, lab)])[0];
    let key = AssociationKey::user("ref", "lab", "alice", "");
    grow(&mut state, &[(lab, Seed { key, settings: Settings::default(), is_default: true })]);
    state
}

fn id(state: &State, user: &str) -> AssociationId {
    state.find(&AssociationKey::user("ref", "lab", user, "")).unwrap().id
}

fn limit(state: &mut State, user: &str, key: LimitKey, value: u64) {
    let id = id(state, user);
    state.edit_association(id, |row| row.limits.set(key, Some(value)));
}

fn qos(state: &mut State, id: QosId, flags: &[QosFlag], key: LimitKey, value: u64) {
    let mut row = state.qos.get(&id).unwrap().clone();
    row.flags.extend(flags);
    let mut limits: Limits = row.limits.clone();
    limits.set(key, Some(value));
    state.qos.put(id, Qos { limits, ..row });
}

/// A partition with the QOS `part`.
static PART: LazyLock<Partition> = LazyLock::new(|| Partition { qos: Some("part".into()), ..Partition::default() });
static ANY: LazyLock<Partition> = LazyLock::new(Partition::default);

fn job() -> Job<'static> {
    let tres = Amounts::from([(CPU, 4), (MEM, 400), (NODE, 2), (GPU, 2)]).into();
    Job { tres, minutes: 60, ..Job::new("ref", "alice", &ANY) }
}

fn busy() -> InUse {
    let tres: Amounts = [(CPU, 8), (GPU, 3)].into();
    InUse {
        running: 2,
        submitted: 5,
        run_minutes: tres.clone(),
        minutes: tres.clone(),
        tres,
        wall: 30,
        ..InUse::default()
    }
}

fn ask(state: &State, counts: &Counts, job: &Job) -> (String, String) {
    let said = admit(state, ALL, counts, job);
    let name = |result: Result<(), Reason>| match result {
        Ok(()) => "yes".to_owned(),
        Err(reason) => reason.named(state),
    };
    (name(said.submit), name(said.start))
}

fn both(submit: &str, start: &str) -> (String, String) {
    (submit.to_owned(), start.to_owned())
}

/// One limit on alice's association or her account, with jobs of the account running.
fn on_association(user: &str, key: LimitKey, value: u64) -> (String, String) {
    let mut state = state();
    limit(&mut state, user, key, value);
    let counts = Counts { associations: [(id(&state, user), busy())].into(), ..Counts::default() };
    ask(&state, &counts, &job())
}

/// One limit on the QOS `normal`, with jobs of it running.
fn on_qos(flags: &[QosFlag], key: LimitKey, value: u64) -> (String, String) {
    let mut state = state();
    qos(&mut state, Qos::NORMAL, flags, key, value);
    let used = || (Qos::NORMAL, "alice".to_owned());
    let counts = Counts {
        qos: [(Qos::NORMAL, busy())].into(),
        users: [(used(), busy())].into(),
        accounts: [((Qos::NORMAL, "lab".to_owned()), busy())].into(),
        ..Counts::default()
    };
    ask(&state, &counts, &job())
}

#[test]
fn without_limits_everything_goes() {
    assert_eq!(ask(&state(), &Counts::default(), &job()), both("yes", "yes"));
}

#[test]
fn no_association_is_an_invalid_account() {
    let stranger = Job { user: "mallory", account: Some("lab"), ..job() };
    assert_eq!(ask(&state(), &Counts::default(), &stranger), both("InvalidAccount", "InvalidAccount"));
    let off = admit(&state(), Enforce::default(), &Counts::default(), &stranger);
    assert_eq!((off.submit, off.start), (Ok(()), Ok(())), "nothing is enforced");
    assert_eq!(Reason::InvalidAccount.refusal(), "Invalid account or account/partition combination specified");
}

#[test]
fn a_qos_that_is_not_allowed_is_invalid_only_when_enforced() {
    let job = Job { qos: Some(PART_QOS), ..job() };
    assert_eq!(ask(&state(), &Counts::default(), &job), both("InvalidQOS", "InvalidQOS"));
    let limits = Enforce::parse("limits").unwrap();
    assert_eq!(admit(&state(), limits, &Counts::default(), &job).submit, Ok(()));
    let partition = Job { partition: &PART, ..self::job() };
    assert_eq!(ask(&state(), &Counts::default(), &partition).0, "yes", "a partition's QOS needs no leave");
}

#[test]
fn parts_of_enforcement_imply_others() {
    let safe = Enforce { qos: false, wckeys: false, ..Enforce::ALL };
    assert_eq!(Enforce::parse("safe"), Ok(safe));
    assert_eq!(Enforce::parse("Associations,limits,QOS"), Ok(ALL));
    assert_eq!(Enforce::parse("none"), Ok(Enforce::default()));
    assert_eq!(Enforce::parse("limit"), Err("limit".to_owned()));
}

#[test]
fn limits_of_an_association() {
    use Limit::*;
    for (key, value, submit, start) in [
        ((GrpTres, Some(GPU)), 4, "yes", "AssocGrpGRES"),
        ((GrpTres, Some(GPU)), 5, "yes", "yes"),
        ((GrpTres, Some(GPU)), 0, "yes", "AssocGrpGRES"),
        ((GrpTres, Some(CPU)), 11, "yes", "AssocGrpCpuLimit"),
        ((GrpTresMins, Some(CPU)), 8, "yes", "AssocGrpCPUMinutesLimit"),
        ((GrpTresMins, Some(CPU)), 9, "yes", "yes"),
        ((GrpTresRunMins, Some(CPU)), 247, "yes", "AssocGrpCPURunMinutesLimit"),
        ((GrpTresRunMins, Some(CPU)), 248, "yes", "yes"),
        ((GrpJobs, None), 2, "yes", "AssocGrpJobsLimit"),
        ((GrpJobs, None), 3, "yes", "yes"),
        ((GrpSubmitJobs, None), 5, "AssocGrpSubmitJobsLimit", "yes"),
        ((GrpSubmitJobs, None), 6, "yes", "yes"),
        ((GrpWall, None), 30, "yes", "AssocGrpWallLimit"),
        ((MaxJobs, None), 2, "yes", "AssocMaxJobsLimit"),
        ((MaxJobs, None), 0, "yes", "AssocMaxJobsLimit"),
        ((MaxSubmitJobs, None), 5, "AssocMaxSubmitJobLimit", "yes"),
        ((MaxWall, None), 59, "yes", "AssocMaxWallDurationPerJobLimit"),
        ((MaxTresPerJob, Some(MEM)), 399, "yes", "AssocMaxMemPerJob"),
        ((MaxTresPerNode, Some(GPU)), 0, "yes", "AssocMaxGRESPerNode"),
        ((MaxTresPerNode, Some(GPU)), 1, "yes", "yes"),
        ((MaxTresMinsPerJob, Some(CPU)), 239, "yes", "AssocMaxCpuMinutesPerJobLimit"),
    ] {
        assert_eq!(on_association("alice", key, value), both(submit, start), "{key:?}={value}");
    }
}

#[test]
fn group_limits_hold_above_and_max_limits_are_inherited() {
    assert_eq!(on_association("", (Limit::GrpTres, Some(GPU)), 4).1, "AssocGrpGRES");
    assert_eq!(on_association("", (Limit::MaxJobs, None), 2).1, "yes", "counted for each user");
    assert_eq!(on_association("", (Limit::MaxJobs, None), 0).1, "AssocMaxJobsLimit");
    assert_eq!(on_association("", (Limit::MaxWall, None), 59).1, "AssocMaxWallDurationPerJobLimit");
}

#[test]
fn limits_of_a_qos() {
    use Limit::*;
    for (key, value, submit, start) in [
        ((MaxTresPerUser, Some(GPU)), 4, "yes", "QOSMaxGRESPerUser"),
        ((MaxTresPerUser, Some(GPU)), 1, "QOSMaxGRESPerUser", "QOSMaxGRESPerUser"),
        ((MaxTresPerAccount, Some(GPU)), 1, "MaxGRESPerAccount", "MaxGRESPerAccount"),
        ((GrpTres, Some(GPU)), 1, "QOSGrpGRES", "QOSGrpGRES"),
        ((GrpJobs, None), 2, "yes", "QOSGrpJobsLimit"),
        ((MaxJobsPerUser, None), 2, "yes", "QOSMaxJobsPerUserLimit"),
        ((MaxJobsPerAccount, None), 2, "yes", "MaxJobsPerAccount"),
        ((MaxSubmitJobsPerUser, None), 5, "QOSMaxSubmitJobPerUserLimit", "yes"),
        ((MaxWall, None), 59, "QOSMaxWallDurationPerJobLimit", "QOSMaxWallDurationPerJobLimit"),
        ((MinTresPerJob, Some(GPU)), 3, "QOSMinGRES", "QOSMinGRES"),
        ((MaxTresPerJob, Some(MEM)), 399, "QOSMaxMemoryPerJob", "QOSMaxMemoryPerJob"),
    ] {
        assert_eq!(on_qos(&[QosFlag::DenyOnLimit], key, value), both(submit, start), "{key:?}={value}");
    }
    assert_eq!(on_qos(&[], (MaxTresPerUser, Some(GPU)), 1), both("yes", "QOSMaxGRESPerUser"), "without DenyOnLimit");
    assert_eq!(on_qos(&[], (MaxSubmitJobsPerUser, None), 5).0, "QOSMaxSubmitJobPerUserLimit", "always refuses");
}

#[test]
fn the_first_level_that_defines_a_limit_decides() {
    let mut state = state();
    limit(&mut state, "alice", (Limit::MaxWall, None), 10);
    qos(&mut state, HIGH, &[], (Limit::MaxWall, None), 100);
    let high = Job { qos: Some(HIGH), ..job() };
    assert_eq!(ask(&state, &Counts::default(), &high).1, "yes", "QOS before association");
    qos(&mut state, PART_QOS, &[], (Limit::MaxWall, None), 20);
    let part = Job { partition: &PART, ..high };
    assert_eq!(ask(&state, &Counts::default(), &part).1, "QOSMaxWallDurationPerJobLimit", "partition QOS first");
    qos(&mut state, HIGH, &[QosFlag::OverPartQOS], (Limit::MaxWall, None), 100);
    assert_eq!(ask(&state, &Counts::default(), &part).1, "yes", "OverPartQOS");
}

#[test]
fn counts_are_checked_before_amounts() {
    let mut state = state();
    limit(&mut state, "alice", (Limit::MaxJobs, None), 2);
    qos(&mut state, Qos::NORMAL, &[], (Limit::MaxTresPerJob, Some(GPU)), 1);
    let counts = Counts { associations: [(id(&state, "alice"), busy())].into(), ..Counts::default() };
    assert_eq!(ask(&state, &counts, &job()).1, "AssocMaxJobsLimit");
}

#[test]
fn safe_keeps_minutes_to_the_end() {
    let mut state = state();
    limit(&mut state, "alice", (Limit::GrpTresMins, Some(CPU)), 239);
    let start = |enforce| admit(&state, enforce, &Counts::default(), &job()).start;
    assert_eq!(start(ALL), Ok(()));
    let reason = Reason::Limit(Level::Association, Limit::GrpTresMins, Some(CPU));
    assert_eq!(start(Enforce { safe: true, ..ALL }), Err(reason));
}

#[test]
fn an_array_counts_each_task() {
    let mut state = state();
    limit(&mut state, "", (Limit::GrpSubmitJobs, None), 3);
    let array = |tasks| ask(&state, &Counts::default(), &Job { tasks, ..job() }).0;
    assert_eq!((array(3), array(4)), ("yes".to_owned(), "AssocGrpSubmitJobsLimit".to_owned()));
}

#[test]
fn a_trace_says_the_same_and_shows_every_limit() {
    let mut state = state();
    limit(&mut state, "alice", (Limit::GrpTres, Some(CPU)), 2);
    limit(&mut state, "alice", (Limit::MaxSubmitJobs, None), 5);
    qos(&mut state, Qos::NORMAL, &[], (Limit::MaxTresPerUser, Some(GPU)), 4);
    let mut counts = Counts::default();
    counts.associations.insert(id(&state, "alice"), busy());
    counts.users.insert((Qos::NORMAL, "alice".into()), busy());
    let (said, traced) = (admit(&state, ALL, &counts, &job()), trace(&state, ALL, &counts, &job()));
    assert_eq!((traced.submit, traced.start), (said.submit, said.start));
    let first = |stages: &[Stage]| {
        let mut failed = traced.checks.iter().filter(|(stage, check)| stages.contains(stage) && check.reason.is_some());
        failed.next().and_then(|(_, check)| check.reason)
    };
    assert_eq!(first(&[Stage::Submit]), said.submit.err());
    assert_eq!(first(&[Stage::Before, Stage::Placed]), said.start.err());
    let of = |limit| traced.checks.iter().rev().find(|(_, check)| check.limit == limit).unwrap().1;
    let group = of(Limit::GrpTres);
    assert_eq!(
        (group.setter, group.value, group.used, group.asked),
        (Setter::Association(id(&state, "alice")), 2, Some(8), Some(4))
    );
    let per_user = of(Limit::MaxTresPerUser);
    assert_eq!(
        (per_user.setter, per_user.value, per_user.used, per_user.asked),
        (Setter::Qos(Qos::NORMAL), 4, Some(3), Some(2))
    );
    assert!(per_user.reason.is_some() && group.reason.is_some(), "those behind the first are shown, too");
    let submitted = of(Limit::MaxSubmitJobs);
    assert_eq!((submitted.used, submitted.asked, submitted.reason.is_some()), (Some(5), Some(1), true));
}

/// What was not asked for and does not follow from it is not known, and says nothing.
#[test]
fn what_is_not_known_neither_counts_nor_refuses() {
    let mut state = state();
    found(&mut state, "ref", &["gres/gpu:a100".to_owned()], 0);
    let a100 = state.tres_named("gres/gpu:a100").unwrap().id;
    let derived = |asked: &[(TresId, u64)]| {
        Needs::derived(&state, &asked.iter().copied().collect(), &ANY, &crate::settings::Words::default())
    };
    let small = derived(&[]);
    assert_eq!([CPU, NODE, BILLING, MEM, GPU].map(|tres| small.get(tres)), [Some(1), Some(1), Some(1), None, Some(0)]);
    let typed = derived(&[(a100, 2), (NODE, 4), (MEM, 5)]);
    assert_eq!([CPU, BILLING, MEM, GPU].map(|tres| typed.get(tres)), [Some(4), Some(4), Some(5), Some(2)]);
    let untyped = derived(&[(GPU, 2)]);
    assert_eq!((untyped.get(GPU), untyped.get(a100)), (Some(2), None));
    limit(&mut state, "alice", (Limit::MaxTresPerJob, Some(MEM)), 100);
    qos(&mut state, Qos::NORMAL, &[QosFlag::DenyOnLimit], (Limit::MinTresPerJob, Some(MEM)), 10);
    let asks = Job { tres: small, ..job() };
    let traced = trace(&state, ALL, &Counts::default(), &asks);
    assert_eq!((traced.submit, traced.start), (Ok(()), Ok(())));
    let open = traced.checks.iter().filter(|(_, check)| check.is_open());
    assert_eq!(open.map(|(_, check)| check.asked).collect::<Vec<_>>(), [None; 4]);
}

/// Billing is a sum of what has a weight; with MAX_TRES what nodes have counts by its greatest.
#[test]
fn billing_follows_the_weights_of_the_partition() {
    use crate::settings::{PriorityFlag, Words};
    let state = state();
    let weights = [("cpu", 1.5), ("mem", 1.0 / 1024.0), ("gres/gpu", 4.0)];
    let billing_weights = Some(weights.map(|(name, weight)| (name.to_owned(), weight)).to_vec());
    let partition = Partition { billing_weights, ..Partition::default() };
    let asked = [(CPU, 2), (MEM, 8192), (GPU, 3)];
    let billed = |asked: &[(TresId, u64)], flags: &str| {
        let flags = Words::<PriorityFlag>::parse(flags).unwrap();
        Needs::derived(&state, &asked.iter().copied().collect(), &partition, &flags).get(BILLING)
    };
    assert_eq!(billed(&asked, ""), Some(3 + 8 + 12));
    assert_eq!(billed(&asked, "MAX_TRES"), Some(12));
    assert_eq!(billed(&asked, "MAX_TRES_GRES"), Some(8 + 12));
    assert_eq!(billed(&asked[..1], ""), None, "memory has a weight, and is not known");
    assert_eq!(billed(&[(BILLING, 7)], ""), Some(7));
}

#[test]
fn a_job_without_association_or_qos_counts_nowhere() {
    let record = crate::records::Job { user: "alice".into(), ..Default::default() };
    let mut counts = Counts::default();
    counts.add_job(&state(), None, &record, 0);
    assert!(counts.associations.is_empty() && counts.qos.is_empty() && counts.users.is_empty());
    counts.add_job(&state(), Some(PART_QOS), &record, 0);
    assert_eq!(counts.qos.keys().collect::<Vec<_>>(), [&PART_QOS], "that of its partition");
}
