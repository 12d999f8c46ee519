//! From a bare shell to a running agent, over one program's input and output.
//!
//! One command line does it: a POSIX sh script looks for the agent by content hash in an owner-only directory and
//! becomes it; only when it is missing, the script asks for it. Whatever the host's shells print before that is
//! noise: every line that means something begins with a random word. Standard error comes mixed into the same
//! stream, so sudo's complaints are at hand when it ends early.

use super::image::{Image, Packing};
use super::link::Program;
use super::protocol::{self, Hello};
use super::refusal::Refusal;
use super::{Become, Secret};
use crate::text::hex::hex;
use std::io::{self, Read, Write};

/// How the agent is started on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// The copy that the host keeps, uploaded if it is missing.
    Cached,
    /// A new upload, because the kept copy is damaged.
    Fresh,
    /// The controller's own file: this machine is the host.
    InPlace,
}

/// The command line of one start, and the words that its output is recognised by.
pub struct Opening<'a> {
    image: &'a Image,
    who: &'a Become,
    means: Means,
    packing: Packing,
    mark: Word,
    prompt: Word,
}

/// A random word. The command line holds its halves apart, so a shell that echoes it (`set -x`) prints no word.
struct Word {
    left: String,
    right: String,
}

impl Word {
    fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self { left: hex(&bytes[..8]), right: hex(&bytes[8..]) })
    }

    fn whole(&self) -> String {
        format!("{}{}", self.left, self.right)
    }
}

/// What the bootstrap prints, in the order that it can come.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    /// sudo asks for the password.
    Prompt,
    /// The kept copy is about to be started.
    Have,
    /// The agent is missing; the processor's name.
    Need(String),
    /// The script gave up, saying why.
    Fail(String),
    /// The agent runs; frames follow.
    Hello,
}

/// Finds, fetches and becomes the agent, with as few processes as there can be. One line without backslash, single quote
/// or exclamation mark, because the login shell that it is quoted for may be csh or fish.
///
/// A new agent is written under a name of this start's own, so hosts that share a home don't meet in it, and kept under
/// its digest by the agent itself, once that has found its digest to be right (`agent_main`).
const SCRIPT: &str = concat!(
    r#"m=@LEFT@; m=${m}@RIGHT@; d=${HOME:-/}/.cache/enlist; f=$d/agent-@DIGEST@; "#,
    r#"die() { echo; echo "$m fail $*"; exit 1; }; "#,
    r#"own() { if [ -L "$1" ]; then return 1; fi; [ -O "$1" ]; }; "#,
    r#"usable() { if [ -e "$d" ]; then own "$d" && [ -d "$d" ] && chmod 700 "$d"; "#,
    r#"else mkdir -p -m 700 "$d" && own "$d"; fi && n=$f.@LEFT@ && : >"$n" && chmod 700 "$n" && [ -x "$n" ]; }; "#,
    r#"if @KEEP@ && own "$d" && own "$f" && [ -f "$f" ] && [ -x "$f" ]; then echo; echo "$m have"; exec "$f" $m; fi; "#,
    r#"o=; if [ -e "$f" ] || [ -L "$f" ]; then o=$f; fi; "#,
    r#"read -r a 2>/dev/null </proc/sys/kernel/arch || a=$(uname -m); "#,
    r#"echo; echo "$m need $a"; u=$(umask); umask 077; how=keep; "#,
    r#"if usable 2>/dev/null; then [ -z "$o" ] || rm -f "$o"; else how=once; "#,
    r#"for t in "${TMPDIR:-/tmp}" /var/tmp /dev/shm "${XDG_RUNTIME_DIR:-/run}"; do "#,
    r#"d=$(mktemp -d "$t/enlist.XXXXXXXX" 2>/dev/null) || continue; f=$d/agent; "#,
    r#"if usable 2>/dev/null; then break; fi; rm -rf "$d"; d=; done; "#,
    r#"[ "$d" ] || die no directory where programs can be written and run: tried ~/.cache/enlist, "#,
    r#""${TMPDIR:-/tmp}", /var/tmp, /dev/shm; fi; "#,
    r#"read -r s; head -c "$s" @UNPACK@ >"$n" && [ "$(wc -c <"$n")" -eq @LENGTH@ ] || { rm -f "$n"; die cannot write "$f"; }; "#,
    r#"umask $u; exec "$n" $m $how"#,
);

impl<'a> Opening<'a> {
    /// Plans one start. Fails when there is no randomness, or when the user's name cannot be put on a command line.
    pub fn new(image: &'a Image, who: &'a Become, means: Means, packing: Packing) -> io::Result<Self> {
        if let Become::Sudo { user, .. } = who
            && (user.is_empty() || user.chars().any(char::is_control))
        {
            return Err(io::Error::other(format!("{user:?} cannot be a user name")));
        }
        Ok(Self { image, who, means, packing, mark: Word::random()?, prompt: Word::random()? })
    }

    /// What the login shell is to run.
    pub fn command(&self) -> String {
        let inner = match self.means {
            Means::InPlace => {
                let path = quote(&self.image.path.to_string_lossy());
                return self.sudo(&format!("{path} {}", self.mark.whole()));
            }
            Means::Cached | Means::Fresh => self.script(),
        };
        self.sudo(&format!("/bin/sh -c {}", quote(&inner)))
    }

