use super::*;
use crate::model::tres::{CPU, MEM, NODE};
use jiff::tz::TimeZone;
use proptest::prelude::*;

const FIVE: AssociationId = AssociationId(5);
const SIX: AssociationId = AssociationId(6);
const HOUR: Span = Span { start: 7200, end: 10800 };

fn registered(cpus: u64) -> Surroundings {
    let tres = vec![(CPU, cpus), (NODE, 2)];
    let registrations = vec![Registration { span: Span { start: 0, end: 1 << 40 }, is_away: false, tres }];
    Surroundings { registrations, ..Surroundings::default() }
}

fn job(eligible: i64, start: i64, end: i64, cpus: u64) -> JobUse {
    JobUse {
        association: Some(FIVE),
        eligible,
        start: Some(start),
        end: Some(end),
        cpus_requested: cpus,
        usage_factor: FACTOR_ONE,
        tres: vec![(CPU, cpus), (MEM, 100), (NODE, 1)],
        ..JobUse::default()
    }
}

fn rolled(around: &Surroundings, jobs: &[JobUse]) -> HourRecords {
    let mut sum = HourSum::new(HOUR, around);
    jobs.iter().for_each(|job| sum.add(job));
    sum.finish()
}

fn cpu(records: &HourRecords) -> ClusterUse {
    records.cluster[&CPU]
}

#[test]
fn a_job_counts_in_the_hour_and_waits_before() {
    let records = rolled(&registered(10), &[job(7000, 7800, 20000, 2)]);
    assert_eq!(records.associations[&(FIVE, Measure::Tres(CPU))].seconds, 6000);
    assert_eq!(records.associations[&(FIVE, Measure::Tres(MEM))].seconds, 300_000);
    assert_eq!(records.associations[&(FIVE, Measure::Tres(NODE))].seconds, 3000);
    let expected = ClusterUse { count: 10, allocated: 6000, planned: 1200, idle: 28800, ..ClusterUse::default() };
    assert_eq!(cpu(&records), expected);
    assert!(!records.cluster.contains_key(&MEM), "the cluster did not say that it has any");
}

#[test]
fn what_does_not_fit_is_cut_and_waiting_jobs_overcommit() {
    let mut around = registered(4);
    let broken = vec![(CPU, 2)];
    around.outages.push(Outage { node: "n1".into(), span: HOUR, is_planned: false, tres: broken });
    let records = rolled(&around, &[job(0, 7200, 10800, 3), job(7200, 10800, 10900, 2)]);
    let expected = ClusterUse { count: 4, allocated: 10800, down: 3600, overcommitted: 7200, ..ClusterUse::default() };
    assert_eq!(cpu(&records), expected, "what is down counts after what is used");
    let alone = rolled(&registered(1), &[job(0, 7200, 10800, 3)]);
    assert_eq!(cpu(&alone).allocated, 3600, "no more than there is");
    assert_eq!(alone.associations[&(FIVE, Measure::Tres(CPU))].seconds, 10800, "the association is charged for all");
}

#[test]
fn waiting_ends_with_the_job_and_counts_each_task() {
    let cancelled = JobUse { start: None, end: Some(9000), tres: vec![], ..job(8400, 0, 0, 3) };
    assert_eq!(cpu(&rolled(&registered(10), std::slice::from_ref(&cancelled))).planned, 1800);
    let tasks = JobUse { end: None, waiting_tasks: 2, ..cancelled };
    assert_eq!(cpu(&rolled(&registered(10), std::slice::from_ref(&tasks))).planned, 14400);
    assert_eq!(rolled(&registered(10), &[tasks]).associations.len(), 0);
}

#[test]
fn suspended_cpus_are_free_and_the_factor_counts_for_fairshare_only() {
    let suspended = vec![Span { start: 0, end: 7300 }, Span { start: 10700, end: 99999 }];
    let records = rolled(
        &registered(10),
        &[JobUse { suspended, qos: Some(QosId(3)), usage_factor: 500_000, ..job(0, 7000, 20000, 2) }],
    );
    assert_eq!(records.associations[&(FIVE, Measure::Tres(CPU))], Used { seconds: 6800, charged: 3400 });
    assert_eq!(records.associations[&(FIVE, Measure::Wall)], Used { seconds: 3400, charged: 1700 });
    assert_eq!((records.qos[&(QosId(3), Measure::Tres(CPU))], records.qos[&(QosId(3), Measure::Wall)]), (3400, 1700));
    assert_eq!(records.associations[&(FIVE, Measure::Tres(NODE))].seconds, 3600);
}

fn booking(id: u32, associations: &[AssociationId]) -> Booking {
    Booking {
        id: ReservationId(id),
        span: HOUR,
        is_maintenance: false,
        ignores_jobs: false,
        nodes: vec!["n1".into()],
        associations: associations.to_vec(),
        tres: vec![(CPU, 4)],
    }
}

