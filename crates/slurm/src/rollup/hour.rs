//! [`HourSum`]: one hour of one cluster.

use super::*;
use crate::model::tres::{CPU, ENERGY, NODE};
use std::collections::HashMap;

/// Sums up one hour of a cluster: what surrounds the jobs first, then each job.
#[derive(Clone, Debug)]
pub struct HourSum {
    hour: Span,
    associations: HashMap<(AssociationId, Measure), Used>,
    wckeys: HashMap<(WckeyId, TresId), u64>,
    qos: HashMap<(QosId, Measure), u64>,
    cluster: Option<Capacity>,
    away: Vec<Absence>,
    bookings: Vec<BookingUse>,
}

/// What a registered cluster has in the hour.
#[derive(Clone, Debug, Default)]
struct Capacity {
    span: Option<Span>,
    tres: BTreeMap<TresId, Stock>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stock {
    uses: ClusterUse,
    total: u64,
}

/// A time in which the controller was away: what no job ran on counts as down.
#[derive(Clone, Debug)]
struct Absence {
    span: Span,
    left: BTreeMap<TresId, u64>,
}

#[derive(Clone, Debug)]
struct BookingUse {
    booking: Booking,
    /// By TRES: how much is set apart, its seconds in the hour, and those that jobs used.
    tres: Vec<(TresId, u64, u64, u64)>,
}

impl HourSum {
    /// Begins an hour.
    pub fn new(hour: Span, around: &Surroundings) -> Self {
        let Surroundings { registrations, outages, bookings } = around.within(hour);
        let mut sum = Self {
            hour,
            associations: HashMap::new(),
            wckeys: HashMap::new(),
            qos: HashMap::new(),
            cluster: None,
            away: Vec::new(),
            bookings: bookings.into_iter().map(BookingUse::new).collect(),
        };
        registrations.into_iter().for_each(|registration| sum.register(registration));
        if sum.cluster.is_some() {
            outages.iter().for_each(|outage| sum.take_out(outage));
            sum.set_apart();
        }
        sum
    }

    fn register(&mut self, Registration { span, is_away, tres }: Registration) {
        let tres = tres.into_iter().filter(|(id, _)| *id != NODE);
        if is_away {
            let left = tres.map(|(id, count)| (id, count * span.seconds())).collect();
            return self.away.push(Absence { span, left });
        }
        let capacity = self.cluster.get_or_insert_default();
        let whole = capacity.span.get_or_insert(span);
        whole.end = span.end;
        for (id, count) in tres {
            let stock = capacity.tres.entry(id).or_default();
            stock.uses.count = count;
            stock.total += count * span.seconds();
        }
    }

    /// A node that was down; what of it was reserved then is no longer there to be used.
    fn take_out(&mut self, outage: &Outage) {
        let mut reserved = 0;
        for booking in self.bookings.iter_mut().filter(|it| it.booking.nodes.contains(&outage.node)) {
            let seconds = outage.span.within(booking.booking.span).seconds();
            reserved += seconds;
            booking.lose(&outage.tres, seconds);
            if let Some(cluster) = &mut self.cluster {
                cluster.lose(&outage.tres, seconds, booking.booking.is_maintenance);
            }
        }
        if let Some(cluster) = &mut self.cluster {
            let there = cluster.span.map_or(0, |span| outage.span.within(span).seconds());
            cluster.lose(&outage.tres, there.saturating_sub(reserved), outage.is_planned);
        }
        for absence in &mut self.away {
            absence.take(&outage.tres, outage.span);
        }
    }

    /// Reservations are used by whoever reserved them.
    fn set_apart(&mut self) {
        let Some(cluster) = &mut self.cluster else { return };
        for BookingUse { booking, tres } in self.bookings.iter().filter(|it| !it.booking.ignores_jobs) {
            for (id, _, seconds, _) in tres.iter().filter(|(_, _, seconds, _)| *seconds > 0) {
                let uses = &mut cluster.tres.entry(*id).or_default().uses;
                add_up(if booking.is_maintenance { &mut uses.planned_down } else { &mut uses.allocated }, *seconds);
            }
        }
    }

    /// Adds a job. One that has nothing to do with the hour changes nothing.
    pub fn add(&mut self, job: &JobUse) {
        let start = job.start.or(job.end);
        let end = job.end.unwrap_or(i64::MAX);
        let ran = Span { start: start.unwrap_or(i64::MAX), end }.within(self.hour);
        if ran.seconds() > 0 {
            self.charge(job, ran);
            self.away.iter_mut().for_each(|absence| absence.take(&job.tres, ran));
        }
        if job.reservation.is_none() {
            self.wait(job, start);
        } else if ran.seconds() > 0 {
            self.use_booking(job, ran);
        }
    }

    /// Seconds of each TRES that a job used; while it is suspended only its CPUs are free.
    fn charge(&mut self, job: &JobUse, ran: Span) {
        let suspended = job.suspended.iter().map(|span| span.within(ran).seconds()).fold(0, u64::saturating_add);
        self.note(job, Measure::Wall, ran.seconds().saturating_sub(suspended));
        for (id, count) in job.tres.iter().copied() {
            let seconds = match id {
                CPU => count.saturating_mul(ran.seconds().saturating_sub(suspended)),
                // A job's total, not an amount that it has all the time: known when it ends.
                ENERGY if job.end == Some(ran.end) => count,
                ENERGY => 0,
                _ => count.saturating_mul(ran.seconds()),
            };
            if seconds == 0 {
                continue;
            }
            self.note(job, Measure::Tres(id), seconds);
            if let Some(wckey) = job.wckey {
                add_up(self.wckeys.entry((wckey, id)).or_default(), seconds);
            }
            if let Some(stock) = self.cluster.as_mut().and_then(|cluster| cluster.tres.get_mut(&id))
                && job.reservation.is_none()
            {
                add_up(&mut stock.uses.allocated, seconds);
            }
        }
    }

