//! `room list|show|kick|close|message`, of `cli`.

use anyhow::Context;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    Done, Failure,
    http::{Api, Paging, segment},
    print,
};

#[derive(Debug, Args)]
pub(super) struct Room {
    #[command(flatten)]
    api: Api,
    #[command(subcommand)]
    command: RoomCommand,
}

#[derive(Debug, Subcommand)]
enum RoomCommand {
    /// List an app's rooms.
    List {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// One room: its members and streams.
    Show {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Remove a user from a room.
    Kick {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        /// The user.
        user: String,
    },
    /// Close a room for everybody.
    Close {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
    },
    /// Message members of a room in the app's own name.
    Message {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        /// Any JSON.
        data: String,
        /// Only this role.
        #[arg(long, conflicts_with = "user")]
        role: Option<String>,
        /// Only this user.
        #[arg(long)]
        user: Option<String>,
        /// What it is about.
        #[arg(long)]
        topic: Option<String>,
    },
}

/// Runs one.
pub(super) fn run(room: Room, json: bool) -> Done {
    let path = |app: u32, room: &str| format!("/v1/apps/{app}/rooms/{}", segment(room));
    let (method, path, body) = match room.command {
        RoomCommand::List { app, paging } => {
            (Method::GET, format!("/v1/apps/{app}/rooms{}", paging.query()), None)
        }
        RoomCommand::Show { app, room, paging } => {
            (Method::GET, path(app, &room) + &paging.query(), None)
        }
        RoomCommand::Kick { app, room, user } => {
            (Method::POST, format!("{}/members/{}/kick", path(app, &room), segment(&user)), None)
        }
        RoomCommand::Close { app, room } => (Method::DELETE, path(app, &room), None),
        RoomCommand::Message { app, room, data, role, user, topic } => {
            let data: Value = serde_json::from_str(&data)
                .context("the data is not JSON")
                .map_err(Failure::Usage)?;
            let to = match (role, user) {
                (Some(role), _) => json!({"role": role}),
                (None, Some(user)) => json!({"user": user}),
                (None, None) => json!("room"),
            };
            (
                Method::POST,
                path(app, &room) + "/messages",
                Some(json!({"to": to, "topic": topic, "data": data})),
            )
        }
    };
    let answer = room.api.ask(&method, &path, body.as_ref())?;
    print(&answer, json)
}
