//! The agent that runs on hosts: modules over standard input and output.

fn main() {}
