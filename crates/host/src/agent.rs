//! The agent: modules over standard input and output, one request at a time, until the input ends.

use crate::change::outcome::{Failure, ItemResult};
use crate::engine::AnyModule;
use crate::modules::find;
use crate::protocol::{self, AgentAnswer, AgentReply, AgentRequest, Bound, Hello};
use crate::system::System;
use crate::system::local::Local;
use crate::system::predicted::Predicted;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Uid;
use sha2::{Digest, Sha256};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use words::text::hex::hex;
use words::value::census::{self, Prices};

/// Carries out one request on a system: the real one, a predicted one, or a fake in tests.
pub fn answer(request: &AgentRequest, system: &mut dyn System) -> AgentReply {
    let results = match find(&request.module) {
        Some(module) => module.run(&request.items, system),
        None => return refused(request, Failure::new(format!("couldn't resolve module/action '{}'", request.module))),
    };
    AgentReply { results }
}

/// The same failure for every item.
fn refused(request: &AgentRequest, failure: Failure) -> AgentReply {
    AgentReply { results: request.items.iter().map(|_| ItemResult::unchanged(Err(failure.clone()))).collect() }
}

/// This host with one set of account files, really and as dry runs see it: what they predict adds up over the whole run.
struct Host {
    real: Local,
    predicted: Predicted<Local>,
    /// Whether what killed processes left was looked for: once, when the first account module is to change something.
    tidied: bool,
}

impl Host {
    fn new(accounts: Option<&Path>) -> Self {
        let local = || accounts.map_or_else(Local::new, |etc| Local::new().with_accounts_in(etc));
        Self { real: local(), predicted: Predicted::new(local()), tidied: false }
    }

    fn answer(&mut self, request: &AgentRequest) -> AgentReply {
        if request.check {
            self.predicted.inner_mut().set_environment(request.environment.clone());
            return answer(request, &mut self.predicted);
        }
        self.real.set_environment(request.environment.clone());
        if !self.tidied && find(&request.module).is_some_and(AnyModule::works_alone) {
            self.tidied = true;
            if let Err(error) = self.real.tidy() {
                return refused(request, error.into());
            }
        }
        let reply = answer(request, &mut self.real);
        self.real.end_request();
        reply
    }
}

/// Says hello after a line with `mark`, then answers requests until the input ends or a signal asks to stop.
///
/// A signal that comes during a request is heeded after it, so no lock is left behind and no file half-written. A
/// controller that is gone is noticed when the answer cannot be written. `digest` is [`own_digest`].
#[expect(clippy::disallowed_methods, reason = "a controller reads it, no person")]
pub fn serve(mark: &str, digest: String) -> io::Result<()> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let stop = stop_signals()?;
    report_panics(output.try_clone()?);
    let mut hosts: HashMap<Option<PathBuf>, Host> = HashMap::new();
    output.write_all(format!("\n{mark} hello\n").as_bytes())?;
    protocol::send(&mut output, &Hello { uid: crate::identity::Uid(Uid::effective().as_raw()), digest })?;
    while wait(&input, &stop)? {
        let Some(request) = protocol::receive::<AgentRequest>(&mut input)? else { break };
        let accounts = request.accounts_in.clone();
        let host = hosts.entry(accounts).or_insert_with_key(|accounts| Host::new(accounts.as_deref()));
        output.write_all(&frame_within(host.answer(&request), request.bound)?)?;
    }
    Ok(())
}

/// The frame of a reply that keeps to the request's bound: a controller hangs up on longer ones.
fn frame_within(reply: AgentReply, bound: Bound) -> io::Result<Vec<u8>> {
    let answer = AgentAnswer::Ok(reply);
    let whole = protocol::frame(&answer);
    match (whole, answer) {
        (Ok(frame), _) if bound.refusal(&frame[4..]).is_none() => Ok(frame),
        (_, AgentAnswer::Ok(reply)) => protocol::frame(&AgentAnswer::Ok(cut_down(reply, bound)?)),
        (whole, AgentAnswer::Err(_)) => whole,
    }
}

