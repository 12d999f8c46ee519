//! docs/adding-a-module.md: its example is a module that compiles and passes its own test, in the tree.

use super::page::Page;

/// Lines without the space before them, since the page shows parts of a file.
fn bare(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_of_a_module_is_one() {
    let page = Page::read("docs/adding-a-module.md");
    let example = include_str!("../../../crates/host/src/modules/example.rs");
    for begins in ["parameters! {", "impl Module", "#[test]"] {
        let block = page.take(begins);
        assert!(bare(example).contains(&bare(block)), "crates/host/src/modules/example.rs has not:\n{block}");
    }
    page.is_done();
}

/// Pages whose blocks are pictures or output of other programs, and made or compared elsewhere.
const SHOWN_ONLY: [&str; 4] = ["architecture.md", "conformance.md", "performance.md", "scheduling.md"];

#[test]
fn every_page_with_blocks_is_run() {
    let tests = [
        include_str!("cluster.rs"),
        include_str!("compute.rs"),
        include_str!("desk.rs"),
        include_str!("developers.rs"),
        include_str!("directories.rs"),
        include_str!("jobs.rs"),
        include_str!("migration.rs"),
        include_str!("readme.rs"),
        include_str!("roster.rs"),
        include_str!("service.rs"),
    ];
    for directory in ["docs", "docs/modules"] {
        for entry in std::fs::read_dir(std::path::Path::new(crate::support::PROJECT).join(directory)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let path = format!("{directory}/{name}");
            let has_blocks = name.ends_with(".md") && Page::read(&path).len() > 0;
            if has_blocks && !SHOWN_ONLY.contains(&name.as_str()) {
                let read = format!("Page::read(\"{path}\")");
                assert!(tests.iter().any(|test| test.contains(&read)), "no test runs the blocks of {path}");
            }
        }
    }
}
