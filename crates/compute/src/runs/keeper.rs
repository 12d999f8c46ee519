//! [`Keeper`]: the daemon's thread for one run, or one step. It starts the supervisor or finds it, reads what it has written when there is
//! news, and cleans up behind it if it died.

use super::Site;
use super::known::KnownRuns;
use super::work;
use crate::SUPERVISOR;
use crate::cgroup::RunGroup;
use crate::directory::{ControlCommand, Ended, Part, RunDirectory, RunStanding, Work};
use crate::ending::end_steps;
use crate::private::Aside;
use crate::process::{kill_all, left_of};
use crate::protocol::{Launch, RunUsage, StepLaunch};
use scheduling::event::ScriptEnd;
use slurm::records::ExitCode;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// How often is looked again for what is not so yet.
const AGAIN: Duration = Duration::from_millis(20);

/// How often a run is killed again, and its directory read again.
const SLOWLY: Duration = Duration::from_secs(1);

/// So often a supervisor is started that does not come to start anything.
const STARTS: u32 = 3;

/// The exit of a script that was killed because nobody was left to watch it.
const KILLED: ExitCode = ExitCode { code: 0, signal: 9 };

/// What a keeper is asked for.
pub enum Ask {
    /// Start the run.
    Launch(Box<Launch>),
    /// Start the step.
    LaunchStep(Box<StepLaunch>),
    /// Find the supervisor, or clean up behind it.
    Attach,
    /// Tell the supervisor.
    Order(ControlCommand),
    /// Look at the directory.
    News,
    /// The master knows all of it: forget it.
    Forget,
}

/// The thread of one run or step.
pub struct Keeper {
    site: Arc<Site>,
    known: Arc<KnownRuns>,
    run: Part,
    directory: Option<RunDirectory>,
    /// To itself.
    asks: Sender<Ask>,
    supervisor: Option<UnixStream>,
    starts: u32,
    /// The master wants its end: what a supervisor is told, and the one after it.
    last_word: Option<ControlCommand>,
}

impl Keeper {
    /// For one that has this directory, if it has one.
    pub fn new(
        site: Arc<Site>,
        known: Arc<KnownRuns>,
        run: Part,
        directory: Option<RunDirectory>,
        asks: Sender<Ask>,
    ) -> Self {
        Self { site, known, run, directory, asks, supervisor: None, starts: 0, last_word: None }
    }

    /// Until the run is forgotten.
    pub fn run(mut self, asks: &Receiver<Ask>) {
        for ask in asks {
            match ask {
                Ask::Launch(launch) => self.launch(work::of_run(&self.site, self.run, *launch)),
                Ask::LaunchStep(step) => self.launch_step(*step),
                Ask::Attach => self.attach(),
                Ask::Order(command) => {
                    if let ControlCommand::Terminate { .. } = command {
                        self.last_word = Some(command.clone());
                    }
                    self.tell(&command);
                }
                Ask::News => self.publish(),
                Ask::Forget => break,
            }
        }
        if let Some(Err(error)) = self.directory.as_ref().map(RunDirectory::remove) {
            self.warn(&format!("its directory stays: {error}"));
        }
    }

    fn warn(&self, what: &str) {
        tracing::warn!(run = self.run.to_string(), "{what}");
    }

    fn launch(&mut self, work: Result<Work, String>) {
        let cannot = |error: io::Error| format!("cannot make its directory: {error}");
        match work.and_then(|work| self.site.spool.make(work).map_err(cannot)) {
            Ok(directory) => {
                self.directory = Some(directory.clone());
                if self.has_ending_run() {
                    self.fail(&directory, "its job ends");
                } else {
                    self.start(&directory);
                }
            }
            Err(why) => {
                self.known.never_started(self.run, &why);
                (self.site.notify)();
                // Nobody else can ask this one any more; it holds the other end itself.
                let _ = self.asks.send(Ask::Forget);
            }
        }
    }

    /// Whether it is a step, and the end of its run has begun. Looked at when the step's directory is there: who ends the run sees
    /// either that, or is seen here.
    fn has_ending_run(&self) -> bool {
        let of_run = || self.site.spool.directory_of(self.run.run.into());
        self.run.step.is_some() && !of_run().standing().is_ok_and(|standing| !standing.is_ending && !standing.left)
    }

    /// When its run has started. The two orders may come together.
    fn launch_step(&mut self, step: StepLaunch) {
        let run = self.site.spool.directory_of(self.run.run.into());
        let work = loop {
            match run.standing() {
                Ok(standing) if standing.is_ending || standing.left => break Err("its job ends".to_owned()),
                Ok(standing) if standing.launched => break work::of_step(&self.site, self.run, &run, step),
                _ if !self.known.goes_on(self.run.run.into()) => break Err("its job is over".to_owned()),
                // Also where it cannot be read, or is not made yet.
                _ => std::thread::sleep(AGAIN),
            }
        };
        self.launch(work);
    }

