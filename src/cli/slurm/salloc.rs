//! `salloc`: nodes for as long as a command runs here.

use super::granted::{self, Asking};
use super::news::{self, News};
use super::srun;
use super::{complain, given, printed, texts};
use crate::cli::exit::Exit;
use crate::view::styles::stderr;
use commands::salloc::{self, Allocation, Granted};
use commands::sbatch::Stop;
use jiff::Zoned;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scheduling::id::JobId;
use service::daemon::api::Allocated;
use slurm::records::ExitCode;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// The command has so long to end when the nodes are gone with `salloc` itself.
const PATIENCE: Duration = Duration::from_secs(5);

const SIGNALS: &[Signal] = &[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGWINCH];

/// `salloc`
pub fn run(args: Vec<OsString>) -> Exit {
    let now = Zoned::now();
    let given = texts(args).and_then(|argv| given::given(&now).map(|given| (argv, given)));
    let (argv, given) = match given {
        Ok(given) => given,
        Err(error) => return complain("salloc", &error),
    };
    match salloc::read(&argv, &given) {
        Err(Stop(reply)) => Exit(super::sbatch::or_chosen(printed(*reply))),
        Ok(allocation) => begin(allocation).unwrap_or_else(|exit| exit),
    }
}

/// Gets the nodes and uses them. The error is how `salloc` ends without them, all being said.
fn begin(allocation: Allocation) -> Result<Exit, Exit> {
    let asking =
        Asking { program: "salloc", failed: salloc::FAILED, quiet: allocation.quiet, immediate: allocation.immediate };
    allocation.notes.iter().for_each(|note| asking.say(note));
    let (tell, news) = asking.listen(SIGNALS)?;
    let job = asking.submit(allocation.request.clone(), false, allocation.cluster.clone())?;
    let standing = asking.wait(job, &news, &tell)?;
    asking.say(&format!("Granted job allocation {job}"));
    if allocation.bell {
        stderr().text("\x07");
    }
    let Some(allocated) = standing.allocation.filter(|_| !allocation.no_shell) else { return Ok(Exit::OK) };
    if allocation.command.is_empty() && is_interactive_step() {
        return Ok(on_node(&asking, job, &news, &tell));
    }
    Ok(here(&asking, &allocation, job, &allocated, &news, &tell))
}

/// `LaunchParameters=use_interactive_step`
fn is_interactive_step() -> bool {
    let has = |value: String| value.split(',').any(|word| word.trim() == "use_interactive_step");
    granted::config("LaunchParameters").is_some_and(has)
}

/// A shell on the first node.
fn on_node(asking: &Asking, job: JobId, news: &Receiver<News>, tell: &Sender<News>) -> Exit {
    let Exit(code) = srun::interactive(job, shell(), news, tell);
    relinquish(asking, job, ExitCode { code, signal: 0 });
    Exit(code)
}

fn shell() -> OsString {
    let own = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    own.unwrap_or_else(|| "/bin/sh".into())
}

/// The command, or a shell, on this host.
fn here(
    asking: &Asking,
    allocation: &Allocation,
    job: JobId,
    allocated: &Allocated,
    news: &Receiver<News>,
    tell: &Sender<News>,
) -> Exit {
    let shell = shell();
    let words: Vec<&OsStr> = match allocation.command.as_slice() {
        [] => vec![&shell],
        words => words.iter().map(OsStr::new).collect(),
    };
    let granted = granted_to(job, allocated);
    let variables = allocation.environment.iter().chain(&granted).map(|(name, value)| (*name, value));
    let child = match Command::new(words[0]).args(&words[1..]).envs(variables).spawn() {
        Ok(child) => child,
        Err(error) => {
            let exit = asking.fail(&format!("cannot run {}: {error}", words[0].display()));
            relinquish(asking, job, ExitCode { code: 1, signal: 0 });
            return exit;
        }
    };
    let pid = Pid::from_raw(child.id().cast_signed());
    tell_end(child, tell.clone());
    granted::tell_when_over(job, tell.clone());
    accompany(asking, allocation.kill_command, job, pid, news)
}

