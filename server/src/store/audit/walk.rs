//! Walks through the whole trail in the order of an export: each link before its records, each checkpoint after those it
//! covers. It reads pages, and holds no connection between them.

use std::collections::VecDeque;

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use stagedoor_bus::AppLife;
use stagedoor_trail::{Checkpoint, Hash, Link, Record, Start};

use super::{
    Store, StoreError, bound,
    chain::{Head, head, started},
    list::OF_LIFE,
};

/// Rows read at once.
const PAGE_ROWS: i64 = 1_024;

/// One thing in the trail.
#[derive(Debug)]
pub(crate) enum Item {
    Link(Link),
    Record(Box<Record<'static>>),
    /// A record with a column that no version writes.
    Unreadable(i64),
    Checkpoint(Checkpoint),
}

/// Rows of one table, read page by page.
#[derive(Debug)]
struct Queue<T> {
    rows: VecDeque<T>,
    /// The key of the last row that was read.
    after: i64,
    is_done: bool,
}

impl<T> Queue<T> {
    fn after(after: i64) -> Self {
        Self { rows: VecDeque::new(), after, is_done: false }
    }

    fn is_due(&self) -> bool {
        self.rows.is_empty() && !self.is_done
    }

    fn take(&mut self, rows: Vec<(i64, T)>) {
        self.is_done = (rows.len() as i64) < PAGE_ROWS;
        if let Some((key, _)) = rows.last() {
            self.after = *key;
        }
        self.rows.extend(rows.into_iter().map(|(_, row)| row));
    }
}

/// A walk through the trail, up to a record.
#[derive(Debug)]
pub(crate) struct Walk {
    start: Start,
    until: i64,
    links: Queue<Link>,
    records: Queue<(i64, Option<Box<Record<'static>>>)>,
    checkpoints: Queue<Checkpoint>,
}

fn text(
    row: &SqliteRow,
    name: &str,
) -> Result<Option<std::borrow::Cow<'static, str>>, sqlx::Error> {
    Ok(row.try_get::<Option<String>, _>(name)?.map(Into::into))
}

/// A record, column by column as it is stored.
pub(super) fn stored(row: &SqliteRow) -> Result<Record<'static>, sqlx::Error> {
    Ok(Record {
        id: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        app: row.try_get("app")?,
        app_since_ms: row.try_get("app_since")?,
        kind: row.try_get::<String, _>("kind")?.into(),
        code: row.try_get::<String, _>("code")?.into(),
        count: row.try_get::<Option<i64>, _>("count")?.unwrap_or(1),
        actor: text(row, "actor")?,
        actor_kind: text(row, "actor_kind")?,
        room: text(row, "room")?,
        user: text(row, "user_id")?,
        role: text(row, "role")?,
        jti: text(row, "jti")?,
        peer: text(row, "peer")?,
        request_id: text(row, "request_id")?,
        detail: text(row, "detail")?,
    })
}

/// A hash; one of a wrong length was altered, and is none that could be right.
fn hash(row: &SqliteRow, name: &str) -> Result<Hash, sqlx::Error> {
    Ok(Hash::of_bytes(row.try_get(name)?).unwrap_or(Hash([0; 32])))
}

fn link_of(row: &SqliteRow) -> Result<Link, StoreError> {
    let version = row.try_get::<i64, _>("version")?;
    Ok(Link {
        // No version is 0, so one that does not fit is found.
        version: u8::try_from(version).unwrap_or(0),
        first: row.try_get("first_id")?,
        last: row.try_get("last_id")?,
        at_ms: row.try_get("at_ms")?,
        previous: hash(row, "previous")?,
        link: hash(row, "link")?,
    })
}

/// A checkpoint of this chain.
pub(super) fn checkpoint_of(row: &SqliteRow, start: Start) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        chain: start.chain,
        last: row.try_get("last_id")?,
        link: hash(row, "link")?,
        at_ms: row.try_get("at_ms")?,
        kid: row.try_get("kid")?,
        signature: row.try_get("signature")?,
    })
}

impl Walk {
    /// Begins at the oldest record; `None`: the database has no chain.
    pub(crate) async fn begin(
        connection: &mut SqliteConnection,
        until: i64,
    ) -> Result<Option<Self>, StoreError> {
        let start = started(connection).await?;
        Ok(start.map(|start| Self {
            start,
            until,
            links: Queue::after(i64::MIN),
            records: Queue::after(i64::MIN),
            checkpoints: Queue::after(i64::MIN),
        }))
    }

