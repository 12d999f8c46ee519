//! The `enlist` command: parse, run, exit code.

use tikv_jemallocator::Jemalloc;

/// Gives memory back when a flood is over; how it is set is in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> std::process::ExitCode {
    enlist::cli::main()
}
