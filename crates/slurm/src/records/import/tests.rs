use super::*;
use crate::model::Qos;
use crate::model::tres::{CPU, FIRST_CONFIGURED, FIXED, MEM};
use crate::records::*;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use words::people::Uid;

/// The fixed TRES, `gres/gpu` as 1001, and the QOS `normal`.
pub struct TestNames;

impl Names for TestNames {
    fn tres(&mut self, name: &str) -> TresId {
        let (kind, rest) = name.split_once('/').unwrap_or((name, ""));
        FIXED.iter().find(|(_, k, n)| (*k, *n) == (kind, rest)).map_or(FIRST_CONFIGURED, |(id, ..)| *id)
    }

    fn qos(&mut self, name: &str, number: Option<QosId>) -> Option<QosId> {
        if name == "normal" { Some(Qos::NORMAL) } else { number }
    }
}

fn reader(heading: &str) -> Reader {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    Reader::new(heading, Dialect { delimiter: "|".into(), zone, cluster: "here".into() }).unwrap()
}

const MINIMUM: &str = "JobIDRaw|JobID|Submit|Start|End|State|User";

fn job(heading: &str, line: &str) -> Job {
    match reader(heading).line(line, &mut TestNames) {
        Ok(Line::Job(job)) => job,
        other => panic!("{line}: {other:?}"),
    }
}

fn step(heading: &str, line: &str) -> (JobId, Step) {
    match reader(heading).line(line, &mut TestNames) {
        Ok(Line::Step(job, step)) => (job, step),
        other => panic!("{line}: {other:?}"),
    }
}

fn bad(heading: &str, line: &str) -> (usize, String) {
    let bad = reader(heading).line(line, &mut TestNames).unwrap_err();
    (bad.column, bad.what)
}

#[test]
fn the_least_that_makes_a_job() {
    let job = job(MINIMUM, "7|7|2024-03-04T08:00:00|2024-03-04T08:01:00|Unknown|RUNNING|gildong");
    assert_eq!((job.job_id, job.submit, job.start, job.end), (JobId(7), 1709535600, Some(1709535660), None));
    assert_eq!((job.cluster.as_str(), job.user.as_str(), job.state), ("here", "gildong", JobState::Running));
}

#[test]
fn held_jobs_were_never_eligible_and_a_list_that_does_not_tell_means_at_once() {
    let line = "7|7|100|Unknown|Unknown|PENDING|u";
    assert_eq!(job(MINIMUM, line).eligible, Some(100));
    let told = format!("{MINIMUM}|Eligible");
    assert_eq!(job(&told, &format!("{line}|Unknown")).eligible, None);
    assert_eq!(job(&told, &format!("{line}|200")).eligible, Some(200));
    assert!(reader(&told).tells_eligible() && !reader(MINIMUM).tells_eligible());
}

#[test]
fn arrays_and_heterogeneous_jobs() {
    let at = "1|None|Unknown|PENDING|u";
    assert_eq!(job(MINIMUM, &format!("9|7_2|{at}")).array, Some(ArrayPlace { job: JobId(7), tasks: Tasks::One(2) }));
    let waiting = job(MINIMUM, &format!("7|7_[5-9%2]|{at}"));
    assert_eq!(waiting.array.unwrap().tasks, Tasks::Waiting("5-9%2".into()));
    assert_eq!(job(MINIMUM, &format!("13|12+1|{at}")).het, Some(HetPlace { job: JobId(12), offset: 1 }));
    assert!(job(MINIMUM, &format!("7|7|{at}")).flags.has(Flags::START_RECEIVED), "None is not Unknown");
    let without_raw = "JobID|Submit|Start|End|State|User";
    assert!(bad(without_raw, &format!("7_2|{at}")).1.contains("list JobIDRaw too"));
    assert_eq!(job(without_raw, &format!("7_[2-3]|{at}")).job_id, JobId(7));
}