fn granted_to(job: JobId, allocated: &Allocated) -> Vec<(&'static str, String)> {
    let granted = Granted {
        job: job.0,
        name: &allocated.name,
        cluster: &allocated.cluster,
        account: &allocated.account,
        partition: &allocated.partition,
        qos: &allocated.qos,
        nodes: allocated.nodes.iter().map(|node| (node.node.as_str(), node.cpus, node.tasks)).collect(),
    };
    granted.environment()
}

fn tell_end(mut child: Child, tell: Sender<News>) {
    std::thread::spawn(move || _ = tell.send(News::Ended(child.wait())));
}

/// Until the command ends, or the nodes or this process are to go.
fn accompany(asking: &Asking, kill_command: Option<u8>, job: JobId, pid: Pid, news: &Receiver<News>) -> Exit {
    let (mut is_revoked, mut latest) = (false, None);
    loop {
        match news::next(news, latest) {
            Some(News::Ended(ended)) => {
                let (code, exit) = outcome(ended);
                if !is_revoked {
                    relinquish(asking, job, exit);
                }
                return Exit(code);
            }
            Some(News::Standing(_)) if !is_revoked => {
                is_revoked = true;
                revoked(asking, kill_command, job, pid);
            }
            Some(News::Signal(Signal::SIGTERM | Signal::SIGHUP)) if !is_revoked => {
                is_revoked = true;
                give_back(asking, job, ExitCode { code: 0, signal: Signal::SIGTERM as u8 });
                latest = Some(Instant::now() + PATIENCE);
                revoked(asking, Some(Signal::SIGTERM as u8), job, pid);
            }
            // It goes on without us.
            None => return Exit::OK,
            // What is typed is the command's.
            Some(_) => {}
        }
    }
}

fn revoked(asking: &Asking, kill_command: Option<u8>, job: JobId, pid: Pid) {
    asking.say(&format!("Job allocation {job} has been revoked."));
    let chosen = kill_command.and_then(|number| Signal::try_from(i32::from(number)).ok());
    for signal in [Some(Signal::SIGHUP), chosen].into_iter().flatten() {
        // One that has ended meanwhile needs none.
        let _ = kill(pid, signal);
    }
}

fn relinquish(asking: &Asking, job: JobId, exit: ExitCode) {
    asking.say(&format!("Relinquishing job allocation {job}"));
    give_back(asking, job, exit);
}

fn give_back(asking: &Asking, job: JobId, exit: ExitCode) {
    if let Err(why) = granted::finish(job, exit) {
        asking.fail(&format!("job allocation {job} is not given back: {}; scancel {job} does it", why.words()));
    }
}

/// The exit code of `salloc`, and what the job's is. A hang-up and the like are how an allocation usually ends.
fn outcome(ended: std::io::Result<ExitStatus>) -> (u8, ExitCode) {
    let Ok(status) = ended else { return (1, ExitCode { code: 1, signal: 0 }) };
    match (status.code(), status.signal()) {
        (Some(code), _) => (code as u8, ExitCode { code: code as u8, signal: 0 }),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            let usual = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL];
            let is_usual = usual.iter().any(|usual| *usual as i32 == signal);
            (u8::from(!is_usual), ExitCode { code: 0, signal: signal as u8 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_command_ended_with() {
        for (raw, code, exit) in [(0, 0, (0, 0)), (3 << 8, 3, (3, 0)), (1, 0, (0, 1)), (9, 0, (0, 9)), (11, 1, (0, 11))]
        {
            let (said, of_job) = outcome(Ok(ExitStatus::from_raw(raw)));
            assert_eq!((said, (of_job.code, of_job.signal)), (code, exit), "{raw}");
        }
    }
}
