//! The options of `salloc` (salloc(1)), and the variables that say the same.

use words::text::getopt::Takes::{Maybe, Nothing as No, Value as Yes};
use words::text::getopt::{Known, Opt};

/// All options. Those that have no letter have one for private use.
pub static KNOWN: Known = Known { program: "salloc", hint: true, options: OPTIONS };

const OPTIONS: &[Opt] = &[
    ("account", 'A', Yes),
    ("acctg-freq", '\u{e001}', Yes),
    ("bb", '\u{e002}', Yes),
    ("bbf", '\u{e003}', Yes),
    ("begin", 'b', Yes),
    ("bell", '\u{e004}', No),
    ("chdir", 'D', Yes),
    ("clusters", 'M', Yes),
    ("comment", '\u{e005}', Yes),
    ("constraint", 'C', Yes),
    ("container", '\u{e006}', Yes),
    ("contiguous", '\u{e007}', No),
    ("core-spec", 'S', Yes),
    ("cores-per-socket", '\u{e008}', Yes),
    ("cpu-freq", '\u{e009}', Yes),
    ("cpus-per-gpu", '\u{e00a}', Yes),
    ("cpus-per-task", 'c', Yes),
    ("deadline", '\u{e00b}', Yes),
    ("delay-boot", '\u{e00c}', Yes),
    ("dependency", 'd', Yes),
    ("distribution", 'm', Yes),
    ("exclude", 'x', Yes),
    ("exclusive", '\u{e00d}', Maybe),
    ("extra-node-info", 'B', Yes),
    ("get-user-env", '\u{e00e}', Maybe),
    ("gid", '\u{e00f}', Yes),
    ("gpu-bind", '\u{e010}', Yes),
    ("gpu-freq", '\u{e011}', Yes),
    ("gpus", 'G', Yes),
    ("gpus-per-node", '\u{e012}', Yes),
    ("gpus-per-socket", '\u{e013}', Yes),
    ("gpus-per-task", '\u{e014}', Yes),
    ("gres", '\u{e015}', Yes),
    ("gres-flags", '\u{e016}', Yes),
    ("help", 'h', No),
    ("hint", '\u{e017}', Yes),
    ("hold", 'H', No),
    ("immediate", 'I', Maybe),
    ("job-name", 'J', Yes),
    ("kill-command", 'K', Maybe),
    ("kill-on-invalid-dep", '\u{e018}', Yes),
    ("licenses", 'L', Yes),
    ("mail-type", '\u{e019}', Yes),
    ("mail-user", '\u{e01a}', Yes),
    ("mcs-label", '\u{e01b}', Yes),
    ("mem", '\u{e01c}', Yes),
    ("mem-bind", '\u{e01d}', Yes),
    ("mem-per-cpu", '\u{e01e}', Yes),
    ("mem-per-gpu", '\u{e01f}', Yes),
    ("mincpus", '\u{e020}', Yes),
    ("network", '\u{e021}', Yes),
    ("nice", '\u{e022}', Maybe),
    ("no-bell", '\u{e023}', No),
    ("no-kill", 'k', Maybe),
    ("no-shell", '\u{e024}', No),
    ("nodefile", 'F', Yes),
    ("nodelist", 'w', Yes),
    ("nodes", 'N', Yes),
    ("ntasks", 'n', Yes),
    ("ntasks-per-core", '\u{e025}', Yes),
    ("ntasks-per-gpu", '\u{e026}', Yes),
    ("ntasks-per-node", '\u{e027}', Yes),
    ("ntasks-per-socket", '\u{e028}', Yes),
    ("ntasks-per-tres", '\u{e029}', Yes),
    ("overcommit", 'O', No),
    ("oversubscribe", 's', No),
    ("partition", 'p', Yes),
    ("power", '\u{e02a}', Yes),
    ("prefer", '\u{e02b}', Yes),
    ("priority", '\u{e02c}', Yes),
    ("profile", '\u{e02d}', Yes),
    ("qos", 'q', Yes),
    ("quiet", 'Q', No),
    ("reboot", '\u{e02e}', No),
    ("reservation", '\u{e02f}', Yes),
    ("signal", '\u{e030}', Yes),
    ("sockets-per-node", '\u{e031}', Yes),
    ("spread-job", '\u{e032}', No),
    ("switches", '\u{e033}', Yes),
    ("thread-spec", '\u{e034}', Yes),
    ("threads-per-core", '\u{e035}', Yes),
    ("time", 't', Yes),
    ("time-min", '\u{e036}', Yes),
    ("tmp", '\u{e037}', Yes),
    ("uid", '\u{e038}', Yes),
    ("usage", 'u', No),
    ("use-min-nodes", '\u{e039}', No),
    ("verbose", 'v', No),
    ("version", 'V', No),
    ("wait-all-nodes", '\u{e03a}', Yes),
    ("wckey", '\u{e03b}', Yes),
];

