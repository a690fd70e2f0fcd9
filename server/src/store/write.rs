//! Writes to the database: one transaction of this process at a time. An uncommitted transaction leaves no trace, and a
//! connection with a failed transaction is discarded.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions, Connection, Executor, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};
use tokio::{
    runtime::Handle,
    sync::{Mutex as Turns, OwnedMutexGuard},
    time::timeout,
};

use super::{
    audit::chain::{Head, Pending, commit_with, head},
    deployment,
    error::{Reason, StoreError},
    health::Health,
    sealed::Sealer,
};
use crate::config::AuditPeer;

/// Where transactions begin. While one is open, its connection is taken out of here.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    wait: Duration,
    place: Arc<Turns<Option<Open>>>,
    health: Arc<Health>,
    sealer: Arc<Sealer>,
    /// What records keep of addresses, once that is said.
    audit_peer: Arc<OnceLock<AuditPeer>>,
}

/// The writer's connection, and the newest link of the audit trail if this connection has read or written it.
#[derive(Debug)]
struct Open {
    connection: SqliteConnection,
    head: Option<Head>,
}

impl Open {
    fn new(connection: SqliteConnection) -> Self {
        Self { connection, head: None }
    }
}

impl Writer {
    /// `wait` is how long a transaction waits for earlier ones.
    pub(super) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        wait: Duration,
        sealer: Arc<Sealer>,
    ) -> Self {
        Self {
            options,
            wait,
            place: Arc::new(Turns::new(Some(Open::new(connection)))),
            health: Arc::default(),
            sealer,
            audit_peer: Arc::default(),
        }
    }

    /// What records of later transactions keep of addresses. Only the first call counts.
    pub(super) fn keep_of_peers(&self, keep: AuditPeer) {
        self.audit_peer.get_or_init(|| keep);
    }

    /// Whether no write has failed since the last success.
    pub(super) fn is_good(&self) -> bool {
        self.health.is_good()
    }

    /// Begins a transaction, after the earlier ones.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        let was_good = self.health.is_good();
        self.health.may_try(Instant::now()).map_err(StoreError::Unavailable)?;
        let place = timeout(self.wait, self.place.clone().lock_owned()).await;
        let mut place = place.map_err(|_| StoreError::Unavailable(Reason::Busy))?;
        if was_good {
            // A failure meanwhile also fails those who waited: each would only wait as long again.
            self.health.may_try(Instant::now()).map_err(StoreError::Unavailable)?;
        }
        let open = match place.take() {
            Some(open) => Ok(open),
            None => self.options.connect().await.map(Open::new),
        };
        let open = open.map_err(|error| self.health.noted(error))?;
        let (audit_peer, kinds) = (self.audit_peer.get().copied().unwrap_or_default(), Vec::new());
        let (held, health) = (Some(Held { place, open }), self.health.clone());
        let sealer = self.sealer.clone();
        let mut tx = Tx { held, health, sealer, is_sound: true, kinds, pending: None, audit_peer };
        tx.execute(sqlx::query("BEGIN IMMEDIATE")).await?;
        Ok(tx)
    }

    /// Empties the connection's page cache, unless a transaction has it.
    pub(super) async fn empty_cache(&self) {
        let Ok(mut place) = self.place.try_lock() else { return };
        let Some(open) = place.as_mut() else { return };
        if let Err(error) = open.connection.execute("PRAGMA shrink_memory").await {
            tracing::warn!(%error, "the writer's page cache could not be emptied");
            *place = None;
        }
    }

    pub(super) async fn close(&self) {
        let Some(Open { mut connection, .. }) = self.place.lock().await.take() else { return };
        if let Err(error) = deployment::closed(&mut connection).await {
            tracing::warn!(%error, "could not checkpoint the database's log");
        }
        // The process ends anyway.
        let _ = connection.close().await;
    }
}

/// The writer's connection, and exclusive hold of its slot.
#[derive(Debug)]
struct Held {
    place: OwnedMutexGuard<Option<Open>>,
    open: Open,
}

/// A transaction. Dropping it without a commit rolls it back.
#[derive(Debug)]
#[must_use = "an uncommitted transaction is rolled back"]
pub(crate) struct Tx {
    held: Option<Held>,
    health: Arc<Health>,
    pub(super) sealer: Arc<Sealer>,
    /// Whether no statement has failed.
    is_sound: bool,
    /// Kinds of the audit records in it.
    pub(super) kinds: Vec<Arc<str>>,
    /// Its audit records, which its link will cover.
    pending: Option<Pending>,
    /// What its records keep of addresses.
    pub(super) audit_peer: AuditPeer,
}

/// A committed transaction. The next one begins when this is dropped, so that the doors see commits in order.
#[must_use = "the next transaction waits for it"]
pub(crate) struct Committed {
    _place: OwnedMutexGuard<Option<Open>>,
    /// Kinds of the audit records it wrote.
    pub(crate) kinds: Vec<Arc<str>>,
}

/// A statement with its values.
pub(super) type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

