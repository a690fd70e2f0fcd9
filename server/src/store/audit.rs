//! The audit trail. Records are added and, when too old or too many, deleted; they never change.

pub(crate) mod chain;
mod list;
mod prune;
pub(crate) mod walk;
pub(crate) mod witness;

use std::sync::{Arc, LazyLock};

use sqlx::{Arguments, SqliteConnection, error::BoxDynError, sqlite::SqliteArguments};
use stagedoor_bus::Text;

pub(crate) use list::{Filter, OfApp, Order, RecordRow};

use super::{
    Store, StoreError, bound,
    write::{Statement, Tx},
};
use crate::record::{Record, kept_peer};

/// Columns of a new record; those that are mostly empty come last.
const COLUMNS: [&str; 15] = [
    "at_ms",
    "app",
    "app_since",
    "kind",
    "code",
    "room",
    "user_id",
    "role",
    "jti",
    "peer",
    "detail",
    "actor",
    "actor_kind",
    "request_id",
    "count",
];
/// Columns of a record with empty last columns, which then need not be bound.
const PLAIN_COLUMNS: usize = 11;

/// Statements by how many records they add, largest first. Each is a trip to the database's thread; with few sizes they
/// stay prepared. A prepared statement of 512 takes 2 MB.
type Inserts = [(usize, String); 3];

static INSERTS: LazyLock<Inserts> = LazyLock::new(|| inserts(&COLUMNS));
static PLAIN_INSERTS: LazyLock<Inserts> = LazyLock::new(|| inserts(&COLUMNS[..PLAIN_COLUMNS]));

fn inserts(columns: &[&str]) -> Inserts {
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    let (columns, rows) = (columns.join(","), |rows| vec![row.as_str(); rows].join(","));
    [64, 8, 1].map(|n| (n, format!("INSERT INTO audit ({columns}) VALUES {}", rows(n))))
}

/// The destination of new records.
#[derive(Debug)]
pub(crate) struct Trail {
    store: Store,
}

impl Trail {
    /// Adds records, all or none.
    pub(crate) async fn add(&mut self, batches: Vec<Vec<Record>>) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.insert(batches).await?;
        drop(tx.commit().await?);
        Ok(())
    }
}

impl Tx {
    async fn insert(&mut self, batches: Vec<Vec<Record>>) -> Result<(), StoreError> {
        let plain = batches.iter().flatten().all(is_plain);
        let (inserts, columns) =
            if plain { (&PLAIN_INSERTS, PLAIN_COLUMNS) } else { (&INSERTS, COLUMNS.len()) };
        let mut left = batches.iter().map(Vec::len).sum();
        let mut records = batches.into_iter().flatten();
        let mut forms = Vec::new();
        while let Some((rows, sql)) = inserts.iter().find(|(rows, _)| *rows <= left) {
            left -= rows;
            let mut values = SqliteArguments::default();
            values.reserve(rows * columns, 0);
            for mut record in records.by_ref().take(*rows) {
                record.peer = kept_peer(record.peer, self.audit_peer);
                chain::canonical(&record, &mut forms);
                bind(record, &mut values, plain).map_err(sqlx::Error::Encode)?;
            }
            self.add_rows(sqlx::query_with(sql.as_str(), values), *rows, &mut forms).await?;
        }
        Ok(())
    }

    /// Adds records about the transaction's other changes.
    pub(crate) async fn add_records(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.kinds.extend(records.iter().map(|record| record.kind.clone()));
        self.insert(vec![records]).await
    }

    /// Adds one record about the transaction's other changes.
    pub(crate) async fn add_record(&mut self, mut record: Record) -> Result<(), StoreError> {
        record.peer = kept_peer(record.peer, self.audit_peer);
        self.kinds.push(record.kind.clone());
        let mut forms = Vec::new();
        chain::canonical(&record, &mut forms);
        self.add_rows(statement_of_one(record)?, 1, &mut forms).await
    }
}

/// The statement that adds one record.
fn statement_of_one<'q>(record: Record) -> Result<Statement<'q>, StoreError> {
    let [.., (_, sql)] = &*INSERTS;
    let mut values = SqliteArguments::default();
    bind(record, &mut values, false).map_err(sqlx::Error::Encode)?;
    Ok(sqlx::query_with(sql.as_str(), values))
}

