//! The one integration binary: what needs real hosts, real tools or the source tree. Run as root by `make test`.
#![allow(clippy::print_stdout, reason = "figures of attacks and cases")]

mod abuse;
mod api;
mod attack;
mod bad_input;
mod bad_yaml;
mod bench;
mod connection;
mod desk;
mod directory;
mod docs;
mod explain;
mod first_light;
mod floors;
mod fuzz;
mod import_cases;
mod inventory_cases;
mod job_cases;
mod jobs;
mod lab;
mod migration;
mod name_service;
mod node;
mod output;
mod own_commands;
mod play_cases;
mod real_slurm;
mod report_cases;
mod retention;
mod roster;
mod roster_edits;
mod roster_time;
mod sacctmgr_cases;
mod service;
mod shadow;
mod slurm_modules;
mod stepping;
mod store;
mod support;
mod systemd;
mod who_and_where;

/// A file that is not listed above would never run.
#[test]
fn every_file_is_listed() {
    let listed = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap_or(&name);
        let line = format!("mod {module};");
        assert!(module == "main" || listed.lines().any(|it| it == line), "tests/it/main.rs lacks `{line}`");
    }
}