    fn start(&mut self, directory: &RunDirectory) {
        self.starts += 1;
        match self.spawn(directory) {
            Ok((stream, child)) => self.listen(stream, Some(child)),
            Err(error) => self.fail(directory, &format!("cannot start its supervisor: {error}")),
        }
    }

    fn spawn(&self, directory: &RunDirectory) -> io::Result<(UnixStream, Child)> {
        let (ours, theirs) = UnixStream::pair()?;
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(directory.log())?;
        let mut command = Command::new(&self.site.program);
        command.arg0("enlist").arg(SUPERVISOR).arg(directory.path()).env_clear();
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(log);
        Ok((ours, command.spawn()?))
    }

    /// Hears the supervisor in a thread of its own, which waits for its end.
    fn listen(&mut self, stream: UnixStream, child: Option<Child>) {
        let heard = stream.try_clone().and_then(|heard| {
            let asks = self.asks.clone();
            std::thread::Builder::new().stack_size(128 * 1024).spawn(move || hear(heard, &asks, child))
        });
        match heard {
            Ok(_) => self.supervisor = Some(stream),
            Err(error) => {
                self.warn(&format!("cannot listen to its supervisor, and try again: {error}"));
                std::thread::sleep(SLOWLY);
                let _ = self.asks.send(Ask::Attach);
            }
        }
        if let Some(command) = self.last_word.clone() {
            self.tell(&command);
        }
        // What it said before anybody heard it.
        let _ = self.asks.send(Ask::News);
    }

    fn tell(&mut self, command: &ControlCommand) {
        let Some(stream) = &mut self.supervisor else { return };
        let told = serde_json::to_string(command).map_err(io::Error::from);
        let told = told.and_then(|line| stream.write_all(format!("{line}\n").as_bytes()));
        if told.is_err() {
            // It is gone, which is heard, too; the master says it again.
            self.supervisor = None;
        }
    }

    /// What the directory says; `None` where somebody took it away.
    fn standing(&self, directory: &RunDirectory) -> Option<RunStanding> {
        let mut said = false;
        loop {
            let standing = directory.standing();
            // Looked at afterwards: what was read of one that was there is true.
            if directory.is_gone() {
                return None;
            }
            match standing {
                Ok(standing) => return Some(standing),
                Err(error) if !said => {
                    self.warn(&format!("its directory cannot be read, and is tried again: {error}"));
                    said = true;
                }
                Err(_) => {}
            }
            std::thread::sleep(SLOWLY);
        }
    }

    fn publish(&self) {
        let standing = self.directory.as_ref().and_then(|directory| self.standing(directory));
        if let Some(standing) = standing {
            self.known.stands(self.run, &standing);
            (self.site.notify)();
        }
    }

    /// Finds the supervisor. If it died, the run ends here.
    fn attach(&mut self) {
        self.supervisor = None;
        let Some(directory) = self.directory.clone() else { return };
        loop {
            let Some(standing) = self.standing(&directory) else { return self.end_unseen() };
            self.publish();
            if standing.left {
                return self.read_log(&directory);
            }
            if let Ok(stream) = UnixStream::connect(directory.control()) {
                return self.listen(stream, None);
            }
            match (directory.lock(), directory.tasks()) {
                (Ok(Some(place)), Ok(None)) if self.may_start(&standing) => {
                    drop(place);
                    return self.start(&directory);
                }
                (Ok(Some(_place)), Ok(_)) => return self.clean_up(&directory, &standing),
                // It is between its first and last moments.
                (Ok(None), Ok(_)) => std::thread::sleep(AGAIN),
                (Err(error), _) | (_, Err(error)) => {
                    self.warn(&format!("its supervisor cannot be looked for, and is tried again: {error}"));
                    std::thread::sleep(SLOWLY);
                }
            }
        }
    }

    /// Whether a run that nothing was started of is to be started still.
    fn may_start(&self, standing: &RunStanding) -> bool {
        standing.failed.is_none() && self.last_word.is_none() && self.starts < STARTS
    }

    /// The supervisor is dead, and this has its place: kills what it left, and writes down what it would have.
    fn clean_up(&self, directory: &RunDirectory, standing: &RunStanding) {
        self.warn("its supervisor died: all of it is killed");
        let Some(work) = self.work_of(directory) else { return self.end_unseen() };
        if self.run.step.is_none() {
            self.keep(|| directory.note_ending());
        }
        self.kill(directory, &work);
        if self.run.step.is_none() {
            end_steps(directory, 0);
        }
        if let Err(error) = directory.remove_script() {
            self.warn(&format!("its script stays: {error}"));
        }
        let ran = standing.launched || standing.exit.is_some();
        if !ran {
            let why = standing.failed.as_deref().unwrap_or("its supervisor died before the script ran");
            self.keep(|| directory.note_failed(why));
        } else if standing.ended.is_none() && work.has_tasks() {
            let ended = ended(&work, standing.exit.unwrap_or(KILLED));
            self.keep(|| directory.note_ended(&ended));
        }
        if let Err(error) = work.whole.as_ref().map_or(&work.group, |whole| &whole.group).remove() {
            self.warn(&error.to_string());
        }
        self.remove_private(work.put_private_aside());
        self.keep(|| directory.note_left());
        self.publish();
        self.read_log(directory);
    }

