//! `docs/config.md`, made from the table of keys.

use super::keys::{Applies, Key, SECTIONS};
use super::{Config, foreign};
use slurm::settings::partition;
use std::fmt::Write;

const HEAD: &str = "\
# Configuration of `enlist serve`

Made from the table in `crates/service/src/daemon/config/keys` by `ENLIST_BLESS=1 cargo test -p enlist-service daemon::config`; don't edit.

`enlist serve` reads `/etc/enlist/enlist.conf`, or the file named by `--config`: `Key=Value` lines as in slurm.conf, keys in
any case, `#` comments, quotes around values with blanks. Settings of Slurm keep their names and meanings; it does not
matter in which of Slurm's files they stood. `enlist serve --check-config` says whether a file is good,
`--print-config` prints all values in effect. SIGHUP (`systemctl reload enlist-serve`) reads the file again; if it is not
good, the old values stay.

An unknown key is an error. Keys of slurm.conf and slurmdbd.conf that have no meaning here are accepted with a warning;
they stand at the end.

In the tables, *at start* means that a change needs a restart. *Scheduler* means that it counts for jobs that this service
itself runs (on reload too). *Not yet* means that it is checked and kept, but nothing acts on it; a warning says so. The
others change when the file is read again.
";

const PARTITIONS: &str = "
## Partitions

`PartitionName=…` lines as in slurm.conf say what partitions there are; they are read again on reload. The scheduler and
`enlist explain` heed them. To `enlist explain`, every name is a partition that lets everybody in where there are none; jobs
need one. `PartitionName=DEFAULT` says what the lines after it have unless they say otherwise. Other words that Slurm knows are
accepted with a warning.

| word | meaning |
|---|---|
";

const NODES: &str = "
## Nodes

`NodeName=…` lines as in slurm.conf say what compute nodes there are, as a name or a list (`n[1-16]`). With one of them the service
schedules jobs itself; without any it keeps accounts only. `NodeName=DEFAULT` says what the lines after it have unless they say
otherwise, and `NodeSet=NAME Nodes=… Feature=…` names some of them for partition lines. They are read again on reload; nodes and
partitions that do not fit together are an error. Other words that Slurm knows are accepted with a warning.

| word | meaning |
|---|---|
";

/// The whole page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let default = Config::default();
    for section in SECTIONS {
        let _ = write!(
            page,
            "\n## {}\n\n| key | default | from | changes | meaning |\n|---|---|---|---|---|\n",
            section.title
        );
        section.keys.iter().for_each(|key| page.push_str(&row(key, &default)));
    }
    page.push_str(PARTITIONS);
    for key in partition::KEYS {
        let _ = writeln!(page, "| `{}` | {} |", key.name, key.meaning);
    }
    for word in scheduling::lines::PARTITION_WORDS {
        let _ = writeln!(page, "| `{}` | {} |", word.name, word.meaning);
    }
    page.push_str(NODES);
    for key in scheduling::lines::NODE_KEYS {
        let _ = writeln!(page, "| `{}` | {} |", key.name(), key.meaning);
    }
    page.push_str("\n## Accepted and without effect\n\n");
    for (why, names) in foreign::GROUPS {
        let names = names.split_whitespace().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let _ = writeln!(page, "- {}: {}", why, names.join(", "));
    }
    page
}

fn row(key: &Key, default: &Config) -> String {
    let changes = match key.applies {
        Applies::OnReload => "on reload",
        Applies::AtStart => "at start",
        Applies::Scheduler => "scheduler",
        Applies::NotYet => "not yet",
    };
    let (from, value) = (key.from.unwrap_or("enlist"), (key.get)(default));
    format!("| `{}` | `{value}` | {from} | {changes} | {} |\n", key.name, key.meaning)
}
