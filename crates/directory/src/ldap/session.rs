//! A login to a server, and what is known of it from then on.

use super::trouble::{Trouble, code};
use super::wire::{Where, Wire};
use super::{password, ranges, tls};
use crate::accounts::{Mirror, Rules};
use crate::dialects::{self, About, Dialect};
use crate::dn::normal;
use crate::entry::{Entry, Write};
use crate::settings::{Bind, Server, Settings};
use words::diag::{Diagnostic, ErrorKind};

/// The control of RFC 4528: a write on a condition.
const ASSERTION: &str = "1.3.6.1.1.12";

/// A connection that is logged in.
pub(super) struct Session {
    wire: Wire,
    /// By what this directory is judged.
    pub rules: Rules,
    /// Whether writes can be made on a condition.
    pub asserts: bool,
}

impl Session {
    /// Connects, logs in, and makes sure that this is a server that can be written to.
    pub fn open(settings: &Settings) -> Result<Self, Diagnostic> {
        let said = |why: String| problem(settings, &why, None);
        let tls = match settings.server {
            Server::Socket(_) => None,
            _ => Some(tls::config(settings.ca.as_deref()).map_err(said)?),
        };
        let failed = |doing: &str| {
            let doing = doing.to_owned();
            move |trouble: Trouble| problem(settings, &format!("{doing}: {trouble}"), hint_of(settings, &trouble))
        };
        let mut wire = Wire::connect(&settings.server, tls).map_err(failed("cannot connect"))?;
        match &settings.bind {
            Bind::External => wire.bind_external().map_err(failed("cannot log in by SASL EXTERNAL"))?,
            Bind::Simple { dn, password } => {
                let password = password::read(password).map_err(said)?;
                wire.bind(dn, &password).map_err(failed(&format!("cannot log in as {dn}")))?;
            }
        }
        let root = wire.search("", Where::Here, "(objectClass=*)", &["*", "+"]).map_err(failed("cannot be asked"))?;
        let root = root.into_iter().next().ok_or_else(|| said("it says nothing about itself".into()))?;
        let dialect = dialects::of(&root).map_err(said)?;
        let schema = root.text("subschemaSubentry").unwrap_or("cn=Subschema").to_owned();
        let wanted = ["objectClasses", "attributeTypes"];
        let found = wire.search(&schema, Where::Here, "(objectClass=subschema)", &wanted);
        let found = found.map_err(failed("cannot read its schema"))?.into_iter().next();
        let subschema = found.ok_or_else(|| said(format!("it does not show its schema, {schema}")))?;
        let asserts = root.texts("supportedControl").any(|control| control == ASSERTION);
        let answers = answers(&mut wire, dialect, &root).map_err(failed("cannot be asked for its own rules"))?;
        let shape = dialect.shape(&About { root, subschema, answers }, settings).map_err(said)?;
        wire.harmless = shape.elsewhere_is_fine.iter().map(|dn| normal(dn)).collect();
        Ok(Self { wire, rules: Rules { settings: settings.clone(), shape, dialect }, asserts })
    }

    /// Reads everybody and every group below `base`, after it has been made sure that this login sees them. A sentinel that
    /// is itself somebody must be among them: some servers answer "success" to who may not look.
    pub fn sweep(&mut self) -> Result<Mirror, Trouble> {
        let Settings { base, people, groups, sentinel, .. } = self.rules.settings.clone();
        for wanted in [people, groups] {
            self.must_see(&wanted)?;
        }
        let (terms, read) = (self.rules.dialect.terms(), self.attributes());
        let sentinel = match sentinel {
            Some(sentinel) => Some(self.must_see(&sentinel)?),
            None => self.own_entry()?,
        };
        let found = self.wire.search(&base, Where::Below, terms.everybody, &read)?;
        let mirror = Mirror::new(terms, ranges::whole(&mut self.wire, found, &read)?);
        if self.rules.shape.hides_silently && mirror.people().next().is_none() {
            return Err(Trouble::Untrue(format!(
                "it shows nobody below {base}, and says the same to who may not look: there must be one person to be seen"
            )));
        }
        let unread = sentinel.as_ref().filter(|entry| entry.is_a(terms.person) && !mirror.is_kept(entry));
        if let Some(sentinel) = unread.filter(|_| self.rules.settings.sentinel.is_some()) {
            let why = "has no number that this login can read: what else it does not see nobody can say";
            return Err(Trouble::Untrue(format!("{} {why}", sentinel.dn)));
        }
        match sentinel.filter(|sentinel| mirror.is_kept(sentinel) && mirror.entry(&sentinel.dn).is_none()) {
            Some(sentinel) => Err(Trouble::Untrue(format!(
                "a look at everybody below {base} does not find {}, which is there: what else it leaves out nobody can say",
                sentinel.dn
            ))),
            None => Ok(mirror),
        }
    }

