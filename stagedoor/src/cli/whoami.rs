//! `whoami`: whose credential this is, and what it may do.

use clap::Args;
use hyper::Method;

use super::{failure::Done, http::Api, print::print};

#[derive(Debug, Args)]
pub(super) struct Whoami {
    #[command(flatten)]
    api: Api,
}

/// Runs the command.
pub(super) fn run(whoami: &Whoami, json: bool) -> Done {
    print(&whoami.api.ask(&Method::GET, "/v1/me", None)?, json)
}
