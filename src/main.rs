//! The `enlist` command: parse, run, exit code.

fn main() {}
