//! Words of welcome: a template with the person's own lines for `ssh` and `sbatch`.

use super::{Done, FileArgs, input};
use crate::cli::Exit;
use crate::cli::options::{InventoryArgs, LoginArgs};
use crate::cli::site::{self, SiteArgs, read_roster};
use crate::view::styles::stdout;
use clap::Args;
use control::local_node::LocalNode;
use control::roster::{Account, Member, Roster, State, User, edit};
use control::sync::reach::Reach;
use control::sync::{Host, Way};
use control::template::{FileOptions, MapScope, Templar};
use host::system::Attributes;
use host::system::local::atomic;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use words::diag::{Diagnostic, ErrorKind};
use words::value::{Map, Value};

/// Used where the site has none of its own.
const TEMPLATE: &str = include_str!("../../../templates/welcome.txt.j2");

/// Arguments of `enlist user welcome`.
#[derive(Args, Debug)]
pub struct WelcomeArgs {
    /// Login name
    #[arg(value_name = "LOGIN")]
    login: String,
    #[command(flatten)]
    pub(super) file: FileArgs,
    /// The template [default: templates/welcome.txt.j2 beside the roster, or else the built-in one]
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Inventory file, directory or comma list of hosts; repeatable
    #[arg(short = 'i', long = "inventory", value_name = "INVENTORY")]
    inventory: Vec<String>,
    #[command(flatten)]
    login_args: LoginArgs,
}

/// Prints it; touches no host.
pub fn run(args: &WelcomeArgs) -> Done {
    let one = |problem| vec![problem];
    let roster = read_roster(&args.file.roster)?;
    let inventory = InventoryArgs { sources: args.inventory.clone(), limit: Vec::new() };
    let site = SiteArgs { inventory, login: args.login_args.clone(), forks: 1 };
    refuse_without_hosts(&site).map_err(one)?;
    let text = Welcome::new(&site, &roster, args.template.as_deref()).map_err(one)?.text(&args.login)?;
    if args.file.json {
        stdout().json(&serde_json::json!({ "user": args.login, "welcome": text }).to_string());
    } else {
        stdout().text(&text);
    }
    Ok(Exit::OK)
}

/// Without an inventory nobody knows where the person could log in.
pub fn refuse_without_hosts(site: &SiteArgs) -> Result<(), Diagnostic> {
    if site.sources().is_empty() {
        let problem = Diagnostic::new(ErrorKind::Usage, "words of welcome need to know the hosts");
        return Err(problem.hint("name an inventory with -i"));
    }
    Ok(())
}

/// Words for one person, and where they go.
pub struct Letter {
    /// Whose.
    pub login: String,
    /// The words.
    pub text: String,
    /// The file; `None`: standard output.
    path: Option<PathBuf>,
}

impl Letter {
    /// A letter to `wanted`: a file, `LOGIN.txt` in a directory, or standard output for `-`. Refuses one file for `many`, and to
    /// replace anything but the same text.
    pub fn new(wanted: &Path, login: &str, text: String, many: bool) -> Result<Self, Diagnostic> {
        let shown = wanted.display();
        let path = match (wanted == Path::new("-"), wanted.is_dir()) {
            (true, _) => None,
            (false, true) => Some(wanted.join(format!("{login}.txt"))),
            (false, false) if many => {
                return Err(input(format!("{shown} is no directory, and there are several people to welcome"))
                    .hint("make a directory: each person's words are in LOGIN.txt there"));
            }
            (false, false) => Some(wanted.to_owned()),
        };
        if let Some(path) = path.as_deref().filter(|path| path.exists()) {
            let is_same = std::fs::read(path).is_ok_and(|there| there == text.as_bytes());
            if !is_same {
                let problem = input(format!("{} is there already, and says something else", path.display()));
                return Err(problem.hint("name another file for the words of welcome"));
            }
        }
        let parent = path.as_deref().and_then(Path::parent).filter(|parent| !parent.as_os_str().is_empty());
        if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
            return Err(input(format!("{} is no directory", parent.display())));
        }
        Ok(Self { login: login.to_owned(), text, path })
    }

    /// Writes or prints it. With `json` it is in the document, and not printed beside it.
    pub fn send(&self, json: bool) -> Result<(), Diagnostic> {
        match &self.path {
            Some(path) => {
                let written = atomic::write(path, self.text.as_bytes(), Attributes::default(), 0o644);
                written.map_err(|error| input(format!("cannot write {}: {error}", path.display())))
            }
            None => {
                if !json {
                    stdout().text(&self.text);
                }
                Ok(())
            }
        }
    }
}

/// What all texts of one site share.
pub struct Welcome<'r> {
    roster: &'r Roster,
    template: (String, String),
    hosts: Vec<Map>,
}

