//! Starts the command line, with an allocator that returns memory to the system.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    stagedoor::cli::run()
}