/// The long name of an option.
pub fn name(letter: char) -> &'static str {
    OPTIONS.iter().find(|(_, own, _)| *own == letter).map_or("", |(long, ..)| long)
}

/// Variables and the options that they stand for (salloc(1), "INPUT ENVIRONMENT VARIABLES").
pub const VARIABLES: &[(&str, &str)] = &[
    ("SLURM_CLUSTERS", "clusters"),
    ("SALLOC_ACCOUNT", "account"),
    ("SALLOC_ACCTG_FREQ", "acctg-freq"),
    ("SALLOC_BELL", "bell"),
    ("SALLOC_CLUSTERS", "clusters"),
    ("SALLOC_CONSTRAINT", "constraint"),
    ("SALLOC_CONTAINER", "container"),
    ("SALLOC_CORE_SPEC", "core-spec"),
    ("SALLOC_CPU_FREQ_REQ", "cpu-freq"),
    ("SALLOC_CPUS_PER_GPU", "cpus-per-gpu"),
    ("SALLOC_DELAY_BOOT", "delay-boot"),
    ("SALLOC_EXCLUSIVE", "exclusive"),
    ("SALLOC_GPU_BIND", "gpu-bind"),
    ("SALLOC_GPU_FREQ", "gpu-freq"),
    ("SALLOC_GPUS", "gpus"),
    ("SALLOC_GPUS_PER_NODE", "gpus-per-node"),
    ("SALLOC_GPUS_PER_TASK", "gpus-per-task"),
    ("SALLOC_GRES", "gres"),
    ("SALLOC_GRES_FLAGS", "gres-flags"),
    ("SALLOC_HINT", "hint"),
    ("SALLOC_IMMEDIATE", "immediate"),
    ("SALLOC_KILL_CMD", "kill-command"),
    ("SALLOC_MEM_BIND", "mem-bind"),
    ("SALLOC_MEM_PER_CPU", "mem-per-cpu"),
    ("SALLOC_MEM_PER_GPU", "mem-per-gpu"),
    ("SALLOC_MEM_PER_NODE", "mem"),
    ("SALLOC_NETWORK", "network"),
    ("SALLOC_NO_BELL", "no-bell"),
    ("SALLOC_NO_KILL", "no-kill"),
    ("SALLOC_OVERCOMMIT", "overcommit"),
    ("SALLOC_PARTITION", "partition"),
    ("SALLOC_POWER", "power"),
    ("SALLOC_PROFILE", "profile"),
    ("SALLOC_QOS", "qos"),
    ("SALLOC_REQ_SWITCH", "switches"),
    ("SALLOC_RESERVATION", "reservation"),
    ("SALLOC_SIGNAL", "signal"),
    ("SALLOC_SPREAD_JOB", "spread-job"),
    ("SALLOC_THREAD_SPEC", "thread-spec"),
    ("SALLOC_THREADS_PER_CORE", "threads-per-core"),
    ("SALLOC_TIMELIMIT", "time"),
    ("SALLOC_USE_MIN_NODES", "use-min-nodes"),
    ("SALLOC_WAIT_ALL_NODES", "wait-all-nodes"),
    ("SALLOC_WCKEY", "wckey"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_option_is_there_once_and_each_variable_means_one() {
        let letters: BTreeSet<char> = OPTIONS.iter().map(|(_, letter, _)| *letter).collect();
        assert_eq!(letters.len(), OPTIONS.len());
        assert!(OPTIONS.is_sorted_by_key(|(long, ..)| *long), "getopt names possibilities in this order");
        for (variable, long) in VARIABLES {
            assert!(OPTIONS.iter().any(|(own, ..)| own == long), "{variable} stands for no option");
        }
    }
}
