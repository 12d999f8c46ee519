//! `sshare` as a function of the state, usage and a moment: text and exit code of Slurm 22.05.8. It changes nothing.

mod fields;

use crate::Output;
use crate::Reply;
use crate::columns::Parsable;
use crate::columns::{Column as Printed, Style, sized};
use crate::sacctmgr::word::names;
use fields::{Column, FIELDS, Row, Used};
use slurm::State;
use slurm::authority::Caller;
use slurm::fairshare::running::{Running, still_to_use};
use slurm::fairshare::{History, Method, Share, Tree};
use slurm::model::{Association, AssociationId};
use slurm::privacy::View;
use slurm::records::{Jobs, JobsError};
use slurm::settings::Priority;
use slurm::tree::{bounds, sort_for_listing};
use std::collections::{BTreeMap, HashMap};
use words::text::getopt::{Known, Takes};

/// What `sshare` works with.
pub struct Shares<'a> {
    /// Who has which shares.
    pub state: &'a State,
    /// What the caller may see.
    pub view: View<'a>,
    /// Who asks: their own rows are shown unless others are asked for.
    pub caller: &'a Caller,
    /// The cluster that is meant when none is named.
    pub cluster: &'a str,
    /// How fairshare is computed.
    pub priority: &'a Priority,
    /// What was used.
    pub history: &'a History,
    /// The records, of which those of running jobs are looked at.
    pub jobs: &'a dyn Jobs,
    /// Seconds since 1970.
    pub now: i64,
}

use Takes::{Nothing as No, Value as Yes};

const HELP_OPTION: char = '\u{1}';

static KNOWN: Known = Known {
    program: "sshare",
    hint: true,
    options: &[
        ("accounts", 'A', Yes),
        ("all", 'a', No),
        ("helpformat", 'e', No),
        ("long", 'l', No),
        ("partition", 'm', No),
        ("cluster", 'M', Yes),
        ("clusters", 'M', Yes),
        ("noheader", 'n', No),
        ("", 'h', No),
        ("format", 'o', Yes),
        ("parsable", 'p', No),
        ("parsable2", 'P', No),
        ("", 'q', No),
        ("users", 'u', Yes),
        ("Users", 'U', No),
        ("verbose", 'v', No),
        ("version", 'V', No),
        ("help", HELP_OPTION, No),
        ("usage", HELP_OPTION, No),
    ],
};

/// What the options say. Lists that are empty let everything through.
struct Options {
    style: Style,
    accounts: Vec<String>,
    users: Vec<String>,
    clusters: Vec<String>,
    all_users: bool,
    only_users: bool,
    long: bool,
    partitions: bool,
    verbose: bool,
    format: Vec<String>,
}

/// Runs one command line (without the program's name).
/// The reply's `stdout` is what was not handed on.
pub fn run(shares: &Shares, argv: &[String], mut out: Output) -> Reply {
    let said = |stdout: String| Reply { stdout, ..Reply::default() };
    let refused = |stderr: String| Reply { stderr, code: 1, ..Reply::default() };
    let mut options = Options::new();
    for found in KNOWN.read(argv) {
        match found {
            Err(text) => return refused(text),
            Ok(('e', _)) => return said(fields::help()),
            Ok(('V', _)) => return said(super::sreport::VERSION.into()),
            Ok((HELP_OPTION, _)) => return said(HELP.into()),
            Ok((letter, value)) => options.set(letter, value),
        }
    }
    let stderr = options.spoken(&shares.caller.name);
    let columns = match columns(shares, &options) {
        Ok(columns) => columns,
        Err(name) => return refused(format!("{stderr}sshare: error: Invalid field requested: \"{name}\"\n")),
    };
    let used = Used::shown(shares, &columns);
    let here = [shares.cluster.to_owned()];
    let clusters = if options.clusters.is_empty() { &here[..] } else { &options.clusters };
    for (index, cluster) in clusters.iter().enumerate() {
        if !options.clusters.is_empty() {
            out.push_str(&format!("{}CLUSTER: {cluster}\n", if index > 0 { "\n" } else { "" }));
        }
        let Some(rows) = rows(shares, &options, cluster) else {
            let unknown = format!("sshare: error: No cluster '{cluster}' known by database.\n");
            return refused(format!(
                "{stderr}{unknown}sshare: error: '{cluster}' can't be reached now, or it is an invalid entry for --cluster.  Use 'sacctmgr list clusters' to see available clusters.\n"
            ));
        };
        let running = match running(shares, &columns, cluster) {
            Ok(running) => running,
            Err(error) => return refused(format!("{stderr}sshare: error: the jobs cannot be read: {error}\n")),
        };
        let printed: Vec<Printed> = columns.iter().map(|(column, width)| column.printed(*width)).collect();
        options.style.head(out.text(), &printed);
        // Only a column is too narrow for a number.
        let room = |width: i32| if options.style.parsable == Parsable::No { width } else { i32::MAX };
        for row in rows {
            let cell = |(column, width): &(Column, i32)| row.cell(shares, &used, &running, *column, room(*width));
            let cells: Vec<_> = columns.iter().map(cell).collect();
            options.style.row(out.text(), &printed, &cells);
            if out.row_ends().is_break() {
                break;
            }
        }
    }
    Reply { stdout: out.rest(), stderr, ..Reply::default() }
}

impl Options {
    fn new() -> Self {
        Self {
            style: Style { parsable: Parsable::No, header: true },
            accounts: Vec::new(),
            users: Vec::new(),
            clusters: Vec::new(),
            all_users: false,
            only_users: false,
            long: false,
            partitions: false,
            verbose: false,
            format: Vec::new(),
        }
    }

