//! `issuer put|show|try|remove`.

use std::{io::Read, path::PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Map, Value, json};

use super::{
    failure::{Done, Failure},
    http::{Api, segment},
    print::print,
    sure::Sure,
};

#[derive(Debug, Args)]
pub(super) struct Issuer {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: IssuerCommand,
}

#[derive(Debug, Subcommand)]
enum IssuerCommand {
    /// Put an issuer of ID tokens, or replace the one with its id.
    Put {
        /// The AppID.
        app: u32,
        /// The issuer's id in the app.
        id: String,
        /// The file with the issuer, `-` for standard input.
        file: PathBuf,
    },
    /// Show an issuer, or list all.
    Show {
        /// The AppID.
        app: u32,
        /// The issuer's id in the app.
        id: Option<String>,
    },
    /// Show what every check and rule says of an ID token or of claims; nothing is minted.
    Try {
        /// The AppID.
        app: u32,
        /// The issuer's id in the app.
        id: String,
        #[command(flatten)]
        what: What,
        /// The room that it would be for.
        #[arg(long)]
        room: String,
        /// The role that would be asked for.
        #[arg(long)]
        role: Option<String>,
        /// The nonce that would be sent.
        #[arg(long)]
        nonce: Option<String>,
    },
    /// Remove an issuer: its ID tokens open nothing from then on.
    Remove {
        /// The AppID.
        app: u32,
        /// The issuer's id in the app.
        id: String,
        #[command(flatten)]
        sure: Sure,
    },
}

/// What is tried.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The file with an ID token, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    id_token: Option<PathBuf>,
    /// The file with claims as JSON, `-` for standard input.
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
}

fn read(file: &PathBuf) -> Result<String, Failure> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file)
            .with_context(|| file.display().to_string())
            .map_err(Failure::Usage)?;
    }
    Ok(text)
}

impl What {
    /// As members of the request.
    fn into(&self, body: &mut Map<String, Value>) -> Done {
        if let Some(file) = &self.id_token {
            body.insert("id_token".into(), read(file)?.trim().into());
        }
        if let Some(file) = &self.claims {
            let claims = serde_json::from_str(&read(file)?)
                .with_context(|| format!("{} is not JSON", file.display()))
                .map_err(Failure::Usage)?;
            body.insert("claims".into(), claims);
        }
        Ok(())
    }
}

/// Runs a command.
pub(super) fn run(issuer: &Issuer, json: bool) -> Done {
    let all = |app: u32| format!("/v1/apps/{app}/issuers");
    let one = |app: u32, id: &str| format!("{}/{}", all(app), segment(id));
    let api = &issuer.api;
    let answer = match &issuer.command {
        // The file's text is sent unparsed, so that the API sees a member that occurs twice.
        IssuerCommand::Put { app, id, file } => {
            api.ask_text(&Method::PUT, &one(*app, id), Some(read(file)?))?
        }
        IssuerCommand::Show { app, id: Some(id) } => api.ask(&Method::GET, &one(*app, id), None)?,
        IssuerCommand::Show { app, id: None } => {
            let list = api.ask(&Method::GET, &all(*app), None)?;
            if json { list } else { brief(&list) }
        }
        IssuerCommand::Try { app, id, what, room, role, nonce } => {
            let mut body = Map::new();
            what.into(&mut body)?;
            body.insert("room".into(), room.as_str().into());
            let more = [("role", role), ("nonce", nonce)];
            for (name, value) in more.into_iter().filter_map(|(n, v)| Some((n, v.as_ref()?))) {
                body.insert(name.into(), value.as_str().into());
            }
            api.ask(&Method::POST, &(one(*app, id) + "/try"), Some(&Value::Object(body)))?
        }
        IssuerCommand::Remove { app, id, sure } => {
            sure.confirm(&format!("ID tokens of the issuer `{id}` will open nothing"))?;
            api.ask(&Method::DELETE, &one(*app, id), None)?;
            json!({"id": id, "removed": true})
        }
    };
    print(&answer, json)
}

/// A list for people: the most important fields, and how many rules there are.
fn brief(list: &Value) -> Value {
    let row = |issuer: &Value| {
        json!({
            "id": issuer["id"],
            "issuer": issuer["issuer"],
            "client_ids": issuer["client_ids"],
            "user_prefix": issuer["user_prefix"],
            "rules": issuer["rules"].as_array().map(Vec::len),
        })
    };
    let rows: Vec<Value> = list["items"].as_array().into_iter().flatten().map(row).collect();
    json!({ "items": rows })
}