/// What an item whose result cannot be sent takes at most.
const NOTE: Bound = Bound { bytes: 2048, values: 40 };

/// Items in order as long as they fit, with room left for the others to be named; an item whose result does not fit
/// fails, and says whether it changed something.
fn cut_down(reply: AgentReply, bound: Bound) -> io::Result<AgentReply> {
    let mut others = reply.results.len();
    let mut left = Bound { bytes: bound.bytes - 64, values: bound.values - 8 };
    let mut results = Vec::with_capacity(others);
    for result in reply.results {
        others -= 1;
        let room = Bound {
            bytes: left.bytes.saturating_sub(others * NOTE.bytes),
            values: left.values.saturating_sub(others * NOTE.values),
        };
        let result = match room.refusal(&serde_json::to_vec(&result)?) {
            None => result,
            Some(why) => too_large(result, &why),
        };
        let sent = serde_json::to_vec(&result)?;
        left.bytes = left.bytes.saturating_sub(sent.len() + 1);
        let counted = census::count(&sent, usize::MAX, Prices::EVERY_VALUE).map_err(serde_json::Error::from)?;
        left.values = left.values.saturating_sub(counted);
        results.push(result);
    }
    Ok(AgentReply { results })
}

fn too_large(result: ItemResult, why: &str) -> ItemResult {
    let failure = Failure::new(format!("the result is too large to be sent to the controller: {why}"))
        .hint("ask for less, or leave it in a file on the host");
    let failure = Failure { acted: result.changed, ..failure };
    ItemResult { changes: Vec::new(), changed: result.changed, outcome: Err(failure) }
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
        let _ = protocol::send(&mut &output, &AgentAnswer::Err(info.to_string()));
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
        let request = AgentRequest {
            module: "nonesuch".into(),
            items: vec![Default::default(); 2],
            check: false,
            environment: vec![],
            accounts_in: None,
            bound: Bound::USUAL,
            patience: None,
        };
        let reply = answer(&request, &mut Fake::new());
        assert_eq!(reply.results.len(), 2);
        let failure = reply.results[0].outcome.clone().unwrap_err();
        assert_eq!(failure.msg, "couldn't resolve module/action 'nonesuch'");
    }

    fn read_back(frame: &[u8]) -> Vec<ItemResult> {
        protocol::receive::<AgentAnswer>(&mut &frame[..]).unwrap().unwrap().unwrap().results
    }

    #[test]
    fn what_is_too_large_fails_its_item_alone() {
        let said = |text: String| ItemResult {
            changed: true,
            ..ItemResult::unchanged(Ok(crate::change::outcome::Outcome::new().with("stdout", text)))
        };
        let long = || said("x".repeat(3 << 20));
        let results = vec![said("one".into()), long(), long(), said("\n".repeat(2000)), said("two".into())];
        let bound = Bound { bytes: 4 << 20, values: 1000 };
        let frame = frame_within(AgentReply { results }, bound).unwrap();
        assert_eq!(bound.refusal(&frame[4..]), None);
        let back = read_back(&frame);
        let well: Vec<bool> = back.iter().map(|result| result.outcome.is_ok()).collect();
        assert_eq!(well, [true, true, false, false, true]);
        let failure = back[2].outcome.clone().unwrap_err();
        assert!(failure.msg.contains("too large to be sent") && failure.acted, "{}", failure.msg);
        let lines = back[3].outcome.clone().unwrap_err();
        assert!(lines.msg.contains("values"), "{}", lines.msg);
    }

    #[test]
    fn what_fits_is_sent_as_it_is() {
        let results = vec![ItemResult::unchanged(Err(Failure::new("x")))];
        let frame = frame_within(AgentReply { results: results.clone() }, Bound::USUAL).unwrap();
        assert_eq!(read_back(&frame), results);
    }
}