    fn script(&self) -> String {
        SCRIPT
            .replace("@LEFT@", &self.mark.left)
            .replace("@RIGHT@", &self.mark.right)
            .replace("@DIGEST@", &self.image.digest)
            .replace("@UNPACK@", self.packing.undone_by())
            .replace("@LENGTH@", &self.image.packed(Packing::Plain).len().to_string())
            .replace("@KEEP@", if self.means == Means::Fresh { "false" } else { ":" })
    }

    /// `LC_MESSAGES=C` keeps sudo's complaints in the words that are looked for.
    fn sudo(&self, command: &str) -> String {
        match self.who {
            Become::Login => command.to_owned(),
            Become::Sudo { user, password: None } => {
                format!("env LC_MESSAGES=C sudo -H -n -u {} {command}", quote(user))
            }
            Become::Sudo { user, password: Some(_) } => {
                let prompt = format!("'{}''{}:'", self.prompt.left, self.prompt.right);
                format!("env LC_MESSAGES=C sudo -H -S -p {prompt} -u {} {command}", quote(user))
            }
        }
    }

    fn password(&self) -> Option<&Secret> {
        match self.who {
            Become::Sudo { password, .. } => password.as_ref(),
            Become::Login => None,
        }
    }

    /// Talks with what [`Opening::command`] started until the agent has said hello.
    pub fn greet<P: Program>(&self, program: P) -> Result<Incoming<P>, Refusal> {
        let mut from = Incoming { program, pending: Vec::new() };
        let (mut asked, mut kept, mut noise) = (false, false, Vec::new());
        loop {
            match self.next_event(&mut from, &mut noise)? {
                None if kept => return Err(Refusal::Damaged),
                None => return Err(Refusal::Ended(from.program.ending(), text(&noise))),
                Some(Event::Prompt) if asked => return Err(Refusal::WrongPassword),
                Some(Event::Prompt) => {
                    asked = true;
                    let password = self.password().map(Secret::reveal).unwrap_or_default();
                    from.write_all(format!("{password}\n").as_bytes())?;
                    from.flush()?;
                }
                Some(Event::Have) => kept = true,
                Some(Event::Need(machine)) => self.upload(&machine, &mut from)?,
                Some(Event::Fail(why)) => return Err(Refusal::GaveUp(why, text(&noise))),
                Some(Event::Hello) => break,
            }
        }
        let hello: Option<Hello> = protocol::receive(&mut from)?;
        match hello {
            Some(hello) if hello.digest == self.image.digest => Ok(from),
            _ => Err(Refusal::Damaged),
        }
    }

    fn upload(&self, machine: &str, to: &mut impl Write) -> Result<(), Refusal> {
        if self.image.machine().is_some_and(|ours| ours != machine) {
            return Err(Refusal::OtherMachine(machine.to_owned()));
        }
        let program = self.image.packed(self.packing);
        to.write_all(format!("{}\n", program.len()).as_bytes())?;
        to.write_all(program)?;
        Ok(to.flush()?)
    }

    /// Reads until something that means something; what came before it is noise.
    fn next_event<P: Program>(&self, from: &mut Incoming<P>, noise: &mut Vec<u8>) -> io::Result<Option<Event>> {
        let (mark, prompt) = (self.mark.whole(), format!("{}:", self.prompt.whole()));
        loop {
            if let Some((start, end, event)) = find_event(&from.pending, &mark, &prompt) {
                noise.extend_from_slice(&from.pending[..start]);
                from.pending.drain(..end);
                return Ok(Some(event));
            }
            let mut chunk = [0; 8192];
            match from.program.read(&mut chunk)? {
                0 => {
                    noise.append(&mut from.pending);
                    return Ok(None);
                }
                length => from.pending.extend_from_slice(&chunk[..length]),
            }
            let keep = from.pending.len().min(NOISE_LIMIT);
            from.pending.drain(..from.pending.len() - keep);
        }
    }
}

/// How much that means nothing is kept while looking for something that does.
const NOISE_LIMIT: usize = 256 << 10;

/// The first event in `seen`: where it begins, where it ends, what it is.
fn find_event(seen: &[u8], mark: &str, prompt: &str) -> Option<(usize, usize, Event)> {
    let prompt_at = find(seen, prompt.as_bytes());
    let mark_at = find(seen, mark.as_bytes()).filter(|at| prompt_at.is_none_or(|prompt_at| *at < prompt_at));
    let Some(start) = mark_at else {
        return prompt_at.map(|at| (at, at + prompt.len(), Event::Prompt));
    };
    let line = &seen[start + mark.len()..];
    let length = line.iter().position(|byte| *byte == b'\n')?;
    let end = start + mark.len() + length + 1;
    let line = String::from_utf8_lossy(&line[..length]);
    let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let event = match word {
        "have" => Event::Have,
        "need" => Event::Need(rest.to_owned()),
        "hello" => Event::Hello,
        _ => Event::Fail(rest.to_owned()),
    };
    Some((start, end, event))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The last lines of what was printed, for people.
fn text(noise: &[u8]) -> String {
    let text = String::from_utf8_lossy(noise);
    let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// Quotes one word for any shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A program's output, of which the beginning may have been read already; writing goes straight to it.
#[derive(Debug)]
pub struct Incoming<P> {
    /// The program itself.
    pub program: P,
    pending: Vec<u8>,
}

impl<P: Read> Read for Incoming<P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            return self.program.read(buffer);
        }
        let length = self.pending.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.pending[..length]);
        self.pending.drain(..length);
        Ok(length)
    }
}

impl<P: Write> Write for Incoming<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.program.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.program.flush()
    }
}

#[cfg(test)]
mod tests;
