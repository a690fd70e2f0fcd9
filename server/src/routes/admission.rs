//! Those who wait let in, many by one request. Asked of the relay, over the bus.

use axum::Json;
use serde::{Deserialize, Serialize};
use stagedoor_bus::{Answer, Command};
use stagedoor_wire::request::LIST_ITEMS_MAX;
use utoipa::ToSchema;

use super::{Body, RoomPath, rooms::room_unknown};
use crate::{act::Audited, caller::Scope, error::ApiError, state::AppState};

/// Whom to let in: `users`, or `all`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admission {
    /// Users, at most 2,000; those who do not wait are passed over.
    #[schema(max_items = 2000)]
    users: Option<Vec<String>>,
    /// Everybody who waits.
    all: Option<bool>,
}

/// How many were let in, and how many are left.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Admitted {
    /// Members who were let in.
    admitted: usize,
    /// Those of `users`, or of all, who still wait: their role is full, or one request admits no more. As long as
    /// some were admitted, ask again for the rest.
    waiting: usize,
}

impl Admission {
    /// The users, or none for everybody.
    fn whom(self) -> Result<Option<Vec<String>>, ApiError> {
        let invalid = |detail: String, field: &str| {
            ApiError::Invalid { code: "body_invalid", detail: detail.into() }.at(field)
        };
        match (self.users, self.all.unwrap_or_default()) {
            (None, true) => Ok(None),
            (Some(users), false) if users.len() <= LIST_ITEMS_MAX => Ok(Some(users)),
            (Some(_), false) => Err(invalid(format!("at most {LIST_ITEMS_MAX} users"), "users")),
            (Some(_), true) => Err(invalid("`users` or `all`, and not both".into(), "all")),
            (None, false) => Err(invalid("either `users`, or `all` that is true".into(), "users")),
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
    audited.caller.may(app, Scope::RoomsModerate)?;
    let users = admission.whom()?;
    let record = audited.record(app, "room.admit").room(&room);
    // While nothing can be recorded nothing is asked.
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
