//! One write with all that makes it sure: the condition, the look afterwards, and what follows when the connection ends
//! between the two.

use super::session::{Session, hint_of};
use super::trouble::{Trouble, code};
use super::{State, as_failure, nothing_read};
use crate::accounts::SIDS;
use crate::dn::normal;
use crate::entry::{Edit, Entry, Write};
use crate::settings::Settings;
use host::change::outcome::Failure;
use std::time::Duration;
use words::diag::Diagnostic;

/// How often a write without an answer is looked for, and how long it is waited between.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

impl State {
    /// Makes one write and knows afterwards how the entry is.
    pub(super) fn write(&mut self, settings: &Settings, write: &Write) -> Result<(), Failure> {
        let seen = self.mirror.as_ref().ok_or_else(nothing_read)?.entry(write.dn()).cloned();
        self.unchanged(settings, write, seen.as_ref())?;
        let told = self.session(settings).map_err(|problem| as_failure(&problem))?.write(write, seen.as_ref());
        match told {
            Ok(()) => self.verify(settings, write, None)?,
            Err(Trouble::Lost(why)) => self.find_out(settings, write, &why)?,
            Err(trouble) if may_be_so(&trouble, write) => self.verify(settings, write, Some(&trouble))?,
            Err(trouble) => return Err(refused(settings, write.dn(), &trouble)),
        }
        match write {
            Write::Add(entry) => {
                self.alone(settings, entry)?;
                self.given(settings, entry)
            }
            Write::Modify { .. } | Write::Begin { .. } | Write::Delete { .. } => Ok(()),
        }
    }

    /// Where the server knows no conditions, or the entry no version, it is read again right before.
    fn unchanged(&mut self, settings: &Settings, write: &Write, seen: Option<&Entry>) -> Result<(), Failure> {
        let session = self.session(settings).map_err(|problem| as_failure(&problem))?;
        let Some(seen) = seen.filter(|seen| !session.asserts || seen.version().is_none()) else { return Ok(()) };
        let now = session.read(write.dn()).map_err(|trouble| refused(settings, write.dn(), &trouble))?;
        if now.is_some_and(|now| now.says_the_same(seen)) { Ok(()) } else { Err(changed(write.dn())) }
    }

