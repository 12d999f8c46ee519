//! [`Service`]: the state, its store, and commands one at a time.

use super::api::{Request, Response};
use super::config::Config;
use super::world::Local;
use crate::accounting::State;
use crate::accounting::authority::Caller;
use crate::accounting::command::{self, World};
use crate::accounting::founding;
use crate::store::{Store, StoreError};

/// The running service.
pub struct Service {
    state: State,
    store: Store,
    revision: u64,
    world: Local,
}

impl Service {
    /// Loads the state; the first time, founds the cluster that the configuration names. TRES that the configuration
    /// names and the state lacks are added.
    pub fn start(mut store: Store, config: &Config) -> Result<Self, StoreError> {
        let mut state = store.load()?;
        let world = Local::new(config.accounting.clone());
        founding::found(&mut state, &config.cluster_name, &config.tres, world.now());
        store.save(&state)?;
        state.commit();
        Ok(Self { state, store, revision: 1, world })
    }

    /// Takes back what a command that panicked left half done.
    pub fn recover(&mut self) {
        self.state.rollback();
    }

    /// Runs one sacctmgr command for a caller.
    pub fn sacctmgr(&mut self, uid: u32, request: &Request) -> Response {
        let caller = self.world.caller(uid);
        if request.revision.is_some_and(|revision| revision != self.revision) {
            return self.response(command::Reply {
                stderr: " The accounting data changed while you decided. Nothing was done; please run it again.\n"
                    .into(),
                code: 1,
                ..command::Reply::default()
            });
        }
        if let Some(earlier) = &request.rehearse {
            return self.rehearse(&caller, earlier, request);
        }
        let reply = command::run(&mut self.state, &caller, &self.world, &request.argv, &request.answers);
        if reply.question.is_some() {
            return self.response(reply);
        }
        match self.commit() {
            Ok(()) => self.response(reply),
            Err(error) => Response::refused(&format!("sacctmgr: error: {error}; nothing was changed")),
        }
    }

    fn response(&self, reply: command::Reply) -> Response {
        let command::Reply { stdout, stderr, code, question } = reply;
        Response { stdout, stderr, code, question, revision: self.revision }
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if !self.state.has_changes() {
            self.state.commit();
            return Ok(());
        }
        if let Err(error) = self.store.save(&self.state) {
            self.state.rollback();
            return Err(error);
        }
        self.state.commit();
        self.revision += 1;
        Ok(())
    }

    /// The answer that the command would get after the earlier ones; on a copy that is thrown away.
    fn rehearse(&self, caller: &Caller, earlier: &[Vec<String>], request: &Request) -> Response {
        let mut state = self.state.clone();
        for argv in earlier {
            command::run(&mut state, caller, &self.world, argv, &[]);
            state.commit();
        }
        self.response(command::run(&mut state, caller, &self.world, &request.argv, &request.answers))
    }
}