    /// Who enlist logs in as, on a server that shows nothing to who may not look and says that all went well. The administrator of
    /// such a server has no entry.
    fn own_entry(&mut self) -> Result<Option<Entry>, Trouble> {
        match self.rules.settings.bind.clone() {
            Bind::Simple { dn, .. } if self.rules.shape.hides_silently => self.read(&dn),
            Bind::Simple { .. } | Bind::External => Ok(None),
        }
    }

    /// What is read of entries: what the kind of server has, and where keys are on this one.
    fn attributes(&self) -> Vec<&'static str> {
        let mut read = self.rules.dialect.terms().read.to_vec();
        let keys = self.rules.shape.keys.map(|keys| keys.attribute);
        read.extend(keys.filter(|keys| !self.rules.dialect.terms().read.contains(keys)));
        read
    }

    fn must_see(&mut self, dn: &str) -> Result<Entry, Trouble> {
        self.read(dn)?.ok_or_else(|| {
            Trouble::Untrue(format!(
                "{dn} is not there, or this login may not read it, and so nobody can say who else is"
            ))
        })
    }

    /// One entry as it is now; `None` where there is none, as far as this login sees.
    pub fn read(&mut self, dn: &str) -> Result<Option<Entry>, Trouble> {
        let read = self.attributes();
        match self.wire.search(dn, Where::Here, "(objectClass=*)", &read) {
            Err(trouble) if trouble.is(code::NO_SUCH_OBJECT) => Ok(None),
            found => {
                let found = ranges::whole(&mut self.wire, found?, &read)?.into_iter().next();
                Ok(found.map(|entry| spelled(entry, dn)))
            }
        }
    }

    /// The names of all entries of a class with this number.
    pub fn with_number(&mut self, class: &str, attribute: &str, id: u32) -> Result<Vec<String>, Trouble> {
        let filter = format!("(&(objectClass={class})({attribute}={id}))");
        let base = self.rules.settings.base.clone();
        Ok(self.wire.search(&base, Where::Below, &filter, &["1.1"])?.into_iter().map(|entry| entry.dn).collect())
    }

    /// One write, on the condition that the entry is still as `seen` where the server knows conditions.
    pub fn write(&mut self, write: &Write, seen: Option<&Entry>) -> Result<(), Trouble> {
        let version = seen.and_then(Entry::version).filter(|_| self.asserts);
        self.wire.write(write, version)
    }
}

/// The entry, called as it was asked for: a plan says the name in one spelling, whatever the server makes of it.
fn spelled(mut entry: Entry, dn: &str) -> Entry {
    if normal(&entry.dn) == normal(dn) {
        dn.clone_into(&mut entry.dn);
    }
    entry
}

/// What a kind of server has to be asked for beside.
fn answers(wire: &mut Wire, dialect: &dyn Dialect, root: &Entry) -> Result<Vec<Entry>, Trouble> {
    let mut answers = Vec::new();
    let suffix = root.text("defaultNamingContext").or(root.text("namingContexts")).unwrap_or_default();
    for question in dialect.questions() {
        let at = format!("{},{suffix}", question.below);
        match wire.search(&at, Where::Below, question.filter, question.attributes) {
            Err(trouble) if trouble.is(code::NO_SUCH_OBJECT) => {}
            found => answers.extend(found?),
        }
    }
    Ok(answers)
}

/// What is wrong with a directory as a whole.
pub(super) fn problem(settings: &Settings, why: &str, hint: Option<String>) -> Diagnostic {
    let message = format!("{}: {}: {why}", settings.name, settings.server);
    let problem = Diagnostic::new(ErrorKind::Host, message);
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// What people can do, which also depends on how the server is reached.
pub(super) fn hint_of(settings: &Settings, trouble: &Trouble) -> Option<String> {
    let Trouble::Lost(why) = trouble else { return trouble.hint().map(str::to_owned) };
    if why.contains("UnknownIssuer") || why.contains("BadSignature") {
        return Some("name the authority that signed the server's certificate as `ca` of the directory".into());
    }
    if why.contains("NotValidForName") || why.contains("certificate not valid for name") {
        return Some(
            "the certificate must have the server's name in subjectAltName; a common name does not count".into(),
        );
    }
    match settings.server {
        Server::StartTls(_) => {
            Some("is the server up, and does it offer StartTLS? Without it enlist says nothing there".into())
        }
        _ => Some("is the server up, and `server` of the directory right?".into()),
    }
}
