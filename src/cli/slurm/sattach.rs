//! `sattach`: listens to a step that runs.

use super::granted::Asking;
use super::news::{self, News};
use super::srun::attach::{self, Heard};
use super::{caught, client, complain, texts};
use crate::cli::exit::Exit;
use crate::view::styles::{stderr, stdout};
use commands::Reply;
use commands::sattach::{self, Attach, NO_STEP};
use commands::sbatch::Stop;
use nix::sys::signal::Signal;
use service::daemon::api::{self, Request, StreamStep};
use std::ffi::OsString;
use std::sync::mpsc;
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
        Err(Stop(reply)) => {
            let Reply { stdout: out, stderr: err, code, .. } = *reply;
            stdout().text(&out);
            stderr().text(&err);
            Exit(code)
        }
        Ok(attach) => listen(&attach).unwrap_or_else(|exit| exit),
    }
}

fn listen(attach: &Attach) -> Result<Exit, Exit> {
    let asking = Asking { program: "sattach", failed: "", quiet: attach.quiet, immediate: None };
    let tasks = tasks(attach).ok_or_else(|| asking.fail(NO_STEP))?;
    let (tell, news) = mpsc::channel();
    let to = tell.clone();
    let caught = caught::catch(SIGNALS, move |signal| _ = to.send(News::Signal(signal)));
    caught.map_err(|error| asking.fail(&format!("cannot take signals: {error}")))?;
    let step = StreamStep { job: attach.job, step: attach.step, owner: false };
    let mut heard = Heard::begin(step, &tell);
    let until = Instant::now() + PATIENCE;
    while heard.tasks() < tasks {
        match news::next(&news, Some(until)) {
            Some(News::Signal(_)) => return Ok(Exit(130)),
            Some(News::Linked(Err(_))) => return Err(asking.fail(NO_STEP)),
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
    let name = format!("{}.{}", attach.job, commands::step::name(attach.step));
    let argv = ["-o", "show", "step", &name].map(str::to_owned).to_vec();
    let answer = client::ask(&api::socket(), "scontrol", &Request { argv, ..Request::default() }).ok()?;
    answer.stdout.split_whitespace().find_map(|word| word.strip_prefix("Tasks=")?.parse().ok())
}
