//! What the model keeps, as the rollup looks at it.

use super::{Amounts, Booking, FACTOR_ONE, JobUse, Outage, Registration, Span, Surroundings};
use crate::State;
use crate::model::event::TresCounts;
use crate::model::{Event, Reservation};
use crate::records::{ArrayPlace, Job, Tasks};
use words::text::hostlist;

/// Bits of node states and reservations that matter here (slurm.h).
mod bits {
    pub const BASE: u32 = 0x0f;
    pub const FUTURE: u32 = 6;
    pub const CLOUD: u32 = 1 << 7;
    pub const POWERED_DOWN: u32 = 1 << 12;
    pub const NODE_MAINT: u32 = 1 << 15;
    pub const MAINT: u64 = 1;
    pub const IGNORE_JOBS: u64 = 1 << 6;
}

impl JobUse {
    /// A job. Records say for how long it was suspended, and when it went on the last time or stands still: it counts as if that was
    /// at one time, up to then. Where even that is not known it counts as if it was at its end.
    pub fn of(state: &State, job: &Job) -> Self {
        let factor = job.qos.and_then(|id| state.qos.get(&id)).map_or(1.0, |qos| qos.usage_factor.max(0.0));
        let key = || (job.user.clone(), job.cluster.clone(), job.wckey.trim_start_matches('*').to_owned());
        let wckey = if job.wckey.is_empty() { None } else { state.wckeys.get(&key()).map(|row| row.id) };
        JobUse {
            association: job.association,
            qos: job.qos,
            wckey,
            eligible: job.eligible.unwrap_or(i64::MAX),
            start: job.start,
            end: job.end,
            suspended: suspended(job),
            cpus_requested: job.cpus_requested.into(),
            waiting_tasks: job.array.as_ref().map_or(0, waiting),
            reservation: job.reservation_id,
            usage_factor: (factor * FACTOR_ONE as f64).round() as u64,
            tres: job.tres_allocated.iter().collect(),
        }
    }

    /// Seconds for which a job ran within a time, suspension left out.
    pub fn ran(job: &Job, within: Span) -> u64 {
        let Some(start) = job.start else { return 0 };
        let ran = Span { start, end: job.end.unwrap_or(i64::MAX) }.within(within);
        let rested = suspended(job).iter().map(|span| span.within(ran).seconds()).sum();
        ran.seconds().saturating_sub(rested)
    }
}

fn suspended(job: &Job) -> Vec<Span> {
    let since = job.details.suspended_since.filter(|_| job.end.is_none());
    let open = since.map(|start| Span { start, end: i64::MAX });
    closed(job, since).into_iter().chain(open).collect()
}

/// The time in which it stood still, and does not any more. What came before the present time is put right before that.
fn closed(job: &Job, since: Option<i64>) -> Option<Span> {
    let (start, seconds) = (job.start?, i64::try_from(job.suspended).ok().filter(|it| *it > 0)?);
    Some(match job.details.resumed.or(job.end).or(since) {
        Some(end) => Span { start: end.saturating_sub(seconds), end },
        None => Span { start, end: start.saturating_add(seconds) },
    })
}

/// How many tasks of an array wait: `5-9%2` are five.
fn waiting(array: &ArrayPlace) -> u64 {
    let Tasks::Waiting(text) = &array.tasks else { return 0 };
    let ranges = text.split('%').next().unwrap_or_default();
    let count = |range: &str| {
        let (range, step) = range.split_once(':').unwrap_or((range, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last, step): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, step.parse().ok()?);
        Some(last.checked_sub(first)? / step.max(1) + 1)
    };
    ranges.split(',').filter_map(count).fold(0, u64::saturating_add)
}

impl Surroundings {
    /// Events and reservations of a cluster.
    pub fn of(state: &State, cluster: &str) -> Self {
        let mut found = Self::default();
        for event in state.events.values().filter(|event| event.cluster == cluster) {
            found.take_event(event);
        }
        found.registrations.sort_by_key(|it| it.span.start);
        let reservations = state.reservations.values().filter(|row| row.cluster == cluster);
        found.bookings = reservations.map(booking).collect();
        found
    }

    fn take_event(&mut self, event: &Event) {
        let span = Span { start: event.start, end: event.end.unwrap_or(i64::MAX) };
        let tres = amounts(&event.tres);
        if event.node.is_empty() {
            return self.registrations.push(Registration { span, is_away: event.state != 0, tres });
        }
        // Nodes in maintenance are counted by their reservation.
        if event.state & bits::NODE_MAINT == 0 {
            let is_cloud_off = event.state & bits::CLOUD != 0 && event.state & bits::POWERED_DOWN != 0;
            let is_planned = event.state & bits::BASE == bits::FUTURE || is_cloud_off;
            self.outages.push(Outage { node: event.node.clone(), span, is_planned, tres });
        }
    }
}

fn booking(row: &Reservation) -> Booking {
    Booking {
        id: row.id,
        span: Span { start: row.start, end: row.end },
        is_maintenance: row.flags & bits::MAINT != 0,
        ignores_jobs: row.flags & bits::IGNORE_JOBS != 0,
        nodes: nodes(&row.nodes),
        associations: row.associations.split(',').filter_map(|id| id.trim().parse().ok()).collect(),
        tres: amounts(&row.tres),
    }
}

/// The names of a list such as `n[1-3],m1`; those that cannot be read are left out.
fn nodes(text: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = text.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.filter(|part| !part.is_empty()).flat_map(|part| hostlist::expand(part).unwrap_or_default()).collect()
}

fn amounts(tres: &TresCounts) -> Amounts {
    tres.iter().map(|(id, count)| (*id, *count)).collect()
}