/// Adds a record and its link, in the transaction that the connection is in.
pub(crate) async fn add_alone(
    connection: &mut SqliteConnection,
    record: Record,
) -> Result<(), StoreError> {
    let head = chain::head(connection).await?;
    let (mut forms, mut pending) = (Vec::new(), None);
    chain::canonical(&record, &mut forms);
    let last = statement_of_one(record)?.execute(&mut *connection).await?.last_insert_rowid();
    chain::Pending::add(&mut pending, 1, last, &mut forms);
    if let Some(pending) = pending {
        chain::bind(chain::INSERT, &pending.link(head.link)).execute(connection).await?;
    }
    Ok(())
}

/// Whether the last columns are empty.
fn is_plain(record: &Record) -> bool {
    record.actor.is_none() && record.request_id.is_none() && record.count == 1
}

/// In the order of the columns.
fn bind(record: Record, values: &mut SqliteArguments, plain: bool) -> Result<(), BoxDynError> {
    let text = |text: Option<Text>| text.map(Arc::<str>::from);
    values.add(record.at_ms)?;
    values.add(record.app.map(|app| i64::from(app.id.0)))?;
    values.add(record.app.map(|app| bound(app.since_ms)))?;
    values.add(record.kind)?;
    values.add(record.code)?;
    values.add(text(record.room))?;
    values.add(text(record.user))?;
    values.add(text(record.role))?;
    values.add(text(record.jti))?;
    values.add(text(record.peer))?;
    values.add(text(record.detail))?;
    if !plain {
        values.add(record.actor.as_ref().map(|actor| actor.id().to_owned()))?;
        values.add(record.actor.as_ref().map(|actor| actor.kind().as_str()))?;
        values.add(text(record.request_id))?;
        values.add((record.count != 1).then_some(bound(record.count)))?;
    }
    Ok(())
}

impl Store {
    /// A destination for records.
    pub(crate) fn trail(&self) -> Trail {
        Trail { store: self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_bus::{Actor, ActorKind, AppLife};
    use stagedoor_token::AppId;

    use super::*;
    use crate::store::tests::opened;

    const APP: AppLife = AppLife { id: AppId(1), since_ms: 7 };

    fn plain(n: i64) -> Record {
        let text = |name: &str| format!("{name} {n}");
        let record = Record { at_ms: n, ..Record::now(&text("kind"), "ok") }.of_app(APP);
        let record = record.room(&text("room")).user(&text("user")).role(&text("role"));
        let record = record.jti(&text("jti")).detail(&text("detail"));
        Record { peer: Text::peer(text("peer")), ..record }
    }

    fn asked(n: i64) -> Record {
        let (actor, request_id) = (Some(Actor::Root), Text::id(format!("request {n}")));
        Record { actor, request_id, count: n as u64, ..plain(n) }
    }

    #[tokio::test]
    async fn records_of_one_transaction_keep_their_order() {
        let (store, _folder) = opened().await;
        let records: Vec<Record> = (0..147).map(plain).collect();
        let mut trail = store.trail();
        trail.add(vec![records[..60].to_vec(), records[60..].to_vec()]).await.expect("kept");
        let more = (147..300).map(asked).chain([plain(300)]);
        trail.add(vec![more.collect()]).await.expect("kept");
        let filter = Filter { app: OfApp::Life(APP), ..Filter::default() };
        let mut kept = store.records(&filter, 1_000).await.expect("the records");
        kept.reverse();
        assert!(kept.is_sorted_by_key(|record| record.id) && kept.len() == 301);
        for (n, row) in kept.iter().enumerate() {
            let text = |name: &str| Some(format!("{name} {n}"));
            assert_eq!((row.at_ms, row.app, row.app_since_ms), (n as i64, Some(1), Some(7)));
            assert_eq!((row.kind.clone(), &*row.code), (format!("kind {n}"), "ok"));
            assert_eq!((&row.room, &row.user), (&text("room"), &text("user")));
            assert_eq!((&row.role, &row.jti), (&text("role"), &text("jti")));
            assert_eq!((&row.peer, &row.detail), (&text("peer"), &text("detail")));
            let asked = (147..300).contains(&n);
            assert_eq!(row.request_id, text("request").filter(|_| asked));
            assert_eq!(row.count, if asked { n as u64 } else { 1 });
            assert_eq!(row.actor.as_deref(), asked.then_some("root"));
            assert_eq!(row.actor_kind, asked.then_some(ActorKind::Root));
        }
    }
}