    /// Somebody took its directory away, and its supervisor is gone: what is left of it is found by its control group alone.
    fn end_unseen(&self) {
        self.warn("its directory was taken away: what is left of it is killed");
        let group = self.group();
        while !group.kill_all(SLOWLY) {
            std::thread::sleep(AGAIN);
        }
        if let Err(error) = group.remove() {
            self.warn(&error.to_string());
        }
        if let (Some(private), None) = (work::private(&self.site, self.run), self.run.step) {
            self.remove_private(private.put_aside());
        }
        self.known.left(self.run);
        (self.site.notify)();
    }

    /// Beside all else: there may be many files.
    fn remove_private(&self, aside: io::Result<Option<Aside>>) {
        let run = self.run;
        let remove = move || {
            if let Err(error) = aside.and_then(|aside| aside.map_or(Ok(()), Aside::remove)) {
                tracing::warn!(
                    run = run.to_string(),
                    "its own directories stay until the daemon's next start: {error}"
                );
            }
        };
        if let Err(error) = std::thread::Builder::new().spawn(remove) {
            self.warn(&format!("its own directories stay until the daemon's next start: {error}"));
        }
    }

    fn group(&self) -> RunGroup {
        work::group(&self.site, self.run)
    }

    /// `None` where it is gone.
    fn work_of(&self, directory: &RunDirectory) -> Option<Work> {
        loop {
            match directory.work() {
                Ok(work) => return Some(work),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(error) => self.warn(&format!("its directory cannot be read, and is tried again: {error}")),
            }
            std::thread::sleep(SLOWLY);
        }
    }

    /// Comes back when nothing of it is left.
    fn kill(&self, directory: &RunDirectory, work: &Work) {
        // Numbers of jobs are a cluster's own, and a host may serve two.
        let mut lines =
            vec![format!("SLURM_JOB_ID={}", work.job), format!("SLURM_CLUSTER_NAME={}", work.launch.cluster)];
        lines.extend(self.run.step.map(|step| format!("SLURM_STEP_ID={step}")));
        let is_dead = || match directory.tasks().ok().flatten() {
            _ if !work.group.is_none() => work.group.kill_all(SLOWLY),
            Some(tasks) => kill_all(|| left_of(&tasks, &lines), 50),
            None => true,
        };
        let mut said = false;
        while !is_dead() {
            if !said {
                self.warn("some of its processes do not die; they are killed again and again");
                said = true;
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// Writes something down that must not be lost: a full disk is waited for, a directory that was taken away is not.
    fn keep(&self, write: impl Fn() -> io::Result<()>) {
        while let Err(error) = write() {
            if error.kind() == io::ErrorKind::NotFound {
                return self.warn(&format!("cannot write down how it ended: {error}"));
            }
            self.warn(&format!("cannot write down how it ended, and try again: {error}"));
            std::thread::sleep(SLOWLY);
        }
    }

    fn fail(&self, directory: &RunDirectory, why: &str) {
        self.keep(|| directory.note_failed(why));
        self.keep(|| directory.note_left());
        self.publish();
    }

    /// What the supervisor had to say to people goes to the daemon's log.
    fn read_log(&self, directory: &RunDirectory) {
        let text = std::fs::read(directory.log()).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().take(20).for_each(|line| self.warn(line));
    }
}

/// How a run ended that nobody saw the end of.
fn ended(work: &Work, exit: ExitCode) -> Ended {
    let (group, times) = (&work.group, work.group.cpu_time());
    let out_of_memory = group.out_of_memory().is_some_and(|count| count > 0);
    let usage = RunUsage {
        user_cpu: times.map(|(user, _)| user),
        system_cpu: times.map(|(_, system)| system),
        peak_memory: group.memory_peak().map(|(peak, _)| peak),
        ..RunUsage::default()
    };
    Ended { end: ScriptEnd { exit, out_of_memory }, usage }
}

/// Each line is news; the end of the stream is the supervisor's.
fn hear(mut stream: UnixStream, asks: &Sender<Ask>, child: Option<Child>) {
    let mut lines = [0; 64];
    while stream.read(&mut lines).is_ok_and(|count| count > 0) {
        if asks.send(Ask::News).is_err() {
            break;
        }
    }
    // Nobody listens when the run is forgotten.
    let _ = asks.send(Ask::Attach);
    if let Some(mut child) = child {
        let _ = child.wait();
    }
}