#[test]
fn steps() {
    let heading = "JobIDRaw|Submit|Start|End|State|User|UserCPU|SystemCPU|MaxRSS|AllocTRES|NTasks";
    let (of, batch) = step(heading, "7.batch|1|1|2|CANCELLED by 5||01:00:00|00:12.003|1.50G|cpu=4,mem=2G,node=1|3");
    assert_eq!((of, batch.id, batch.cancelled_by), (JobId(7), StepId::Batch, Some(Uid(5))));
    assert_eq!((batch.user_cpu, batch.system_cpu, batch.tasks), (3_600_000_000, 12_003_000, 3));
    assert_eq!(batch.details.usage_in.max.get(MEM), Some(3 << 29));
    assert_eq!(batch.tres_allocated.to_string(), "1=4,2=2048,4=1");
    let (_, het) = step(heading, "7.0+2|1|1|2|COMPLETED||||||");
    assert_eq!((het.id, het.het_component), (StepId::Number(0), Some(2)));
}

#[test]
fn amounts_of_old_and_new_releases() {
    let heading = format!("{MINIMUM}|ReqMem|ReqCPUS|ReqNodes");
    let memory = |text: &str| {
        let job = job(&heading, &format!("7|7|1|Unknown|Unknown|PENDING|u|{text}|8|2"));
        job.tres_requested.get(MEM)
    };
    assert_eq!(memory("4Gn"), Some(8192));
    assert_eq!(memory("2000Mc"), Some(16000));
    assert_eq!(memory("1.5G"), Some(1536));
    assert_eq!(memory("0"), Some(0));
    let (_, left_out) = reader(&heading).read("7|7|1|Unknown|Unknown|PENDING|u|lots|8|2", &mut TestNames).unwrap();
    assert_eq!(left_out, [Bad { column: 33, what: "ReqMem `lots` cannot be read".into() }], "it only describes");
    let tres = job(&format!("{MINIMUM}|AllocTRES"), "7|7|1|1|2|FAILED|u|billing=3,cpu=2,energy=9,gres/gpu=4,mem=512M");
    assert_eq!(tres.tres_allocated.to_string(), "1=2,2=512,3=9,5=3,1001=4");
}

#[test]
fn the_hour_that_a_clock_repeats() {
    let heading = format!("{MINIMUM}|ElapsedRaw");
    let times = |start: &str, end: &str, elapsed: &str| {
        let job = job(&heading, &format!("7|7|1|2024-10-27T{start}|2024-10-27T{end}|COMPLETED|u|{elapsed}"));
        (job.start.unwrap() - 1729987200, job.end.unwrap() - 1729987200, job.suspended)
    };
    // 02:00 to 03:00 local is 00:00 to 01:00 UTC and again 01:00 to 02:00; 1729987200 is 00:00 UTC.
    assert_eq!(times("02:15:00", "02:45:00", "1800"), (900, 2700, 0));
    assert_eq!(times("02:15:00", "02:45:00", "5400"), (900, 6300, 0));
    assert_eq!(times("02:45:00", "02:15:00", "1800"), (2700, 4500, 0));
    assert_eq!(times("02:00:00", "04:00:00", "10000"), (0, 10800, 800), "what is missing was suspended");
}

#[test]
fn what_cannot_be_read_has_its_place() {
    assert_eq!(bad(MINIMUM, "7|7|soon|1|2|FAILED|u"), (5, "Submit `soon` cannot be read".into()));
    assert_eq!(bad(MINIMUM, "7|7|1|1|2|DONE|u").0, 11);
    assert_eq!(bad(MINIMUM, "7|7|Unknown|1|2|FAILED|u").1, "Submit `Unknown` says no time");
    assert!(bad(MINIMUM, "7|7|1|1|2|FAILED|u|more").1.starts_with("8 columns where the heading has 7"));
    assert!(bad(MINIMUM, "0|0|1|1|2|FAILED|u").1.contains("JobID"));
    assert!(bad(MINIMUM, "").1.starts_with("1 columns"));
    let dialect = || Dialect { delimiter: "|".into(), zone: TimeZone::UTC, cluster: "c".into() };
    assert!(Reader::new("JobID,Submit", dialect()).unwrap_err().what.contains("is `|` its delimiter"));
    assert!(Reader::new("JobID|Submit|Start|End|User", dialect()).unwrap_err().what.contains("no column State"));
    assert!(Reader::new("x", Dialect { delimiter: String::new(), ..dialect() }).is_err());
}

