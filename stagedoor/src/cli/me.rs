//! `me tokens|sessions`.

use clap::{Args, Subcommand};
use hyper::Method;

use super::{
    failure::Done,
    http::{Api, segment},
    operator::NewToken,
    print::print,
    sure::Sure,
};

#[derive(Debug, Args)]
pub(super) struct Me {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: MeCommand,
}

#[derive(Debug, Subcommand)]
enum MeCommand {
    /// Manage your personal tokens.
    #[command(subcommand)]
    Tokens(Tokens),
    /// List or end your sessions.
    #[command(subcommand)]
    Sessions(Sessions),
}

#[derive(Debug, Subcommand)]
enum Tokens {
    /// List your personal tokens.
    List,
    /// Make a personal token and print it, only once.
    Create(NewToken),
    /// End a personal token.
    End {
        /// The token's id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

#[derive(Debug, Subcommand)]
enum Sessions {
    /// List your sessions.
    List,
    /// End a session.
    End {
        /// The session's id.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// Runs a command.
pub(super) fn run(me: Me, json: bool) -> Done {
    let (method, path, body) = match me.command {
        MeCommand::Tokens(Tokens::List) => (Method::GET, "/v1/me/tokens".to_owned(), None),
        MeCommand::Tokens(Tokens::Create(new)) => {
            (Method::POST, "/v1/me/tokens".to_owned(), Some(new.body()))
        }
        MeCommand::Tokens(Tokens::End { id, sure }) => {
            sure.confirm(&format!("this makes the personal token {id} useless"))?;
            (Method::DELETE, format!("/v1/me/tokens/{}", segment(&id)), None)
        }
        MeCommand::Sessions(Sessions::List) => (Method::GET, "/v1/me/sessions".to_owned(), None),
        MeCommand::Sessions(Sessions::End { id, sure }) => {
            sure.confirm(&format!("this ends the session {id}"))?;
            (Method::DELETE, format!("/v1/me/sessions/{}", segment(&id)), None)
        }
    };
    print(&me.api.ask(&method, &path, body.as_ref())?, json)
}
