//! Admits waiting members, many per request, by asking the relay over the bus.

use axum::Json;
use serde::{Deserialize, Serialize};
use stagedoor_bus::{Answer, Command};
use stagedoor_wire::request::LIST_ITEMS_MAX;
use utoipa::ToSchema;

use super::{
    Body, RoomPath,
    rooms::{in_room, room_unknown},
};
use crate::{act::Audited, error::ApiError, state::AppState};

/// Whom to admit: either `users` or `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admission {
    /// Users, at most 2,000; those who are not waiting are skipped.
    #[schema(max_items = 2000)]
    users: Option<Vec<String>>,
    /// Admit everybody who waits.
    all: Option<bool>,
}

/// How many were admitted, and how many still wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Admitted {
    /// Members who were admitted.
    admitted: usize,
    /// Members of `users`, or of all, who still wait, because their role is full or one request admits no more. While
    /// some are admitted, repeat the request for the rest.
    waiting: usize,
}

impl Admission {
    /// The users; empty for everybody.
    fn whom(self) -> Result<Option<Vec<String>>, ApiError> {
        let invalid = |detail: String, field: &str| {
            ApiError::Invalid { code: "body_invalid", detail: detail.into() }.at(field)
        };
        match (self.users, self.all.unwrap_or_default()) {
            (None, true) => Ok(None),
            (Some(users), false) if users.len() <= LIST_ITEMS_MAX => Ok(Some(users)),
            (Some(_), false) => {
                Err(invalid(format!("`users` must have at most {LIST_ITEMS_MAX} entries"), "users"))
            }
            (Some(_), true) => Err(invalid("give either `users` or `all`, not both".into(), "all")),
            (None, false) => {
                Err(invalid("give either `users`, or `all` with the value `true`".into(), "users"))
            }
        }
    }
}

/// Admits members that wait.
///
/// A list of `users`, or `all` of them. The answer says how many were admitted and how many still wait.
#[utoipa::path(post, path = "/v1/apps/{app}/rooms/{room}/admit", tag = "rooms", request_body = Admission,
    params(("app" = u32, Path), ("room" = String, Path)),
    responses((status = 200, body = Admitted)))]
pub(crate) async fn admit_many(
    audited: Audited,
    RoomPath { app, room }: RoomPath,
    Body(admission): Body<Admission>,
) -> Result<Json<Admitted>, ApiError> {
    let record = in_room(&audited, "room.admit", app, &room)?;
    let users = admission.whom()?;
    // While nothing can be recorded, the relay is not asked.
    audited.state.store.writable().await?;
    let done = ask(&audited.state, Command::Admit { app, room, users }).await;
    match &done {
        Ok(Admitted { admitted, waiting }) => {
            let record = record.detail(&format!("admitted={admitted} waiting={waiting}"));
            audited.state.recorder.record(record).await?;
        }
        Err(error) => audited.state.recorder.refused(record.with_code(error.code())),
    }
    done.map(Json)
}

async fn ask(state: &AppState, command: Command) -> Result<Admitted, ApiError> {
    match state.bus.command(command).await? {
        Answer::Admitted { admitted, waiting } => Ok(Admitted { admitted, waiting }),
        _ => Err(room_unknown()),
    }
}
