//! `room list|show|kick|ban|role|mute|unmute|admit|decline|close|message`.

use anyhow::Context;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    failure::{Done, Failure},
    http::{Api, Paging, segment},
    print::print,
    sure::Sure,
    time::{When, now_s},
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
    /// List an app's open rooms.
    List {
        /// The AppID.
        app: u32,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a room: its members and streams.
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
    /// Remove a user from a room and refuse every token of that user; the user need not be in the room.
    Ban {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// When the ban ends: 1h from now, or 2027-01-31T18:00:00Z; by default never.
        #[arg(long, value_name = "TIME")]
        until: Option<When>,
        /// The reason, for people and the audit trail.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Give a member another role.
    Role {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        /// The user.
        user: String,
        /// The role.
        role: String,
    },
    /// Mute a member: its streams are not forwarded.
    Mute(Muted),
    /// Unmute a member: its streams are forwarded again.
    Unmute(Muted),
    /// Grant a member's request: admission, or the role for which it raised its hand. With several users or `--all`:
    /// admit those who wait.
    Admit(Admitted),
    /// Deny a member's request. A member who waits for admission is removed.
    Decline(Asking),
    /// Close a room for everybody.
    Close {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        #[command(flatten)]
        sure: Sure,
    },
    /// Send a message to members of a room in the app's own name.
    Message {
        /// The AppID.
        app: u32,
        /// The room.
        room: String,
        /// The content, any JSON.
        data: String,
        /// Only to this role.
        #[arg(long, conflicts_with = "user")]
        role: Option<String>,
        /// Only to this user.
        #[arg(long)]
        user: Option<String>,
        /// The topic.
        #[arg(long)]
        topic: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Asking {
    /// The AppID.
    app: u32,
    /// The room.
    room: String,
    /// The user.
    user: String,
}

#[derive(Debug, Args)]
struct Admitted {
    /// The AppID.
    app: u32,
    /// The room.
    room: String,
    /// The user; repeat for more.
    #[arg(value_name = "USER", required_unless_present = "all", conflicts_with = "all")]
    users: Vec<String>,
    /// Everybody who waits.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
struct Muted {
    /// The AppID.
    app: u32,
    /// The room.
    room: String,
    /// The user.
    user: String,
    /// Only this kind of stream: `audio`, `video`, `screen`, `data`; repeat for more.
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
}

impl Muted {
    fn body(&self) -> Option<Value> {
        (!self.kinds.is_empty()).then(|| json!({"kinds": self.kinds}))
    }
}

/// Runs a command.
pub(super) fn run(room: Room, json: bool) -> Done {
    let path = |app: u32, room: &str| format!("/v1/apps/{app}/rooms/{}", segment(room));
    let member = |app: u32, room: &str, user: &str, act: &str| {
        format!("{}/members/{}/{act}", path(app, room), segment(user))
    };
    let (method, path, body) = match room.command {
        RoomCommand::List { app, paging } => {
            (Method::GET, format!("/v1/apps/{app}/rooms{}", paging.query()), None)
        }
        RoomCommand::Show { app, room, paging } => {
            (Method::GET, path(app, &room) + &paging.query(), None)
        }
        RoomCommand::Kick { app, room, user } => {
            (Method::POST, member(app, &room, &user, "kick"), None)
        }
        RoomCommand::Ban { app, room, user, until, reason } => {
            let body = json!({"ban": true, "ends_at": until.map(|until| until.unix_s(now_s())), "reason": reason});
            (Method::POST, member(app, &room, &user, "kick"), Some(body))
        }
        RoomCommand::Role { app, room, user, role } => {
            (Method::POST, member(app, &room, &user, "role"), Some(json!({"role": role})))
        }
        RoomCommand::Mute(muted) => {
            (Method::POST, member(muted.app, &muted.room, &muted.user, "mute"), muted.body())
        }
        RoomCommand::Unmute(muted) => {
            (Method::POST, member(muted.app, &muted.room, &muted.user, "unmute"), muted.body())
        }
        RoomCommand::Admit(Admitted { app, room, users, all }) => match &users[..] {
            [user] => (Method::POST, member(app, &room, user, "admit"), None),
            _ => {
                let body = if all { json!({"all": true}) } else { json!({"users": users}) };
                (Method::POST, path(app, &room) + "/admit", Some(body))
            }
        },
        RoomCommand::Decline(Asking { app, room, user }) => {
            (Method::POST, member(app, &room, &user, "decline"), None)
        }
        RoomCommand::Close { app, room, sure } => {
            sure.confirm(&format!("this removes everybody from room {room} of app {app}"))?;
            (Method::DELETE, path(app, &room), None)
        }
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
