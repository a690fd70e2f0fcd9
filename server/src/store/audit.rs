//! The audit trail, of `store`. Records are added and, when old, deleted; never changed.

use std::sync::{Arc, LazyLock};

use serde::Serialize;
use sqlx::{
    Arguments, Row,
    error::BoxDynError,
    sqlite::{SqliteArguments, SqliteRow},
};
use stagedoor_token::AppId;
use utoipa::ToSchema;

use super::{Store, StoreError, bound, write::Tx};

/// Columns of a record that is added; those that most records leave empty are last.
const COLUMNS: [&str; 12] = [
    "at_ms",
    "app",
    "kind",
    "code",
    "room",
    "user_id",
    "role",
    "jti",
    "peer",
    "detail",
    "actor",
    "request_id",
];
/// Columns of a record whose last ones are empty: what is not bound need not be bound as nothing.
const PLAIN_COLUMNS: usize = 10;

/// Statements by how many records they add, largest first: each is a trip to the database's thread, and of few
/// sizes it stays prepared. A prepared statement of 512 keeps 2 MB.
type Inserts = [(usize, String); 3];

static INSERTS: LazyLock<Inserts> = LazyLock::new(|| inserts(&COLUMNS));
static PLAIN_INSERTS: LazyLock<Inserts> = LazyLock::new(|| inserts(&COLUMNS[..PLAIN_COLUMNS]));

fn inserts(columns: &[&str]) -> Inserts {
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    let (columns, rows) = (columns.join(","), |rows| vec![row.as_str(); rows].join(","));
    [64, 8, 1].map(|n| (n, format!("INSERT INTO audit ({columns}) VALUES {}", rows(n))))
}

/// One record. Ids, never a token or a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Record {
    /// Its number; rises.
    pub id: i64,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The AppID.
    pub app: Option<u32>,
    /// What happened, such as `token.mint`, `door`, `key.rotate`.
    #[schema(value_type = String)]
    pub kind: Arc<str>,
    /// `ok`, or the code that refused.
    #[schema(value_type = String)]
    pub code: Arc<str>,
    /// Who asked: an API key's id, `root`, or a user.
    #[schema(value_type = Option<String>)]
    pub actor: Option<Arc<str>>,
    /// The room.
    #[schema(value_type = Option<String>)]
    pub room: Option<Arc<str>>,
    /// The user.
    #[schema(value_type = Option<String>)]
    pub user: Option<Arc<str>>,
    /// The role.
    #[schema(value_type = Option<String>)]
    pub role: Option<Arc<str>>,
    /// The token's id.
    #[schema(value_type = Option<String>)]
    pub jti: Option<Arc<str>>,
    /// The peer's address.
    #[schema(value_type = Option<String>)]
    pub peer: Option<Arc<str>>,
    /// The HTTP request's id.
    #[schema(value_type = Option<String>)]
    pub request_id: Option<Arc<str>>,
    /// More, where there is more.
    #[schema(value_type = Option<String>)]
    pub detail: Option<Arc<str>>,
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) before: Option<i64>,
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) user: Option<String>,
}

fn record(row: &SqliteRow) -> Result<Record, StoreError> {
    let app: Option<i64> = row.try_get("app")?;
    let text = |name: &str| row.try_get::<String, _>(name).map(Into::into);
    let some = |name: &str| row.try_get::<Option<String>, _>(name).map(|text| text.map(Into::into));
    Ok(Record {
        id: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        app: app.and_then(|app| u32::try_from(app).ok()),
        kind: text("kind")?,
        code: text("code")?,
        actor: some("actor")?,
        room: some("room")?,
        user: some("user_id")?,
        role: some("role")?,
        jti: some("jti")?,
        peer: some("peer")?,
        request_id: some("request_id")?,
        detail: some("detail")?,
    })
}

/// Where records are added.
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
        let plain = batches.iter().flatten().all(Record::is_plain);
        let (inserts, columns) =
            if plain { (&PLAIN_INSERTS, PLAIN_COLUMNS) } else { (&INSERTS, COLUMNS.len()) };
        let mut left = batches.iter().map(Vec::len).sum();
        let mut records = batches.into_iter().flatten();
        while let Some((rows, sql)) = inserts.iter().find(|(rows, _)| *rows <= left) {
            left -= rows;
            let mut values = SqliteArguments::default();
            values.reserve(rows * columns, 0);
            for record in records.by_ref().take(*rows) {
                record.bind(&mut values, plain).map_err(sqlx::Error::Encode)?;
            }
            self.execute(sqlx::query_with(sql.as_str(), values)).await?;
        }
        Ok(())
    }

    /// Adds records of what else the transaction does.
    pub(crate) async fn add_records(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.kinds.extend(records.iter().map(|record| record.kind.clone()));
        self.insert(vec![records]).await
    }

    /// Adds one record of what else the transaction does.
    pub(crate) async fn add_record(&mut self, record: Record) -> Result<(), StoreError> {
        let [.., (_, sql)] = &*INSERTS;
        self.kinds.push(record.kind.clone());
        let mut values = SqliteArguments::default();
        record.bind(&mut values, false).map_err(sqlx::Error::Encode)?;
        self.execute(sqlx::query_with(sql.as_str(), values)).await.map(drop)
    }
}