#[test]
fn ending_delimiters_are_a_column_without_a_name() {
    let heading = format!("{MINIMUM}|");
    assert_eq!(job(&heading, "7|7|1|1|2|FAILED|u|").user, "u");
}

proptest! {
    #[test]
    fn no_line_makes_it_panic(cells in prop::collection::vec("[-0-9a-zA-Z_+.:\\[\\]=, %]{0,24}", 0..12)) {
        let heading = "JobIDRaw|JobID|Submit|Start|End|State|User|AllocTRES|UserCPU|Timelimit|ExitCode|Elapsed";
        let _ = reader(heading).line(&cells.join("|"), &mut TestNames);
    }

    #[test]
    fn what_is_printed_is_read(number in 1u32.., start in 0i64..4_000_000_000, ran in 0i64..10_000_000, code: u8, signal in 0u8..64) {
        let line = format!("{number}|{number}|{start}|{start}|{}|CANCELLED by {number}|u|{code}:{signal}", start + ran);
        let job = job(&format!("{MINIMUM}|ExitCode"), &line);
        prop_assert_eq!((job.job_id, job.start, job.elapsed(0)), (JobId(number), Some(start), ran as u64));
        prop_assert_eq!((job.exit, job.cancelled_by), (ExitCode { code, signal }, Some(Uid(number))));
    }
}

fn records(heading: &str, list: &str) -> Vec<(u64, String)> {
    let reader = reader(heading);
    let mut lines = list.lines().zip(1..).map(|(line, number)| (number, Ok(line.to_owned())));
    let mut joiner = super::record::Joiner::new(reader.layout(), heading);
    let mut found = Vec::new();
    while let Some((number, record)) = joiner.record::<()>(&mut || Ok(lines.next())).unwrap() {
        found.push((number, record.unwrap()));
    }
    found
}

#[test]
fn a_record_is_not_a_line() {
    let heading = "Comment|JobIDRaw|JobName|User|Submit|Start|End|State|WorkDir";
    let times = "u|1|2|3|FAILED";
    let list = format!(
        "c|1|two\n\nlines|{times}|/a\n{heading}\n|2|x|{times}|/dir with\nbreak\n\na|b\nc|3|y|{times}|/c\njunk|4|z\n|5|z|{times}|\n"
    );
    let expected = [
        (1, format!("c|1|two\n\nlines|{times}|/a")),
        (5, format!("|2|x|{times}|/dir with\nbreak\na|b\nc|3|y|{times}|/c")),
        (10, "junk|4|z".to_owned()),
        (11, format!("|5|z|{times}|")),
    ];
    let found = records(heading, &list);
    assert_eq!(found[0], expected[0]);
    assert_eq!(found.last(), Some(&expected[3]));
    assert!(found.iter().all(|(number, _)| *number != 3), "a heading that comes again is none of them");
    let incomplete = found.iter().find(|(number, _)| *number == 10).unwrap();
    assert_eq!(incomplete.1, "junk|4|z", "what is incomplete takes nothing of the next");
}

#[test]
fn pieces_go_where_they_can_be_read() {
    let heading = "JobIDRaw|JobName|User|Account|Submit|Start|End|State|Comment|NCPUS";
    let read = job(heading, "1|a|b|u|lab|1|2|3|FAILED|x|y|z|4");
    assert_eq!((read.name.as_str(), read.user.as_str(), read.details.comment.as_str()), ("a|b", "u", "x|y|z"));
    assert_eq!(read.tres_allocated.get(CPU), Some(4));
    // A name with a user's name in it: whose job it is cannot be told.
    assert!(
        bad("JobIDRaw|JobName|User|WorkDir|Submit|Start|End|State", "1|a|b|c|d|1|2|3|FAILED")
            .1
            .starts_with("9 columns")
    );
}

proptest! {
    #[test]
    fn any_lines_are_records_or_told(lines in prop::collection::vec("[0-9a|. \u{1f}]{0,16}", 0..20)) {
        let heading = "JobIDRaw|JobName|User|Submit|Start|End|State";
        let reader = reader(heading);
        for (_, record) in records(heading, &lines.join("\n")) {
            let _ = reader.read(&record, &mut TestNames);
        }
    }
}
