//! What was left out on a host, so that what needs it is left out, too, and says why.

use std::collections::{BTreeMap, HashSet};
use words::value::{Map, Value};

/// Resources that are not as the roster asks, on one host.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// (`user`, name), (`group`, name), (`account`, name) and (`member`, user).
    resources: HashSet<(&'static str, String)>,
    /// Nothing can be done in the scheduler.
    pub scheduler: bool,
    /// Leavers whose jobs run on, with the reason why they stay until then.
    busy: BTreeMap<String, String>,
}

/// The arguments of a module that need another resource.
const NEEDS: &[(&str, &str, &str)] = &[
    ("user", "group", "group"),
    ("user", "groups", "group"),
    ("authorized_key", "user", "user"),
    ("slurm_account", "parent", "account"),
    ("slurm_user", "account", "account"),
    ("slurm_user", "default_account", "account"),
    ("slurm_association", "account", "account"),
    ("slurm_coordinator", "account", "account"),
];

impl Lost {
    /// Nothing but leavers whose jobs run on, by name, with the reason why they stay.
    pub fn with_busy(busy: BTreeMap<String, String>) -> Self {
        Self { busy, ..Self::default() }
    }

    /// Remembers that this call was left out. A key that cannot be added is nothing that others need.
    pub fn add(&mut self, module: &str, args: &Map) {
        let kind = match module {
            "user" => "user",
            "group" => "group",
            "slurm_account" => "account",
            _ => return,
        };
        self.resources.extend(names(args, "name").map(|name| (kind, name)));
    }

    /// Why somebody stays until his jobs are over: in the scheduler, whose records they are, and on hosts, where they run.
    pub fn removes_busy(&self, module: &str, args: &Map) -> Option<String> {
        let is_removal = args.get("state").and_then(Value::as_str) == Some("absent");
        let is_whole = module == "user" || (module == "slurm_user" && !args.contains_key("account"));
        let name = args.get("name").and_then(Value::as_str).filter(|_| is_removal && is_whole)?;
        self.busy.get(name).cloned()
    }

    /// Why this call cannot be made, if it needs what was left out.
    pub fn needed_by(&self, module: &str, args: &Map) -> Option<String> {
        if self.scheduler && module.starts_with("slurm") {
            return Some("the scheduler is left out".into());
        }
        if self.resources.is_empty() {
            return None;
        }
        let needs = NEEDS.iter().filter(|(of, ..)| *of == module);
        let mut needed = needs.flat_map(|(_, argument, kind)| names(args, argument).map(move |name| (*kind, name)));
        needed.find(|one| self.resources.contains(one)).map(|(kind, name)| format!("the {kind} {name} is left out"))
    }
}

/// The names under an argument.
fn names<'a>(args: &'a Map, argument: &str) -> impl Iterator<Item = String> + use<'a> {
    let listed = match args.get(argument) {
        Some(Value::List(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    listed.iter().map(ToString::to_string)
}
