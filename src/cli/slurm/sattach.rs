//! `sattach`: listens to a step that runs.

use super::granted::Asking;
use super::news::{self, News};
use super::srun::attach::{self, Heard};
use super::{client, complain, printed, texts};
use crate::cli::exit::Exit;
use crate::view::styles::stdout;
use commands::sattach::{self, Attach};
use commands::sbatch::Stop;
use nix::sys::signal::Signal;
use service::daemon::api::{self, Request, StreamStep};
use std::ffi::OsString;
use std::time::{Duration, Instant};

/// Nodes that have not said by now who runs on them are not listened to.
const PATIENCE: Duration = Duration::from_secs(10);

const SIGNALS: &[Signal] = &[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

/// `sattach`
pub fn run(args: Vec<OsString>) -> Exit {
    let argv = match texts(args) {
        Ok(argv) => argv,
        Err(error) => return complain("sattach", &error),
    };
    match sattach::read(&argv) {
        Err(Stop(reply)) => Exit(printed(*reply)),
        Ok(attach) => listen(&attach).unwrap_or_else(|exit| exit),
    }
}

fn listen(attach: &Attach) -> Result<Exit, Exit> {
    let asking = Asking { program: "sattach", failed: "", quiet: attach.quiet, immediate: None };
    let tasks = tasks(attach).ok_or_else(|| asking.fail(&sattach::no_step()))?;
    let (tell, news) = asking.listen(SIGNALS)?;
    let step = StreamStep { job: attach.job, step: attach.step, owner: false };
    let mut heard = Heard::begin(step, &tell);
    let until = Instant::now() + PATIENCE;
    while heard.tasks() < tasks {
        match news::next(&news, Some(until)) {
            Some(News::Signal(signal)) => return Ok(Exit(128 + signal as u8)),
            Some(News::Linked(Err(_))) => return Err(asking.fail(&sattach::no_step())),
            Some(news) => heard.take(news),
            None => break,
        }
    }
    if heard.tasks() == 0 {
        return Err(asking.fail("no node says that it runs any of this step's tasks"));
    }
    if attach.layout {
        stdout().text(&sattach::layout(&heard.layout()));
        return Ok(Exit::OK);
    }
    Ok(Exit(attach::session(&asking, attach, heard, &news, &tell).run()))
}

/// How many tasks the step has, if it runs.
fn tasks(attach: &Attach) -> Option<usize> {
    let name = format!("{}.{}", attach.job, attach.step);
    let argv = ["-o", "show", "step", &name].map(str::to_owned).to_vec();
    let answer = client::ask(&api::socket(), "scontrol", &Request { argv, ..Request::default() }).ok()?;
    answer.stdout.split_whitespace().find_map(|word| word.strip_prefix("Tasks=")?.parse().ok())
}