impl Record {
    /// Whether the last columns are empty.
    fn is_plain(&self) -> bool {
        self.actor.is_none() && self.request_id.is_none()
    }

    /// In the order of the columns.
    fn bind(self, values: &mut SqliteArguments, plain: bool) -> Result<(), BoxDynError> {
        values.add(self.at_ms)?;
        values.add(self.app.map(i64::from))?;
        values.add(self.kind)?;
        values.add(self.code)?;
        values.add(self.room)?;
        values.add(self.user)?;
        values.add(self.role)?;
        values.add(self.jti)?;
        values.add(self.peer)?;
        values.add(self.detail)?;
        if !plain {
            values.add(self.actor)?;
            values.add(self.request_id)?;
        }
        Ok(())
    }
}

impl Store {
    /// A place to add records.
    pub(crate) fn trail(&self) -> Trail {
        Trail { store: self.clone() }
    }

    /// The number of the newest record; 0 if there is none.
    pub(crate) async fn newest_record(&self) -> Result<i64, StoreError> {
        let query = sqlx::query("SELECT MAX(id) AS newest FROM audit");
        let row = self.optional(query).await?;
        let newest = row.map(|row| row.try_get::<Option<i64>, _>("newest")).transpose()?.flatten();
        Ok(newest.unwrap_or(0))
    }

    /// Records of an app, newest first.
    pub(crate) async fn records(
        &self,
        app: AppId,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let query = sqlx::query(
            "SELECT * FROM audit WHERE app = ?1 AND (?2 IS NULL OR id < ?2) AND (?3 IS NULL OR kind = ?3)
             AND (?4 IS NULL OR code = ?4) AND (?5 IS NULL OR room = ?5) AND (?6 IS NULL OR user_id = ?6)
             ORDER BY id DESC LIMIT ?7",
        );
        let query =
            query.bind(i64::from(app.0)).bind(filter.before).bind(&filter.kind).bind(&filter.code);
        let query = query.bind(&filter.room).bind(&filter.user).bind(i64::from(limit));
        self.all(query).await?.iter().map(record).collect()
    }

    /// Deletes records older than a moment: all that came before the first that is not.
    pub(crate) async fn prune(&self, before_ms: u64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let query = sqlx::query(
            "DELETE FROM audit WHERE id < COALESCE(
                 (SELECT id FROM audit WHERE at_ms >= ? ORDER BY id LIMIT 1), 9223372036854775807)",
        )
        .bind(bound(before_ms));
        let rows = tx.execute(query).await?;
        drop(tx.commit().await?);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::opened;

    #[tokio::test]
    async fn records_of_one_transaction_are_all_kept_in_their_order() {
        let (store, _folder) = opened().await;
        let text = |name: &str, n: i64| Some(format!("{name} {n}").into());
        let plain = |n| Record {
            at_ms: n,
            app: Some(1),
            kind: format!("k{n}").into(),
            code: "ok".into(),
            room: text("room", n),
            user: text("user", n),
            role: text("role", n),
            jti: text("jti", n),
            peer: text("peer", n),
            detail: text("detail", n),
            ..Record::default()
        };
        let asked =
            |n| Record { actor: text("actor", n), request_id: text("request", n), ..plain(n) };
        let mut records: Vec<Record> = (0..147).map(plain).collect();
        let mut trail = store.trail();
        trail.add(vec![records[..60].to_vec(), records[60..].to_vec()]).await.expect("kept");
        records.extend((147..300).map(asked).chain([plain(300)]));
        trail.add(vec![records[147..].to_vec()]).await.expect("kept");
        let mut kept =
            store.records(AppId(1), &Filter::default(), 1_000).await.expect("the records");
        kept.reverse();
        assert!(kept.is_sorted_by_key(|record| record.id));
        kept.iter_mut().for_each(|record| record.id = 0);
        assert_eq!(kept, records);
    }

    #[tokio::test]
    async fn records_before_the_first_that_is_young_enough_are_deleted() {
        let (store, _folder) = opened().await;
        let records = [1, 2, 3, 4].map(|at_ms| Record { at_ms, ..Record::default() });
        store.trail().add(vec![records.to_vec()]).await.expect("kept");
        for (before_ms, deleted) in [(0, 0), (3, 2), (3, 0), (5, 2)] {
            assert_eq!(store.prune(before_ms).await.expect("pruned"), deleted, "{before_ms}");
        }
    }
}
