//! `enlist cert`: certificates of the service and its login nodes.

use super::exit::{Exit, fail};
use crate::view::styles::stdout;
use clap::{Args, Subcommand};
use service::daemon::config::{Config, DEFAULT_FILE};
use service::daemon::pki::{self, Authority, CA_DAYS, DAYS, Directory, Entry, Ledger, Role, shown};
use std::io::Read;
use std::path::{Path, PathBuf};
use words::diag::{Diagnostic, ErrorKind};

/// The longest input of `issue` and `install`, in bytes.
const LONGEST: u64 = 1 << 20;

/// Options of `enlist cert`.
#[derive(Args)]
pub struct CertArgs {
    /// Directory of keys and certificates, instead of CertificateDirectory
    #[arg(long, value_name = "PATH", global = true)]
    directory: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// On the master: make the authority and the service's certificate, where they are missing or end soon
    Init {
        /// A name or address by which nodes call the master; may be given again [default: this host's name]
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<String>,
    },
    /// On a node: print a signing request, if this node needs a certificate; makes the key if there is none
    Request {
        /// The node's name, as it will stand in the certificate
        name: String,
        /// What it is for
        #[arg(long, value_enum, default_value = "node")]
        role: Role,
        /// Make a new key, and ask even if the certificate is good (after a revocation)
        #[arg(long)]
        anew: bool,
    },
    /// On the master: sign the request on standard input; prints the certificate and the authority's
    Issue {
        /// Whose it is; the name in the request does not count
        name: String,
        /// What it is for
        #[arg(long, value_enum, default_value = "node")]
        role: Role,
        /// How long it holds, in days
        #[arg(long, default_value_t = DAYS, value_parser = clap::value_parser!(i64).range(1..=CA_DAYS))]
        days: i64,
    },
    /// On a node: put in place what `issue` printed, from standard input
    Install,
    /// Show the certificates: on the master all that were issued, elsewhere this host's
    List,
    /// On the master: let a certificate count no longer, at once
    Revoke {
        /// A node's name (all its certificates), or a serial number
        which: String,
    },
}

/// Runs the command.
pub fn run(args: CertArgs) -> Exit {
    match directory(args.directory).and_then(|directory| carry_out(args.command, &directory)) {
        Ok(text) => {
            stdout().text(&text);
            Exit::OK
        }
        Err(error) => fail(&error),
    }
}

/// The directory given, else that of the configuration, else the usual one.
fn directory(given: Option<PathBuf>) -> Result<Directory, Diagnostic> {
    let path = match given {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).exists() => Config::read(Path::new(DEFAULT_FILE))?.network.certificates,
        None => Config::default().network.certificates,
    };
    Ok(Directory::new(&path))
}

fn carry_out(command: Command, directory: &Directory) -> Result<String, Diagnostic> {
    match command {
        Command::Init { names } => init(directory, names),
        Command::Request { name, role, anew } => Ok(pki::request(directory, role, &name, anew)?.unwrap_or_default()),
        Command::Issue { name, role, days } => {
            let authority = Authority::open(directory)?;
            Ok(authority.issue(&input()?, role, &[name], days)? + authority.pem())
        }
        Command::Install => {
            let new = pki::install(directory, &input()?)?;
            Ok(format!("{} has a certificate until {}\n", new.name(), shown(new.until)))
        }
        Command::List => list(directory),
        Command::Revoke { which } => revoke(directory, &which),
    }
}

fn input() -> Result<String, Diagnostic> {
    let mut text = String::new();
    let read = std::io::stdin().take(LONGEST).read_to_string(&mut text);
    read.map_err(|error| Diagnostic::new(ErrorKind::Input, format!("cannot read standard input: {error}")))?;
    Ok(text)
}

fn init(directory: &Directory, mut names: Vec<String>) -> Result<String, Diagnostic> {
    if names.is_empty() {
        let own = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        names.extend(own);
    }
    let (authority, is_new) = Authority::open_or_make(directory)?;
    let mut said = String::new();
    if is_new {
        said += &format!("made the authority: {}\n", directory.file("ca.key").display());
    }
    if authority.serve_as(&names)? {
        said += &format!("made the service's certificate for {}\n", names.join(", "));
    }
    Ok(said)
}

fn list(directory: &Directory) -> Result<String, Diagnostic> {
    let ledger = Ledger::read(directory)?;
    let mut text = format!("{:<32}  {:6}  {:20}  {:20}  {}\n", "SERIAL", "ROLE", "UNTIL", "STATE", "NAME");
    let mut row = |serial: &str, role: &str, until: i64, state: String, name: &str| {
        text += &format!("{serial:<32}  {role:6}  {:20}  {state:20}  {name}\n", shown(until));
    };
    for (place, entry) in ledger.entries.iter().enumerate() {
        row(&entry.serial, &entry.role, entry.until, state(entry, &ledger.entries[place + 1..]), &entry.name);
    }
    let own = directory.certificate("node.crt")?.map(|(_, own)| Entry::of(&own));
    let is_listed = |own: &Entry| ledger.entries.iter().any(|entry| entry.serial == own.serial);
    if let Some(own) = own.as_ref().filter(|own| !is_listed(own)) {
        row(&own.serial, &own.role, own.until, state(own, &[]), &own.name);
    }
    if ledger.entries.is_empty() && own.is_none() {
        let place = directory.file("node.crt");
        let message = format!("this host has no certificates: there is no {} and no list beside it", place.display());
        return Err(Diagnostic::new(ErrorKind::Host, message)
            .hint("`enlist cert init` makes the authority on the master, playbooks/cluster.yml all of them"));
    }
    Ok(text)
}

/// How a certificate stands; one is superseded when the same name has a later one for the same role.
fn state(entry: &Entry, later: &[Entry]) -> String {
    if let Some(when) = entry.revoked {
        return format!("revoked {}", &shown(when)[..10]);
    }
    let is_newer = |it: &Entry| it.revoked.is_none() && (&it.name, &it.role) == (&entry.name, &entry.role);
    let text = match pki::standing(entry.from, entry.until, pki::now()) {
        pki::Standing::Expired => "expired",
        _ if later.iter().any(is_newer) => "superseded",
        pki::Standing::Good => "good",
        pki::Standing::EndsSoon => "ends soon",
        pki::Standing::NotYet => "not yet",
    };
    text.to_owned()
}

fn revoke(directory: &Directory, which: &str) -> Result<String, Diagnostic> {
    let _lock = directory.lock()?;
    let mut ledger = Ledger::read(directory)?;
    let done = ledger.revoke(which, pki::now());
    if done.is_empty() {
        let message = format!("there is no certificate of `{which}` that is not revoked already");
        return Err(Diagnostic::new(ErrorKind::Refused, message).hint("`enlist cert list` on the master shows all"));
    }
    ledger.write(directory)?;
    Ok(done.iter().map(|entry| format!("revoked {} of {}\n", entry.serial, entry.name)).collect())
}