    /// What limits on associations and QOS count.
    fn note(&mut self, job: &JobUse, measure: Measure, seconds: u64) {
        let charged = scaled(seconds, job.usage_factor);
        if let Some(association) = job.association.filter(|_| seconds > 0) {
            let used = self.associations.entry((association, measure)).or_default();
            add_up(&mut used.seconds, seconds);
            add_up(&mut used.charged, charged);
        }
        if let Some(qos) = job.qos.filter(|_| charged > 0) {
            add_up(self.qos.entry((qos, measure)).or_default(), charged);
        }
    }

    fn use_booking(&mut self, job: &JobUse, ran: Span) {
        for own in self.bookings.iter_mut().filter(|it| Some(it.booking.id) == job.reservation) {
            let seconds = ran.within(own.booking.span).seconds();
            if own.booking.ignores_jobs
                && let Some(cluster) = &mut self.cluster
            {
                for (id, count) in &job.tres {
                    add_up(&mut cluster.tres.entry(*id).or_default().uses.allocated, count.saturating_mul(seconds));
                }
            }
            // As in slurmdbd, a job uses all of its reservation while it runs, however small it is.
            for (id, count, _, used) in &mut own.tres {
                if job.tres.iter().any(|(of_job, _)| of_job == id) {
                    add_up(used, count.saturating_mul(seconds));
                }
            }
        }
    }

    /// The time in which a job could have run and did not: for CPUs only.
    fn wait(&mut self, job: &JobUse, start: Option<i64>) {
        let Some(cluster) = &mut self.cluster else { return };
        let Some(span) = cluster.span else { return };
        let waited = Span { start: job.eligible, end: start.unwrap_or(i64::MAX) }.within(span).seconds();
        if waited > 0 {
            let planned = waited.saturating_mul(job.waiting_tasks.max(1)).saturating_mul(job.cpus_requested);
            add_up(&mut cluster.tres.entry(CPU).or_default().uses.planned, planned);
        }
    }

    /// Ends the hour.
    pub fn finish(mut self) -> HourRecords {
        for own in std::mem::take(&mut self.bookings) {
            self.spread(&own);
        }
        let mut cluster = self.cluster.take().map(|it| it.tres).unwrap_or_default();
        for (id, left) in self.away.iter().flat_map(|absence| &absence.left).filter(|(_, left)| **left > 0) {
            if let Some(stock) = cluster.get_mut(id) {
                add_up(&mut stock.uses.down, *left);
            }
        }
        for stock in cluster.values_mut() {
            stock.uses.balance(stock.total);
        }
        HourRecords {
            associations: self.associations.into_iter().collect(),
            wckeys: self.wckeys.into_iter().collect(),
            qos: self.qos.into_iter().collect(),
            cluster: cluster.into_iter().map(|(id, stock)| (id, stock.uses)).collect(),
        }
    }

    /// What nobody used of a reservation is charged to those who may use it, in equal parts. Fairshare does not count it.
    fn spread(&mut self, own: &BookingUse) {
        let idle = own.tres.iter().map(|(id, _, total, used)| (*id, total.saturating_sub(*used)));
        for (id, idle) in idle.take_while(|(_, idle)| *idle > 0) {
            let part = idle / own.booking.associations.len().max(1) as u64;
            for association in own.booking.associations.iter().filter(|_| part > 0) {
                add_up(&mut self.associations.entry((*association, Measure::Tres(id))).or_default().seconds, part);
            }
        }
    }
}

impl Capacity {
    fn lose(&mut self, tres: &Amounts, seconds: u64, is_planned: bool) {
        for (id, count) in tres.iter().filter(|_| seconds > 0) {
            let uses = &mut self.tres.entry(*id).or_default().uses;
            if uses.count == 0 {
                uses.count = *count;
            }
            add_up(if is_planned { &mut uses.planned_down } else { &mut uses.down }, count.saturating_mul(seconds));
        }
    }
}

impl Absence {
    fn take(&mut self, tres: &Amounts, when: Span) {
        let seconds = when.within(self.span).seconds();
        for (id, count) in tres {
            if let Some(left) = self.left.get_mut(id) {
                *left = left.saturating_sub(count.saturating_mul(seconds));
            }
        }
    }
}

impl BookingUse {
    fn new(booking: Booking) -> Self {
        let seconds = booking.span.seconds();
        let there = booking.tres.iter().filter(|(id, _)| *id != NODE);
        let tres = there.map(|(id, count)| (*id, *count, count.saturating_mul(seconds), 0)).collect();
        Self { booking, tres }
    }

    fn lose(&mut self, tres: &Amounts, seconds: u64) {
        for (id, count) in tres {
            for (_, _, total, _) in self.tres.iter_mut().filter(|(own, ..)| own == id) {
                *total = total.saturating_sub(count.saturating_mul(seconds));
            }
        }
    }
}

/// `seconds` times a factor in millionths, rounded down.
fn scaled(seconds: u64, factor: u64) -> u64 {
    match factor {
        FACTOR_ONE => seconds,
        _ => u64::try_from(u128::from(seconds) * u128::from(factor) / u128::from(FACTOR_ONE)).unwrap_or(u64::MAX),
    }
}
