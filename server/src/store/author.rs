//! The author of a row. Rows from older versions lack the kind of actor.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::{Actor, ActorKind};

use super::StoreError;

/// The author's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    /// An API key's id, a user id, or the kind of actor if it has only one member.
    pub(crate) id: String,
    pub(crate) kind: Option<ActorKind>,
}

impl Author {
    pub(crate) fn of(actor: &Actor) -> Self {
        Self { id: actor.id().into(), kind: Some(actor.kind()) }
    }
}

/// The author of a row that has one.
pub(super) fn author(row: &SqliteRow) -> Result<Author, StoreError> {
    let kind: Option<&str> = row.try_get("actor_kind")?;
    Ok(Author { id: row.try_get("actor")?, kind: kind.and_then(ActorKind::named) })
}