    /// Where the chain begins.
    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// Reads what comes next; `false` at the end.
    pub(crate) async fn fill(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, StoreError> {
        if self.links.is_due() {
            let sql = "SELECT * FROM audit_links WHERE last_id > ? AND last_id <= ? ORDER BY last_id LIMIT ?";
            let rows = self.rows(sql, self.links.after, connection).await?;
            let links = rows.iter().map(|row| link_of(row).map(|link| (link.last, link)));
            self.links.take(links.collect::<Result<_, _>>()?);
        }
        if self.records.is_due() {
            let sql = "SELECT * FROM audit WHERE id > ? AND id <= ? ORDER BY id LIMIT ?";
            let mut records = Vec::new();
            for row in self.rows(sql, self.records.after, connection).await? {
                let id: i64 = row.try_get("id")?;
                records.push((id, (id, stored(&row).ok().map(Box::new))));
            }
            self.records.take(records);
        }
        if self.checkpoints.is_due() {
            let sql = "SELECT * FROM audit_checkpoints WHERE last_id > ? AND last_id <= ? ORDER BY last_id LIMIT ?";
            let rows = self.rows(sql, self.checkpoints.after, connection).await?;
            let made =
                rows.iter().map(|row| checkpoint_of(row, self.start).map(|made| (made.last, made)));
            self.checkpoints.take(made.collect::<Result<_, _>>()?);
        }
        let Self { links, records, checkpoints, .. } = self;
        Ok(!(links.rows.is_empty() && records.rows.is_empty() && checkpoints.rows.is_empty()))
    }

    async fn rows(
        &self,
        sql: &'static str,
        after: i64,
        connection: &mut SqliteConnection,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let rows = sqlx::query(sql).bind(after).bind(self.until).bind(PAGE_ROWS);
        Ok(rows.fetch_all(connection).await?)
    }

    /// What comes next, of what was read; `None`: more must be read, or this is the end.
    pub(crate) fn next(&mut self) -> Option<Item> {
        if self.links.is_due() || self.records.is_due() || self.checkpoints.is_due() {
            return None;
        }
        // A link comes before its first record, and a checkpoint after its last.
        let link = self.links.rows.front().map(|link| (link.first, 0));
        let record = self.records.rows.front().map(|(id, _)| (*id, 1));
        let checkpoint = self.checkpoints.rows.front().map(|checkpoint| (checkpoint.last, 2));
        match [link, record, checkpoint].into_iter().flatten().min()?.1 {
            0 => self.links.rows.pop_front().map(Item::Link),
            1 => {
                let (id, record) = self.records.rows.pop_front()?;
                Some(record.map_or(Item::Unreadable(id), Item::Record))
            }
            _ => self.checkpoints.rows.pop_front().map(Item::Checkpoint),
        }
    }
}

impl Store {
    /// The oldest record's id, or 0, and the newest link.
    pub(crate) async fn chain_ends(&self) -> Result<(i64, Head), StoreError> {
        let mut connection = self.pool.acquire().await?;
        Ok((oldest(&mut connection).await?, head(&mut connection).await?))
    }

    /// A walk through the trail, up to a record.
    pub(crate) async fn walk(&self, until: i64) -> Result<Walk, StoreError> {
        let mut connection = self.pool.acquire().await?;
        Walk::begin(&mut connection, until).await?.ok_or(StoreError::Row("audit_chain"))
    }

    /// Reads what comes next in a walk, and then the oldest record's id; `false` at the end.
    pub(crate) async fn fill(&self, walk: &mut Walk) -> Result<(bool, i64), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let goes_on = walk.fill(&mut connection).await?;
        Ok((goes_on, oldest(&mut connection).await?))
    }

    /// A page of an app's records as they are stored, oldest first.
    pub(crate) async fn records_of(
        &self,
        life: AppLife,
        after: i64,
        until: i64,
    ) -> Result<Vec<Record<'static>>, StoreError> {
        let sql = format!(
            "SELECT * FROM audit WHERE {OF_LIFE} AND id > ?3 AND id <= ?4 ORDER BY id LIMIT ?5"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(i64::from(life.id.0));
        let query = query.bind(bound(life.since_ms)).bind(after).bind(until).bind(PAGE_ROWS);
        Ok(self.all(query).await?.iter().map(stored).collect::<Result<_, _>>()?)
    }
}

async fn oldest(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT MIN(id) AS oldest FROM audit").fetch_one(connection).await?;
    Ok(row.try_get::<Option<i64>, _>("oldest")?.unwrap_or(0))
}