#[test]
fn reservations_are_used_by_those_who_reserved() {
    let mut around = registered(10);
    around.bookings.push(booking(1, &[FIVE, SIX]));
    let inside = JobUse { reservation: Some(ReservationId(1)), ..job(0, 7200, 8200, 1) };
    let records = rolled(&around, &[inside]);
    assert_eq!(cpu(&records).allocated, 14400, "the whole reservation, and the job not again");
    let idle = (14400 - 4000) / 2;
    assert_eq!(records.associations[&(FIVE, Measure::Tres(CPU))], Used { seconds: 1000 + idle, charged: 1000 });
    assert_eq!(records.associations[&(SIX, Measure::Tres(CPU))], Used { seconds: idle, charged: 0 });
}

#[test]
fn maintenance_is_planned_and_a_node_down_in_it_is_not_counted_twice() {
    let mut around = registered(10);
    around.bookings.push(Booking { is_maintenance: true, ..booking(1, &[]) });
    around.outages.push(Outage {
        node: "n1".into(),
        span: Span { start: 7200, end: 9000 },
        is_planned: false,
        tres: vec![(CPU, 4)],
    });
    let uses = cpu(&rolled(&around, &[]));
    assert_eq!((uses.planned_down, uses.down, uses.idle), (14400, 0, 21600));
}

#[test]
fn without_a_controller_what_no_job_uses_is_down() {
    let mut around = registered(10);
    around.registrations[0].span.end = 9000;
    let tres = vec![(CPU, 10)];
    around.registrations.push(Registration { span: Span { start: 9000, end: 1 << 40 }, is_away: true, tres });
    let uses = cpu(&rolled(&around, &[job(0, 7200, 10800, 4)]));
    assert_eq!((uses.allocated, uses.down), (14400, 3600), "as slurmdbd: only the registered half has room");
}

#[test]
fn nothing_of_a_cluster_that_never_registered() {
    let records = rolled(&Surroundings::default(), &[job(0, 7200, 7300, 4)]);
    assert!(records.cluster.is_empty());
    assert_eq!(records.associations[&(FIVE, Measure::Tres(CPU))].seconds, 400);
}

proptest! {
    /// Hours add up: however a job lies, its hours together come to what it used.
    #[test]
    fn hours_add_up(eligible in 0..90_000i64, wait in 0..9000i64, run in 0..90_000i64, cpus in 1..9u64) {
        let it = job(eligible, eligible + wait, eligible + wait + run, cpus);
        let (mut used, mut planned) = (0, 0);
        for hour in 0..60 {
            let mut sum = HourSum::new(Span { start: hour * 3600, end: (hour + 1) * 3600 }, &registered(100));
            sum.add(&it);
            let records = sum.finish();
            used += records.associations.get(&(FIVE, Measure::Tres(CPU))).map_or(0, |used| used.seconds);
            planned += records.cluster[&CPU].planned;
            prop_assert_eq!(records.cluster[&CPU].reported(), 360_000);
        }
        prop_assert_eq!(used, run.unsigned_abs() * cpus);
        prop_assert_eq!(planned, wait.unsigned_abs() * cpus);
    }
}

fn berlin() -> Calendar {
    // The rules of 2025: CET, CEST from the last Sunday of March to that of October.
    Calendar::new(TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap())
}

#[test]
fn days_have_23_24_or_25_hours() {
    let calendar = berlin();
    let day = |month, day| calendar.instant(jiff::civil::date(2025, month, day).at(0, 0, 0, 0)).unwrap();
    let hours = |start| (calendar.end(Period::Day, start) - start) / 3600;
    assert_eq!([hours(day(3, 29)), hours(day(3, 30)), hours(day(10, 26))], [24, 23, 25]);
    assert_eq!(calendar.end(Period::Month, day(3, 1)) - day(3, 1), (31 * 24 - 1) * 3600);
    assert_eq!(calendar.start(Period::Month, day(3, 31) + 5), day(3, 1));
    // Half past two comes twice in that night; each is in an hour of its own.
    let first = day(10, 26) + 2 * 3600 + 1800;
    assert_eq!(calendar.start(Period::Hour, first), first - 1800);
    assert_eq!(calendar.start(Period::Hour, first + 3600), first + 1800);
    assert_eq!(calendar.text(first), calendar.text(first + 3600));
}

#[test]
fn a_time_is_made_of_the_largest_pieces() {
    let calendar = berlin();
    let at = |month, day, hour| calendar.instant(jiff::civil::date(2025, month, day).at(hour, 0, 0, 0)).unwrap();
    let span = Span { start: at(1, 30, 22), end: at(4, 2, 1) };
    let pieces = calendar.pieces(span, at(4, 1, 5));
    use Period::*;
    let expected = [
        (Hour, at(1, 30, 22), at(1, 31, 0)),
        (Day, at(1, 31, 0), at(2, 1, 0)),
        (Month, at(2, 1, 0), at(4, 1, 0)),
        (Hour, at(4, 1, 0), at(4, 2, 1)),
    ];
    assert_eq!(pieces, expected.map(|(period, start, end)| (period, Span { start, end })));
    assert_eq!(calendar.pieces(Span { start: 5, end: 5 }, 0), []);
}