impl Tx {
    /// The connection, for a function that needs it whole. After an error the transaction must be dropped.
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let held = self.held.as_mut().filter(|_| self.is_sound);
        held.map(|held| &mut held.open.connection).ok_or(StoreError::Over)
    }

    fn checked<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        result.map_err(|error| {
            self.is_sound = false;
            self.health.noted(error)
        })
    }

    /// Executes a statement; returns how many rows it touched.
    pub(super) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let done = self.connection()?.execute(statement).await;
        Ok(self.checked(done)?.rows_affected())
    }

    /// Executes a statement that adds this many audit records, given in canonical form too. The only way to add some.
    pub(super) async fn add_rows(
        &mut self,
        statement: Statement<'_>,
        rows: usize,
        forms: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let done = self.connection()?.execute(statement).await;
        let last = self.checked(done)?.last_insert_rowid();
        Pending::add(&mut self.pending, rows, last, forms);
        Ok(())
    }

    /// The newest link of the audit trail, before this transaction's own.
    pub(super) async fn head(&mut self) -> Result<Head, StoreError> {
        if let Some(known) = self.held.as_ref().and_then(|held| held.open.head) {
            return Ok(known);
        }
        let found = head(self.connection()?).await;
        self.is_sound &= found.is_ok();
        let found = found?;
        if let Some(held) = &mut self.held {
            held.open.head = Some(found);
        }
        Ok(found)
    }

    /// The first row.
    pub(super) async fn optional(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        let row = self.connection()?.fetch_optional(statement).await;
        self.checked(row)
    }

    /// Every row.
    pub(super) async fn all(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let rows = self.connection()?.fetch_all(statement).await;
        self.checked(rows)
    }

    /// Commits: from then on it survives a crash of the process or the machine.
    pub(crate) async fn commit(mut self) -> Result<Committed, StoreError> {
        let mut link = None;
        if let Some(pending) = self.pending.take() {
            let Head { link: previous, .. } = self.head().await?;
            let made = pending.link(previous);
            self.execute(commit_with(&made)).await?;
            link = Some(Head { last: made.last, link: made.link });
        } else {
            self.execute(sqlx::query("COMMIT")).await?;
        }
        self.health.succeeded();
        let Held { mut place, mut open } = self.held.take().ok_or(StoreError::Over)?;
        open.head = link.or(open.head);
        *place = Some(open);
        Ok(Committed { _place: place, kinds: std::mem::take(&mut self.kinds) })
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        // A failed transaction is closed with its connection, as is one that nobody can wait for.
        let Some(Held { mut place, mut open }) = self.held.take().filter(|_| self.is_sound) else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if open.connection.execute("ROLLBACK").await.is_ok() {
                *place = Some(open);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::DataFolder;
    use crate::store::{Store, health::TRY_INTERVAL, tests::opened};

    async fn count(store: &Store) -> i64 {
        sqlx::query_scalar("SELECT COUNT(*) FROM probe")
            .fetch_one(&store.pool)
            .await
            .expect("a count")
    }

    async fn insert(tx: &mut Tx) -> Result<u64, StoreError> {
        tx.execute(sqlx::query("INSERT INTO probe (id, padding) VALUES (1, zeroblob(1))")).await
    }

    #[tokio::test]
    async fn a_dropped_transaction_is_rolled_back() {
        let (store, _folder) = opened().await;
        let mut tx = store.begin().await.expect("begun");
        insert(&mut tx).await.expect("inserted");
        drop(tx);
        let mut tx = store.begin().await.expect("the next begins");
        insert(&mut tx).await.expect("nothing is there");
        drop(tx.commit().await.expect("committed"));
        assert_eq!(count(&store).await, 1);
    }

    #[tokio::test]
    async fn a_transaction_that_failed_commits_nothing() {
        let (store, _folder) = opened().await;
        let mut tx = store.begin().await.expect("begun");
        insert(&mut tx).await.expect("inserted");
        insert(&mut tx).await.expect_err("it is there");
        assert!(matches!(insert(&mut tx).await, Err(StoreError::Over)));
        assert!(matches!(tx.commit().await, Err(StoreError::Over)));
        store.writable().await.expect("the database is not to blame");
        assert_eq!(count(&store).await, 0);
    }

    #[tokio::test]
    async fn a_transaction_waits_until_the_doors_are_updated() {
        let (store, _folder) = opened().await;
        let committed = store.begin().await.expect("begun").commit().await.expect("committed");
        let next = tokio::spawn({
            let store = store.clone();
            async move { store.begin().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        drop(committed);
        next.await.expect("no panic").expect("its turn");
    }

    #[tokio::test]
    async fn a_transactions_wait_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = DataFolder::open(folder.path()).expect("a folder of its own");
        let store = Store::open(data, Duration::from_millis(500), None).await.expect("a store");
        let _first = store.begin().await.expect("begun");
        let error = store.begin().await.expect_err("the first is not done");
        assert_eq!(error.reason(), Some(Reason::Busy));
    }

    #[tokio::test]
    async fn the_cache_is_emptied_only_between_transactions() {
        let (store, _folder) = opened().await;
        let mut tx = store.begin().await.expect("begun");
        insert(&mut tx).await.expect("inserted");
        store.empty_cache().await;
        drop(tx.commit().await.expect("nothing came in between"));
        store.empty_cache().await;
        assert!(store.writer.place.lock().await.is_some(), "the connection is in its place again");
        assert_eq!(count(&store).await, 1);
    }

    #[tokio::test]
    async fn after_a_failure_one_write_is_attempted_and_heals_the_store() {
        let (store, _folder) = opened().await;
        let mut tx = store.begin().await.expect("begun");
        tx.execute(sqlx::query("PRAGMA query_only = ON")).await.expect("set");
        let error = insert(&mut tx).await.expect_err("read-only");
        assert_eq!(error.reason(), Some(Reason::ReadOnly));
        drop(tx);
        let refused = store.begin().await.expect_err("no second try so soon");
        assert_eq!(refused.reason(), Some(Reason::ReadOnly));
        tokio::time::sleep(TRY_INTERVAL).await;
        store.writable().await.expect("another connection writes");
        drop(store.begin().await.expect("begun").commit().await.expect("committed"));
    }
}