    /// Looks for a while, over new connections, whether a write without an answer was done. If it was not yet, nobody can say that
    /// it will not be: a server that is slow does it when its turn comes.
    fn find_out(&mut self, settings: &Settings, write: &Write, why: &str) -> Result<(), Failure> {
        for _ in 0..LOOKS {
            self.session = None;
            let now = self.read_surely(settings, write.dn())?;
            let is_done = self.holds(write, now.as_ref());
            if let Some(mirror) = &mut self.mirror {
                mirror.set(write.dn(), now);
            }
            if is_done {
                return Ok(());
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(unknown(write.dn(), &Failure::new(format!("the connection is lost: {why}"))))
    }

    /// Looks whether the entry is now as the write would have it. `after` is why that is in doubt.
    fn verify(&mut self, settings: &Settings, write: &Write, after: Option<&Trouble>) -> Result<(), Failure> {
        let acted = |failure: Failure| Failure { acted: true, ..failure };
        let now = self.read_surely(settings, write.dn()).map_err(acted)?;
        let holds = self.holds(write, now.as_ref());
        if let Some(mirror) = &mut self.mirror {
            mirror.set(write.dn(), now);
        }
        match after {
            _ if holds => Ok(()),
            Some(trouble) => Err(refused(settings, write.dn(), trouble)),
            None => {
                let message = format!("the server said that {} is written, and it is not", write.dn());
                Err(acted(
                    Failure::new(message)
                        .hint("may enlist's bind entry read what it writes? An overlay may also change it"),
                ))
            }
        }
    }

    /// Whether `now` has what the write brings and lacks what it takes. Other attributes are other people's.
    fn holds(&self, write: &Write, now: Option<&Entry>) -> bool {
        let made_there = self.session.as_ref().map_or(&[][..], |session| session.rules.dialect.terms().made_there);
        holds(write, now, made_there)
    }

    /// One entry as it is now, over a new connection if need be.
    fn read_surely(&mut self, settings: &Settings, dn: &str) -> Result<Option<Entry>, Failure> {
        let read = |session: &mut Session| session.read(dn);
        let first = read(self.session(settings).map_err(|problem| unknown(dn, &as_failure(&problem)))?);
        let read = match first {
            Err(Trouble::Lost(_)) => {
                self.session = None;
                read(self.session(settings).map_err(|problem| unknown(dn, &as_failure(&problem)))?)
            }
            other => other,
        };
        read.map_err(|trouble| unknown(dn, &refused(settings, dn, &trouble)))
    }

    /// Makes sure that nobody gave the same number away at the same time; else the new entry goes again.
    fn alone(&mut self, settings: &Settings, entry: &Entry) -> Result<(), Failure> {
        let doubt = |problem: Diagnostic| perhaps_shared(entry, "number", &problem.message);
        let terms = self.session(settings).map_err(doubt)?.rules.dialect.terms();
        let is_person = entry.is_a(terms.person);
        let (class, number) = if is_person { (terms.person, "uidNumber") } else { (terms.group, "gidNumber") };
        let Some(id) = entry.number(number) else { return Ok(()) };
        let session = self.session(settings).map_err(doubt)?;
        let asked = session.with_number(class, number, id);
        let all = asked.map_err(|trouble| {
            self.session = None;
            perhaps_shared(entry, number, &trouble.to_string())
        })?;
        let own = normal(&entry.dn);
        let Some(other) = all.iter().find(|dn| normal(dn) != own) else { return Ok(()) };
        let message = format!("{other} was given {number} {id} at the same time");
        let undone = self.undo(settings, entry);
        let message = match undone {
            Ok(()) => format!("{message}; {} is taken away again", entry.dn),
            Err(why) => format!("{message}, and {} could not be taken away again: {}", entry.dn, why.msg),
        };
        Err(Failure { acted: true, ..Failure::new(message).hint("give one of the two another number, and plan again") })
    }

    /// Makes sure that the server gave somebody new what it gives everybody who can log in.
    fn given(&mut self, settings: &Settings, entry: &Entry) -> Result<(), Failure> {
        let terms = self.session(settings).map_err(|problem| as_failure(&problem))?.rules.dialect.terms();
        let Some(attribute) = terms.given_there.filter(|_| entry.is_a(terms.person)) else { return Ok(()) };
        let mirror = self.mirror.as_ref().ok_or_else(nothing_read)?;
        let has_none = mirror.entry(&entry.dn).is_some_and(|now| now.values(attribute).is_empty());
        if !has_none || !mirror.gives_it() {
            return Ok(());
        }
        let message = format!("{} is made, and the server gave it no {attribute}: no login by Kerberos", entry.dn);
        Err(Failure { acted: true, ..Failure::new(message).hint(SIDS) })
    }

    fn undo(&mut self, settings: &Settings, entry: &Entry) -> Result<(), Failure> {
        let write = Write::Delete { dn: entry.dn.clone() };
        let seen = self.mirror.as_ref().and_then(|mirror| mirror.entry(&entry.dn)).cloned();
        let session = self.session(settings).map_err(|problem| as_failure(&problem))?;
        session.write(&write, seen.as_ref()).map_err(|trouble| refused(settings, &entry.dn, &trouble))?;
        if let Some(mirror) = &mut self.mirror {
            mirror.set(&entry.dn, None);
        }
        Ok(())
    }
}

/// What a server says to a change that is made already, among other things. The last two are Active Directory's, of members.
const DONE_PERHAPS: [u32; 5] =
    [code::NO_SUCH_ATTRIBUTE, code::VALUE_EXISTS, code::ASSERTION_FAILED, code::UNWILLING, code::ENTRY_EXISTS];

/// Whether the wanted state may hold all the same.
fn may_be_so(trouble: &Trouble, write: &Write) -> bool {
    match (trouble, write) {
        (Trouble::Refused { code, .. }, Write::Modify { .. }) => DONE_PERHAPS.contains(code),
        (Trouble::Refused { code, .. }, Write::Delete { .. }) => *code == code::NO_SUCH_OBJECT,
        _ => false,
    }
}

fn holds(write: &Write, now: Option<&Entry>, made_there: &[&str]) -> bool {
    match (write, now) {
        (Write::Delete { .. }, now) => now.is_none(),
        (_, None) => false,
        (Write::Add(entry), Some(now)) => {
            let of_ours = entry.attributes().filter(|(name, _)| !made_there.contains(name));
            of_ours.into_iter().all(|(name, values)| values.iter().all(|value| has(now, name, value)))
        }
        (Write::Modify { edits, .. }, Some(now)) => edits.iter().all(|edit| is_made(edit, now)),
        (Write::Begin { edits, .. }, Some(now)) => {
            now.text("pwdLastSet") != Some("0") && edits.iter().all(|edit| is_made(edit, now))
        }
    }
}

fn is_made(edit: &Edit, now: &Entry) -> bool {
    let comes = edit.add.iter().all(|value| has(now, edit.attribute, value));
    let goes = edit.remove.iter().filter(|value| !edit.add.contains(value));
    comes && goes.into_iter().all(|value| !has(now, edit.attribute, value))
}

/// Names of entries and classes come back in other spellings.
fn has(entry: &Entry, attribute: &str, value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).unwrap_or_default();
    match attribute {
        "member" => entry.texts(attribute).any(|one| normal(one) == normal(text)),
        "objectClass" | "objectclass" => entry.is_a(text),
        "userAccountControl" | "useraccountcontrol" => entry.text(attribute).is_some_and(|now| same_control(now, text)),
        _ => entry.values(attribute).iter().any(|one| one == value),
    }
}

/// Two bits are a domain controller's own: locked after wrong passwords, and password expired.
fn same_control(now: &str, wanted: &str) -> bool {
    const COMPUTED: i64 = 0x10 | 0x80_0000;
    let bits = |text: &str| text.parse::<i64>().map(|bits| bits & !COMPUTED);
    bits(now).is_ok() && bits(now) == bits(wanted)
}

/// A new entry is there, and the server cannot be asked who else has its number.
fn perhaps_shared(entry: &Entry, number: &str, why: &str) -> Failure {
    let message = format!("{} is made, and it is not known whether its {number} is its alone: {why}", entry.dn);
    Failure {
        acted: true,
        ..Failure::new(message).hint("plan again when the directory answers: two of a number are named then")
    }
}

fn changed(dn: &str) -> Failure {
    Failure::new(format!("{dn} is not as it was seen")).hint("somebody else has changed it: make a new plan")
}

fn refused(settings: &Settings, dn: &str, trouble: &Trouble) -> Failure {
    let failure = Failure::new(format!("{dn}: {trouble}"));
    match hint_of(settings, trouble) {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn unknown(dn: &str, why: &Failure) -> Failure {
    let message = format!("it is not known whether {dn} is written: {}", why.msg);
    Failure { acted: true, ..Failure::new(message).hint("plan again when the directory answers: that finds out") }
}
