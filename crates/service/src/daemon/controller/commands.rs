//! `squeue`, `sinfo`, `sprio`, `sstat`, `scontrol` and `scancel`: commands about jobs and nodes, as the service carries them
//! out.

use super::super::api::{Request, Response};
use super::super::caller::Who;
use super::super::jobs::zone;
use super::super::service::{Service, obey, response};
use super::super::world::Local;
use super::super::writer::Change;
use crate::store::{Readers, StoreError};
use commands::cluster::{Cluster, Controller, Scripts};
use commands::sacctmgr::World;
use commands::sdiag::{self, Figures};
use commands::why::{self, Why};
use commands::{Output, Reply, scancel, scontrol, sinfo, sprio, squeue, sstat};
use jiff::{Timestamp, Zoned};
use scheduling::Core;
use scheduling::event::{Accepted, Denial, SchedulerEvent};
use scheduling::id::JobId;
use scheduling::request::BatchJob;
use slurm::State;
use slurm::authority::Caller;
use std::sync::Arc;

/// What is said where there is nothing to schedule.
const NO_NODES: &str = "this service schedules no jobs: its configuration has no NodeName line";

/// Who asks, and when.
struct Asking {
    world: Arc<Local>,
    caller: Caller,
    now: Zoned,
}

impl Asking {
    fn cluster<'a>(&'a self, core: &'a Core, accounts: &'a State, scripts: &'a dyn Scripts) -> Cluster<'a> {
        let Self { world, caller, now } = self;
        let (settings, people) = (world.settings(), world.people());
        Cluster { core, accounts, settings, people, caller, now, scripts }
    }
}

/// The cluster in a transaction.
struct Bench<'a, 'b, 'c> {
    change: &'a mut Change<'b, 'c>,
    asking: &'a Asking,
    /// What was told to the core.
    told: usize,
}

impl Scripts for Bench<'_, '_, '_> {
    fn batch(&self, job: JobId) -> Result<Option<BatchJob>, String> {
        let stored = self.change.draft.batch(job).map_err(|error| error.to_string())?;
        Ok(stored.map(|stored| stored.batch))
    }
}

impl Controller for Bench<'_, '_, '_> {
    fn cluster(&self) -> Cluster<'_> {
        self.asking.cluster(self.change.seen(), self.change.state, self)
    }

    fn on(&mut self, event: SchedulerEvent) -> Result<Accepted, Denial> {
        self.told += 1;
        self.change.on(event)
    }
}

/// The cluster as it was kept last, for who only asks.
struct Glass<'a> {
    core: Arc<Core>,
    accounts: Arc<State>,
    readers: &'a Readers,
    asking: &'a Asking,
}

impl Scripts for Glass<'_> {
    fn batch(&self, job: JobId) -> Result<Option<BatchJob>, String> {
        let stored = self.readers.batch(job).map_err(|error| error.to_string())?;
        Ok(stored.map(|stored| stored.batch))
    }
}

impl Controller for Glass<'_> {
    fn cluster(&self) -> Cluster<'_> {
        self.asking.cluster(&self.core, &self.accounts, self)
    }

    /// Nothing that only asks comes here.
    fn on(&mut self, _: SchedulerEvent) -> Result<Accepted, Denial> {
        Err(Denial::Disabled)
    }
}

impl Service {
    /// Runs one squeue command for a caller.
    pub fn squeue(&self, who: Who, request: Request, out: Output) -> Response {
        self.look("squeue", who, &request, |glass| {
            squeue::run(&glass.cluster(), &request.environment, &request.argv, out)
        })
    }

    /// Runs one sinfo command for a caller.
    pub fn sinfo(&self, who: Who, request: Request, out: Output) -> Response {
        self.look("sinfo", who, &request, |glass| {
            sinfo::run(&glass.cluster(), &request.environment, &request.argv, out)
        })
    }

    /// Runs one sdiag command for a caller.
    pub fn sdiag(&self, who: Who, request: Request, _: Output) -> Response {
        self.look("sdiag", who, &request, |glass| {
            let options = match sdiag::read(&request.argv) {
                Ok(options) => options,
                Err(reply) => return *reply,
            };
            if !options.reset {
                return sdiag::show(&glass.cluster(), &options, self.figures());
            }
            let (is_allowed, reply) = sdiag::reset(&glass.cluster());
            if is_allowed {
                self.core().figures().clear();
                self.stats().clear_requests();
            }
            reply
        })
    }

