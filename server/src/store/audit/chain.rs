//! The chain: one link for each transaction that adds records, written with them.

use sqlx::{
    Row, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};
use stagedoor_trail::{ChainId, Hash, Link, Start, record::Record as Form};

use crate::{
    record::{Record, unix_ms},
    store::error::{StoreError, bound},
};

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// The newest link: what the next one follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) last: i64,
    pub(crate) link: Hash,
}

/// Records that a transaction has added, which its link will cover.
#[derive(Debug)]
pub(crate) struct Pending {
    first: i64,
    last: i64,
    /// In canonical form.
    records: Vec<u8>,
}

/// Ends a transaction with its link, in one trip to the database's thread.
const INSERT_AND_COMMIT: &str =
    "INSERT INTO audit_links (last_id, first_id, at_ms, version, previous, link)
     VALUES (?, ?, ?, ?, ?, ?); COMMIT";
pub(super) const INSERT: &str =
    "INSERT INTO audit_links (last_id, first_id, at_ms, version, previous, link)
     VALUES (?, ?, ?, ?, ?, ?)";

/// The record in the form that is hashed. Its id is not part of it.
fn form(record: &Record) -> Form<'_> {
    Form {
        id: 0,
        at_ms: record.at_ms,
        app: record.app.map(|app| i64::from(app.id.0)),
        app_since_ms: record.app.map(|app| bound(app.since_ms)),
        kind: (&*record.kind).into(),
        code: (&*record.code).into(),
        count: bound(record.count),
        actor: record.actor.as_ref().map(|actor| actor.id().into()),
        actor_kind: record.actor.as_ref().map(|actor| actor.kind().as_str().into()),
        room: record.room.as_deref().map(Into::into),
        user: record.user.as_deref().map(Into::into),
        role: record.role.as_deref().map(Into::into),
        jti: record.jti.as_deref().map(Into::into),
        peer: record.peer.as_deref().map(Into::into),
        request_id: record.request_id.as_deref().map(Into::into),
        detail: record.detail.as_deref().map(Into::into),
    }
}

/// Appends the canonical form of a record.
pub(crate) fn canonical(record: &Record, out: &mut Vec<u8>) {
    form(record).canonical(out);
}

impl Pending {
    /// Adds records, the last of which has this id, to those that the transaction has added before.
    pub(crate) fn add(pending: &mut Option<Self>, rows: usize, last: i64, records: &mut Vec<u8>) {
        match pending {
            Some(pending) => {
                pending.last = last;
                pending.records.append(records);
            }
            None => {
                let first = last.saturating_sub(rows as i64).saturating_add(1);
                *pending = Some(Self { first, last, records: std::mem::take(records) });
            }
        }
    }

    /// Their link.
    pub(crate) fn link(&self, previous: Hash) -> Link {
        let at_ms = bound(unix_ms());
        Link::new(previous, (self.first, self.last), at_ms, &self.records)
    }
}

pub(super) fn bind<'q>(sql: &'static str, link: &Link) -> Statement<'q> {
    let statement = sqlx::query(sql).bind(link.last).bind(link.first).bind(link.at_ms);
    let statement = statement.bind(i64::from(link.version)).bind(link.previous.0.to_vec());
    statement.bind(link.link.0.to_vec())
}

/// The statement that writes a transaction's link and commits.
pub(crate) fn commit_with<'q>(link: &Link) -> Statement<'q> {
    bind(INSERT_AND_COMMIT, link)
}

fn hash(row: &SqliteRow, name: &str) -> Result<Hash, StoreError> {
    Hash::of_bytes(row.try_get(name)?).ok_or(StoreError::Row("audit_links"))
}

/// The newest link.
pub(crate) async fn head(connection: &mut SqliteConnection) -> Result<Head, StoreError> {
    let sql = "SELECT last_id, link FROM audit_links ORDER BY last_id DESC LIMIT 1";
    match sqlx::query(sql).fetch_optional(&mut *connection).await? {
        Some(row) => Ok(Head { last: row.try_get("last_id")?, link: hash(&row, "link")? }),
        // Somebody deleted them all: what follows is a chain again, and its verification tells what is missing.
        None => {
            let start = started(connection).await?.ok_or(StoreError::Row("audit_chain"))?;
            Ok(Head { last: start.id, link: start.chain.origin() })
        }
    }
}

pub(super) fn start_of(row: &SqliteRow) -> Result<Start, StoreError> {
    let chain = ChainId::of_bytes(row.try_get("chain")?).ok_or(StoreError::Row("audit_chain"))?;
    Ok(Start { chain, id: row.try_get("start_id")? })
}

pub(super) const START: &str = "SELECT chain, start_id FROM audit_chain";

pub(super) async fn started(
    connection: &mut SqliteConnection,
) -> Result<Option<Start>, StoreError> {
    let row = sqlx::query(START).fetch_optional(connection).await?;
    row.as_ref().map(start_of).transpose()
}

/// Begins the chain, after all records that are there, unless it has begun.
pub(crate) async fn begin(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    if started(connection).await?.is_some() {
        return Ok(());
    }
    let mut tx = sqlx::Connection::begin(connection).await?;
    let sql = "INSERT INTO audit_chain (id, chain, start_id) VALUES (1, randomblob(16),
         COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0)) RETURNING chain, start_id";
    let start = start_of(&sqlx::query(sql).fetch_one(&mut *tx).await?)?;
    let link = Link::first(start.chain, start.id, bound(unix_ms()));
    bind(INSERT, &link).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
