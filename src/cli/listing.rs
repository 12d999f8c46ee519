//! `--list-hosts`, `--list-tasks` and `--list-tags`.

use crate::view::styles::stdout;
use control::inventory::Inventory;
use control::playbook::{Play, Playbook, Task};
use control::runner::Options;
use std::collections::BTreeSet;
use words::diag::Diagnostic;
use words::value::Value;

/// What is to be listed of every play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Its hosts.
    pub hosts: bool,
    /// Its tasks.
    pub tasks: bool,
    /// The tags of its tasks.
    pub tags: bool,
}

/// Shows what is wanted of every play, in the shape of ansible-playbook.
pub fn show(
    playbooks: &[Playbook],
    inventory: &Inventory,
    options: &Options,
    wanted: Wanted,
) -> Result<u8, Diagnostic> {
    let out = stdout();
    for playbook in playbooks {
        out.line(format!("\nplaybook: {}", playbook.path));
        for (index, play) in playbook.plays.iter().enumerate() {
            let (number, pattern, tags) = (index + 1, pattern(play), play.keywords.tags.join(", "));
            out.line(format!("\n  play #{number} ({}): {}\tTAGS: [{tags}]", pattern.join(","), play.title()));
            if wanted.hosts {
                show_hosts(play, &pattern, inventory, options)?;
            }
            if wanted.tasks {
                show_tasks(play, options);
            }
            if wanted.tags {
                let tags: Vec<_> = tags_of_tasks(play, options).into_iter().collect();
                out.line(format!("      TASK TAGS: [{}]", tags.join(", ")));
            }
        }
    }
    Ok(0)
}

fn pattern(play: &Play) -> Vec<String> {
    match &play.hosts.value {
        Value::List(patterns) => patterns.iter().map(Value::to_string).collect(),
        pattern => vec![pattern.to_string()],
    }
}

fn show_hosts(play: &Play, pattern: &[String], inventory: &Inventory, options: &Options) -> Result<(), Diagnostic> {
    let selection = inventory.hosts_matching(pattern, &options.limit).map_err(|error| error.at(&play.hosts.place))?;
    let out = stdout();
    out.line(format!("    pattern: {}", Value::from(pattern.iter().map(|p| p.as_str().into()).collect::<Vec<_>>())));
    out.line(format!("    hosts ({}):", selection.hosts.len()));
    selection.hosts.iter().for_each(|host| out.line(format!("      {host}")));
    Ok(())
}

fn show_tasks(play: &Play, options: &Options) {
    stdout().line("    tasks:");
    play.all_tasks().for_each(|task| show_task(task, options));
}

fn show_task(task: &Task, options: &Options) {
    let tags = &task.keywords.tags;
    if options.tags.selects(tags) && task.action.name != "meta" {
        let sorted: BTreeSet<_> = tags.iter().map(String::as_str).collect();
        let tags: Vec<_> = sorted.into_iter().collect();
        stdout().line(format!("      {}\tTAGS: [{}]", task.title(), tags.join(", ")));
    }
}

/// The tags of the tasks that are selected, in the order of the alphabet.
fn tags_of_tasks<'p>(play: &'p Play, options: &Options) -> BTreeSet<&'p str> {
    let selected = play.all_tasks().filter(|task| options.tags.selects(&task.keywords.tags));
    selected.flat_map(|task| task.keywords.tags.iter().map(String::as_str)).collect()
}
