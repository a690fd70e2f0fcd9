//! Introduces the command line to the process, and the allocator that gives memory back.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    stagedoor::cli::run()
}
