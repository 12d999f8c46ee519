//! The `enlist` command: parse, run, exit code.

fn main() -> std::process::ExitCode {
    enlist::cli::main()
}