impl<'r> Welcome<'r> {
    /// Reads template and inventory.
    pub fn new(site: &SiteArgs, roster: &'r Roster, template: Option<&Path>) -> Result<Self, Diagnostic> {
        let inventory = site::read_inventory(&site.sources())?;
        let login = site.login()?;
        let hosts = Reach::new(&inventory, &login).of_roster(roster, &[])?;
        Ok(Self { roster, template: read_template(roster, template)?, hosts: login_hosts(&hosts) })
    }

    /// The words for one person.
    pub fn text(&self, login: &str) -> Result<String, Vec<Diagnostic>> {
        let user = edit::known(self.roster, login)?;
        let (name, text) = &self.template;
        let templar = Templar::on(Arc::new(LocalNode::new(true)));
        let scope = MapScope::data(self.variables(user));
        let rendered = templar.render_file(name, text, &scope, &FileOptions::default());
        rendered.map_err(|error| vec![input(format!("the template {name}: {error}"))])
    }

    fn variables(&self, user: &User) -> Map {
        let name = user.name.value.as_str();
        let hosts: Vec<Value> = self.hosts.iter().map(|host| Value::Map(with_command(host, name))).collect();
        let first = self.hosts.first().and_then(|host| host.get("name")).and_then(Value::as_str).unwrap_or_default();
        let full = user.comment.as_ref().map_or(name, |comment| comment.as_str());
        let mut all = Map::from_iter([
            ("full_name".to_owned(), full.into()),
            ("inventory_hostname".to_owned(), self.roster.site.as_deref().unwrap_or(first).into()),
            ("user_id".to_owned(), name.into()),
            ("user_uid".to_owned(), user.uid.value.into()),
            ("group_id".to_owned(), user.group.as_str().into()),
            ("login_hosts".to_owned(), Value::List(hosts)),
        ]);
        if let Some((account, member)) = account_of(self.roster, user) {
            all.insert("slurm_account".to_owned(), account.name.as_str().into());
            all.extend(gpus(member).map(|count| ("gpus".to_owned(), count.into())));
        }
        all
    }
}

fn read_template(roster: &Roster, given: Option<&Path>) -> Result<(String, String), Diagnostic> {
    let beside = roster.source.directory().join("templates/welcome.txt.j2");
    let Some(path) = given.or_else(|| beside.exists().then_some(&beside)) else {
        return Ok(("welcome.txt.j2".to_owned(), TEMPLATE.to_owned()));
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path);
    Ok((name.clone(), text.map_err(|error| input(format!("cannot read the template {name}: {error}")))?))
}

/// Where people log in: hosts that have them, the scheduler's master only where there is no other.
fn login_hosts(hosts: &[Host]) -> Vec<Map> {
    let all: Vec<&Host> = hosts.iter().filter(|host| host.has_people()).collect();
    let others: Vec<&Host> = all.iter().copied().filter(|host| !host.scheduler).collect();
    let chosen = if others.is_empty() { all } else { others };
    chosen.into_iter().filter_map(host_fields).collect()
}

fn host_fields(host: &Host) -> Option<Map> {
    let Ok(Way::Ssh { target, .. }) = &host.way else { return None };
    let fields = [
        ("name", host.name().into()),
        ("address", target.address.as_str().into()),
        ("port", target.port.map(u32::from).into()),
    ];
    Some(fields.into_iter().map(|(key, value): (&str, Value)| (key.to_owned(), value)).collect())
}

/// The host with the line that the person types.
fn with_command(host: &Map, login: &str) -> Map {
    let address = host.get("address").map(Value::to_string).unwrap_or_default();
    let port = host.get("port").and_then(Value::as_int).filter(|port| *port != 22);
    let port = port.map_or(String::new(), |port| format!("-p {port} "));
    let mut host = host.clone();
    host.insert("ssh".to_owned(), format!("ssh {port}{login}@{address}").into());
    host
}

/// The account of jobs that name none, or else the first that the person is in.
fn account_of<'r>(roster: &'r Roster, user: &User) -> Option<(&'r Account, &'r Member)> {
    let is_own = |member: &&Member| *member.user == *user.name && member.state == State::Present;
    let present = roster.accounts.iter().filter(|account| account.state == State::Present);
    let mut own = present.filter_map(|account| Some((account, account.users.iter().find(is_own)?)));
    let default = user.default_account.as_ref();
    let is_default = |account: &Account| default.is_some_and(|default| **default == *account.name);
    let first = own.next()?;
    if is_default(first.0) { Some(first) } else { own.find(|(account, _)| is_default(account)).or(Some(first)) }
}

/// How many GPUs the person may have at once, where his own limit says so.
fn gpus(member: &Member) -> Option<u32> {
    let limit = member.limits.iter().find(|limit| limit.name == "GrpTRES")?;
    limit.value.split(',').find_map(|part| part.strip_prefix("gres/gpu=")?.parse().ok())
}