    /// What was counted of the scheduler and of requests.
    fn figures(&self) -> Figures {
        let told = self.stats().told();
        Figures { messages: told.messages, users: told.users, ..self.core().figures().told() }
    }

    /// Runs one sprio command for a caller.
    pub fn sprio(&self, who: Who, request: Request, out: Output) -> Response {
        self.look("sprio", who, &request, |glass| {
            sprio::run(&glass.cluster(), &request.environment, &request.argv, out)
        })
    }

    /// Runs one sstat command for a caller. Nodes are asked, and waited for, for a moment.
    pub fn sstat(&self, who: Who, request: Request, out: Output) -> Response {
        self.look("sstat", who, &request, |glass| sstat::run(&glass.cluster(), &**self.core(), &request.argv, out))
    }

    /// Runs one scontrol command for a caller.
    pub fn scontrol(&self, who: Who, request: Request, _: Output) -> Response {
        if scontrol::changes(&request.argv) {
            return self.steer("scontrol", who, request, |bench, request| {
                scontrol::run(bench, &request.environment, &request.argv)
            });
        }
        self.look("scontrol", who, &request, |glass| scontrol::run(glass, &request.environment, &request.argv))
    }

    /// Runs one scancel command for a caller.
    pub fn scancel(&self, who: Who, request: Request, _: Output) -> Response {
        self.steer("scancel", who, request, |bench, request| {
            scancel::run(bench, &request.environment, &request.argv, &request.answers)
        })
    }

    /// What a job waits for.
    pub fn why(&self, who: Who, job: &str) -> Result<Why, String> {
        let asking = self.asking(who, &Request::default())?;
        let (core, kept) = (self.core().view().ok_or(NO_NODES)?, self.kept());
        let glass = Glass { core, accounts: kept.state, readers: self.readers(), asking: &asking };
        why::why(&glass.cluster(), job)
    }

    fn asking(&self, who: Who, request: &Request) -> Result<Asking, String> {
        let world = self.world();
        let caller = world.caller(who).map_err(|why| why.to_string())?;
        let zone = zone(request.environment.get("TZ").map(String::as_str));
        Ok(Asking { world, caller, now: Timestamp::now().to_zoned(zone) })
    }

    /// Answers who only asks, on a copy.
    fn look(&self, program: &str, who: Who, request: &Request, run: impl FnOnce(&mut Glass) -> Reply) -> Response {
        let refused = |why: &str| Response::refused(&format!("{program}: error: {why}"));
        let asking = match self.asking(who, request) {
            Ok(asking) => asking,
            Err(why) => return refused(&why),
        };
        let (core, kept) = (self.core().view(), self.kept());
        let Some(core) = core else { return refused(NO_NODES) };
        let mut glass = Glass { core, accounts: kept.state, readers: self.readers(), asking: &asking };
        response(run(&mut glass), kept.revision)
    }

    /// Does what changes something, in one transaction.
    fn steer(
        &self,
        program: &'static str,
        who: Who,
        request: Request,
        run: fn(&mut Bench, &Request) -> Reply,
    ) -> Response {
        let refused = |why: &str| Response::refused(&format!("{program}: error: {why}"));
        let asking = match self.asking(who, &request) {
            Ok(asking) => asking,
            Err(why) => return refused(&why),
        };
        let work = move |change: &mut Change| -> Result<_, StoreError> {
            if change.core().is_none() {
                return Ok(None);
            }
            let mut bench = Bench { change, asking: &asking, told: 0 };
            let reply = run(&mut bench, &request);
            Ok(Some((reply, bench.told)))
        };
        let written = match self.write(work) {
            Ok(written) => written,
            Err(why) => return refused(&why),
        };
        let Some((reply, told)) = written.gave else { return refused(NO_NODES) };
        let then = reply.then;
        then.into_iter().for_each(obey);
        Response { is_change: told > 0 || then.is_some(), ..response(reply, written.revision) }
    }
}
