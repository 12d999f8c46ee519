//! From a bare shell to a running agent, over one program's input and output.
//!
//! One command line does it: a POSIX sh script looks for the agent by content hash in an owner-only directory and
//! becomes it; only when it is missing, the script asks for it. Whatever the host's shells print before that is
//! noise: every line that means something begins with a random word. Standard error comes mixed into the same
//! stream, so sudo's complaints are at hand when it ends early.

mod listener;

use crate::connection::answer;
use crate::connection::image::{Image, Packing};
use crate::connection::incoming::{Incoming, time_for};
use crate::connection::machine::Program;
use crate::connection::refusal::Refusal;
use crate::connection::{Become, Secret};
use host::protocol::{Bound, Hello};
use listener::{Event, Listener};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};
use words::text::hex::hex;

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

/// Takes back what was set for sudo alone.
const FORGET: &str = "unset LC_ALL; ";

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
                let (path, mark) = (quote(&self.image.path.to_string_lossy()), self.mark.whole());
                return match self.who {
                    Become::Login => format!("{path} {mark}"),
                    Become::Sudo { .. } => {
                        self.sudo(&format!("/bin/sh -c '{FORGET} exec \"$0\" \"$1\"' {path} {mark}"))
                    }
                };
            }
            Means::Cached | Means::Fresh => self.script(),
        };
        self.sudo(&format!("/bin/sh -c {}", quote(&inner)))
    }

    fn script(&self) -> String {
        let forget = if *self.who == Become::Login { "" } else { FORGET };
        format!("{forget}{SCRIPT}")
            .replace("@LEFT@", &self.mark.left)
            .replace("@RIGHT@", &self.mark.right)
            .replace("@DIGEST@", &self.image.digest)
            .replace("@UNPACK@", self.packing.undone_by())
            .replace("@LENGTH@", &self.image.packed(Packing::Plain).len().to_string())
            .replace("@KEEP@", if self.means == Means::Fresh { "false" } else { ":" })
    }

    /// `LC_ALL=C` keeps sudo's complaints in the words that are looked for; what sudo starts forgets it.
    fn sudo(&self, command: &str) -> String {
        match self.who {
            Become::Login => command.to_owned(),
            Become::Sudo { user, password: None } => {
                format!("env LC_ALL=C sudo -H -n -u {} {command}", quote(user))
            }
            Become::Sudo { user, password: Some(_) } => {
                let prompt = format!("'{}''{}:'", self.prompt.left, self.prompt.right);
                format!("env LC_ALL=C sudo -H -S -p {prompt} -u {} {command}", quote(user))
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
    ///
    /// No silence may last longer than `patience`, and the whole start no longer than three times that, beside what an
    /// upload takes. Each event comes once.
    pub fn greet<P: Program>(&self, program: P, patience: Duration) -> Result<Incoming<P>, Refusal> {
        let mut from = Incoming::new(program);
        from.bear_silence(Some(patience));
        from.wait_until(Some(Instant::now() + 3 * patience));
        let mut seen = Listener::new(&self.mark.whole(), &format!("{}:", self.prompt.whole()));
        let (mut asked, mut found) = (false, None);
        loop {
            match seen.next(&mut from)? {
                None if found == Some(Event::Have) => return Err(Refusal::Damaged),
                None => return Err(Refusal::Ended(from.program.ending(), seen.noise())),
                Some(Event::Prompt) if asked => return Err(Refusal::WrongPassword),
                Some(Event::Prompt) => {
                    asked = true;
                    self.give_password(&mut from)?;
                }
                Some(Event::Have | Event::Need(_)) if found.is_some() => return Err(Refusal::Repeating),
                Some(Event::Need(machine)) => {
                    self.upload(&machine, &mut from)?;
                    found = Some(Event::Need(machine));
                }
                Some(Event::Have) => found = Some(Event::Have),
                Some(Event::Fail(why)) => return Err(Refusal::GaveUp(why, seen.noise())),
                Some(Event::Hello) => break,
            }
        }
        from.put_back(seen.rest());
        match answer::receive::<Hello>(&mut from, &HELLO)? {
            Some(hello) if hello.digest == self.image.digest => {
                from.bear_silence(None);
                from.wait_until(None);
                Ok(from)
            }
            _ => Err(Refusal::Damaged),
        }
    }

    fn give_password(&self, to: &mut impl Write) -> io::Result<()> {
        let password = self.password().map(Secret::reveal).unwrap_or_default();
        to.write_all(format!("{password}\n").as_bytes())?;
        to.flush()
    }

    fn upload<P: Program>(&self, machine: &str, to: &mut Incoming<P>) -> Result<(), Refusal> {
        if self.image.machine().is_some_and(|ours| ours != machine) {
            return Err(Refusal::OtherMachine(machine.to_owned()));
        }
        let program = self.image.packed(self.packing);
        to.wait_until(to.deadline().map(|deadline| deadline + time_for(program.len())));
        to.write_all(format!("{}\n", program.len()).as_bytes())?;
        to.write_all(program)?;
        Ok(to.flush()?)
    }
}

/// How large a [`Hello`] may be.
const HELLO: Bound = Bound { bytes: 4096, values: 20 };

/// Quotes one word for any shell.
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
