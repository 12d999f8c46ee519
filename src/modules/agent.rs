//! The agent: modules over standard input and output, one request at a time, until the input ends.

use super::{Args, Failure, ItemResult, engine, find};
use crate::connection::protocol::{self, Answer, Hello, Reply, Request};
use crate::system::System;
use crate::system::local::Local;
use crate::system::predicted::Predicted;
use crate::text::hex::hex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Uid;
use sha2::{Digest, Sha256};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Carries out one request on a system: the real one, a predicted one, or a fake in tests.
pub fn answer(request: &Request, system: &mut dyn System) -> Reply {
    let results = match find(&request.module) {
        Some(module) => {
            let items: Vec<_> = request.items.iter().map(|item| Args::check(module.spec(), item)).collect();
            engine::run(module, &items, system)
        }
        None => {
            let failure = Failure::new(format!("couldn't resolve module/action '{}'", request.module));
            request.items.iter().map(|_| ItemResult::unchanged(Err(failure.clone()))).collect()
        }
    };
    Reply { results }
}

/// This host, really and as dry runs see it: what they predict adds up over the whole run.
struct Host {
    real: Local,
    predicted: Predicted<Local>,
}

impl Host {
    fn new() -> Self {
        Self { real: Local::new(), predicted: Predicted::new(Local::new()) }
    }

    fn answer(&mut self, request: &Request) -> Reply {
        if request.check {
            self.predicted.inner_mut().set_environment(request.environment.clone());
            return answer(request, &mut self.predicted);
        }
        self.real.set_environment(request.environment.clone());
        answer(request, &mut self.real)
    }
}

/// Says hello after a line with `mark`, then answers requests until the input ends or a signal asks to stop.
///
/// A signal that comes during a request is heeded after it, so no lock is left behind and no file half-written. A
/// controller that is gone is noticed when the answer cannot be written. `digest` is [`own_digest`].
pub fn serve(mark: &str, digest: String) -> io::Result<()> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let stop = stop_signals()?;
    report_panics(output.try_clone()?);
    let mut host = Host::new();
    output.write_all(format!("\n{mark} hello\n").as_bytes())?;
    protocol::send(&mut output, &Hello { uid: Uid::effective().as_raw(), digest })?;
    while wait(&input, &stop)? {
        let Some(request) = protocol::receive::<Request>(&mut input)? else { break };
        protocol::send(&mut output, &Answer::Ok(host.answer(&request)))?;
    }
    Ok(())
}

/// What becomes readable when someone wants the agent to end. Unlike blocked signals, handlers are not inherited by
/// the programs that modules start.
fn stop_signals() -> io::Result<UnixStream> {
    let (stop, signalled) = UnixStream::pair()?;
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, signalled.try_clone()?)?;
    }
    Ok(stop)
}

/// Waits for input; false when asked to stop.
fn wait(input: &File, stop: &UnixStream) -> io::Result<bool> {
    loop {
        let mut both = [PollFd::new(input.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) => return Ok(!both[1].any().unwrap_or(true)),
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A bug's last words go to the controller, which waits for an answer.
fn report_panics(output: File) {
    std::panic::set_hook(Box::new(move |info| {
        let _ = protocol::send(&mut &output, &Answer::Err(info.to_string()));
    }));
}

/// SHA-256 of the running program: it tells the controller that this copy is whole.
pub fn own_digest() -> io::Result<String> {
    let mut program = File::open("/proc/self/exe")?;
    let mut digest = Sha256::new();
    let mut piece = [0; 16 << 10];
    loop {
        match program.read(&mut piece)? {
            0 => return Ok(hex(&digest.finalize())),
            length => digest.update(&piece[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::Fake;

    #[test]
    fn an_unknown_module_fails_every_item() {
        let request = Request {
            module: "nonesuch".into(),
            items: vec![Default::default(); 2],
            check: false,
            environment: vec![],
        };
        let reply = answer(&request, &mut Fake::new());
        assert_eq!(reply.results.len(), 2);
        let failure = reply.results[0].outcome.clone().unwrap_err();
        assert_eq!(failure.msg, "couldn't resolve module/action 'nonesuch'");
    }
}