    fn set(&mut self, letter: char, value: &str) {
        let list = || names(value).unwrap_or_default();
        match letter {
            'a' => self.all_users = true,
            'A' => self.accounts.extend(list()),
            'h' | 'n' => self.style.header = false,
            'l' => self.long = true,
            'M' => self.clusters = list(),
            'm' => self.partitions = true,
            'o' => self.format.extend(list()),
            'p' => self.style.parsable = Parsable::Ending,
            'P' => self.style.parsable = Parsable::NoEnding,
            'u' if value == "-1" => self.all_users = true,
            'u' => {
                self.all_users = false;
                self.users.extend(list().into_iter().filter(|name| !name.is_empty()));
            }
            'U' => self.only_users = true,
            'v' => self.verbose = true,
            _ => {} // -q
        }
    }

    /// What `-v` says of users and accounts.
    fn spoken(&self, caller: &str) -> String {
        if !self.verbose {
            return String::new();
        }
        let list = |title: &str, names: &[String]| {
            let names: String = names.iter().map(|name| format!("\t: {name}\n")).collect();
            format!("{title} requested:\n{names}")
        };
        let all = ["all".to_owned()];
        let own = [caller.to_owned()];
        let users = match (self.all_users, self.users.is_empty()) {
            (true, _) => &all[..],
            (false, true) => &own,
            (false, false) => &self.users,
        };
        list("Users", users) + &list("Accounts", if self.accounts.is_empty() { &all } else { &self.accounts })
    }

    fn takes(&self, caller: &str, row: &Association) -> bool {
        let among = |list: &[String], name: &str| list.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        let user = row.key.is_account()
            || self.all_users
            || if self.users.is_empty() { row.key.user == caller } else { among(&self.users, &row.key.user) };
        user && (self.accounts.is_empty() || among(&self.accounts, &row.key.account))
    }
}

/// The columns to print with their widths; the error is the name of one that is unknown.
fn columns(shares: &Shares, options: &Options) -> Result<Vec<(Column, i32)>, String> {
    let fair_tree = shares.priority.method() == Method::FairTree;
    let own = format!(
        "account,user{},rawshares,normshares,rawusage{},effectvusage,fairshare{}{}",
        if options.partitions { ",partition" } else { "" },
        if options.long { ",normusage" } else { "" },
        if options.long && fair_tree { ",levelfs" } else { "" },
        if options.long { ",grptresmins,tresrunmins" } else { "" },
    );
    let own: Vec<String> = own.split(',').map(str::to_owned).collect();
    let names = if options.format.is_empty() { &own } else { &options.format };
    let known = |text: &String| {
        let (name, width) = sized(text);
        let fits = |(_, header, _): &&(Column, &str, i32)| {
            header.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
        };
        let (column, _, usual) = FIELDS.iter().find(fits).ok_or_else(|| name.to_owned())?;
        Ok((*column, width.unwrap_or(*usual)))
    };
    names.iter().map(known).collect()
}

/// What running jobs may still use, if a column shows it.
fn running(shares: &Shares, columns: &[(Column, i32)], cluster: &str) -> Result<Running, JobsError> {
    if columns.iter().any(|(column, _)| *column == Column::TresRunMins) {
        still_to_use(shares.state, shares.jobs, cluster, shares.now)
    } else {
        Ok(Running::new())
    }
}

/// The rows in the order of the tree, accounts with their users first. `None`: there is no such cluster.
fn rows<'a>(shares: &Shares<'a>, options: &Options, cluster: &str) -> Option<Vec<Row<'a>>> {
    let state = shares.state;
    let tree = Tree::of(state, cluster, &shares.history.usage(state))?;
    let computed: BTreeMap<AssociationId, Share> =
        tree.shares(shares.priority.method()).into_iter().map(|share| (share.association, share)).collect();
    let places = bounds(state);
    let mut all: Vec<_> = state.associations().values().filter(|row| computed.contains_key(&row.id)).collect();
    all.sort_by_key(|row| places.get(&row.id).map(|(left, _)| *left));
    let mut depths: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    for row in sort_for_listing(all, true) {
        let seen = options.takes(&shares.caller.name, row) && shares.view.usage(&row.key);
        if !seen || (options.only_users && row.key.is_account()) {
            continue;
        }
        let above = if row.key.is_account() { parent_account(state, row) } else { Some(row.key.account.as_str()) };
        let depth = above.and_then(|above| depths.get(above)).map_or(0, |depth| depth + 1);
        if row.key.is_account() {
            depths.insert(&row.key.account, depth);
        }
        found.push(Row { association: row, share: computed[&row.id].clone(), depth });
    }
    Some(found)
}

fn parent_account<'a>(state: &'a State, row: &Association) -> Option<&'a str> {
    Some(&state.association(row.parent?)?.key.account)
}

const HELP: &str = "\
Usage:  sshare [OPTION]
    -a, --all              all users, not just yourself
    -A, --accounts=NAMES   these accounts
    -e, --helpformat       the fields that --format knows
    -l, --long             more columns
    -m, --partition        the partition of associations
    -M, --cluster=NAMES    these clusters
    -n, --noheader         no heading
    -o, --format=FIELDS    these columns, each with %WIDTH if wanted
    -p, --parsable         columns separated by `|`, also at the end
    -P, --parsable2        columns separated by `|`
    -u, --users=NAMES      these users
    -U, --Users            users only
    -v, --verbose          more talk
    -V, --version          version
";
