//! Who made a row. Rows of older versions do not know what kind of actor it was.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::{Actor, ActorKind};

use super::StoreError;

/// Who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    /// An API key's id, a user id, or the kind where there is one actor of it.
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
