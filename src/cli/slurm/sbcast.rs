//! `sbcast`: a file to all nodes of a job, by a step that writes it there as the user.

use super::granted::{self, Asking};
use super::srun::{self, How};
use super::{complain, printed, texts};
use crate::cli::exit::Exit;
use commands::sbatch::Stop;
use commands::sbcast::{self, Broadcast};
use commands::srun::streams::OwnInput;
use nix::sys::signal::Signal;
use scheduling::id::JobId;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;

/// `sbcast`
pub fn run(args: Vec<OsString>) -> Exit {
    let argv = match texts(args) {
        Ok(argv) => argv,
        Err(error) => return complain("sbcast", &error),
    };
    match sbcast::read(&argv, &std::env::vars().collect()) {
        Err(Stop(reply)) => Exit(printed(*reply)),
        Ok(broadcast) => send(&broadcast).unwrap_or_else(|exit| exit),
    }
}

fn send(broadcast: &Broadcast) -> Result<Exit, Exit> {
    let asking = Asking { program: "sbcast", failed: "", quiet: true, immediate: None };
    let unopened = |error: std::io::Error| {
        let error = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or_default()).desc();
        asking.fail(&format!("Can't open `{}`: {error}", broadcast.from))
    };
    let about = std::fs::metadata(&broadcast.from).map_err(unopened)?;
    std::fs::File::open(&broadcast.from).map_err(unopened)?;
    if !about.is_file() {
        return Err(asking.fail(&format!("Can't open `{}`: it is no regular file", broadcast.from)));
    }
    let job = JobId(broadcast.job);
    let standing = granted::standing(job, false).map_err(|why| asking.fail(&why.words()))?;
    let Some(allocated) = standing.allocation.as_ref().filter(|_| standing.has_nodes()) else {
        return Err(asking.fail(&format!("job {job} has no nodes: it is {}", standing.state)));
    };
    let count = allocated.nodes.len();
    let mut words =
        ["--overlap".to_owned(), format!("--jobid={job}"), format!("-N{count}"), format!("-n{count}")].to_vec();
    words.push("--ntasks-per-node=1".to_owned());
    words.extend(broadcast.program(about.len(), about.mode() & 0o7777, about.mtime()));
    let mut run = srun::step("sbcast", &words, commands::srun::VARIABLES)?;
    run.input = OwnInput::File(broadcast.from.replace('%', "%%"));
    run.step.name = "sbcast".to_owned();
    // It needs nothing that the job's own steps would miss.
    (run.step.memory, run.step.gres, run.step.cpus_per_task) = (Default::default(), Some(Vec::new()), None);
    let (tell, news) = asking.listen(&[Signal::SIGINT, Signal::SIGTERM])?;
    run.quit_on_interrupt = true;
    let how = How { errors_of: Some("REQUEST_FILE_BCAST") };
    let Exit(code) = srun::in_job(&asking, job, &run, &how, &news, &tell)?;
    Ok(Exit(code.min(1)))
}
