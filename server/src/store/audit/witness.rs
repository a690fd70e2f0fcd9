//! Checkpoints, and the keys that sign them.

use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_trail::{AuditKey, Checkpoint, Jwk, Jwks, Start, keys::KEYS_MAX};
use zeroize::Zeroizing;

use super::{
    StoreError, bound,
    chain::{START, start_of},
    walk::checkpoint_of,
};
use crate::{
    record::unix_ms,
    secret,
    store::{
        Store,
        sealed::{AUDIT, Sealer},
        write::Tx,
    },
};

/// The secret of an audit key as its column holds it. The only place that writes one.
fn seal_secret(sealer: &Sealer, key: &AuditKey) -> Result<Vec<u8>, StoreError> {
    sealer.seal(&AUDIT, key.kid(), key.seed().as_slice())
}

/// The key of a row. The only place that reads its secret.
fn open_secret(sealer: &Sealer, row: &SqliteRow) -> Result<AuditKey, StoreError> {
    let stored: Zeroizing<Vec<u8>> = Zeroizing::new(row.try_get("secret")?);
    let seed = sealer.open(&AUDIT, row.try_get("kid")?, &stored)?;
    let seed = <&[u8; 32]>::try_from(seed.as_slice());
    Ok(AuditKey::of_seed(seed.map_err(|_| StoreError::Row("audit_keys"))?))
}

/// The key that signs.
const PRESENT: &str = "SELECT kid, secret FROM audit_keys WHERE secret IS NOT NULL";

impl Tx {
    /// The audit key; made if there is none yet.
    async fn audit_key(&mut self) -> Result<AuditKey, StoreError> {
        match self.optional(sqlx::query(PRESENT)).await? {
            Some(row) => open_secret(&self.sealer, &row),
            None => self.make_audit_key().await,
        }
    }

    async fn make_audit_key(&mut self) -> Result<AuditKey, StoreError> {
        let seed =
            secret::random::<32>().map(Zeroizing::new).map_err(|_| StoreError::Row("random"))?;
        let key = AuditKey::of_seed(&seed);
        let sql = "INSERT INTO audit_keys (kid, public, secret, created_ms) VALUES (?, ?, ?, ?)";
        let insert = sqlx::query(sql).bind(key.kid().to_owned()).bind(key.public_bytes().to_vec());
        let sealed = seal_secret(&self.sealer, &key)?;
        self.execute(insert.bind(sealed).bind(bound(unix_ms()))).await?;
        Ok(key)
    }

    /// Signs where the chain stands, unless nothing came since the last checkpoint; before this transaction's records.
    pub(crate) async fn add_checkpoint(&mut self) -> Result<Option<Checkpoint>, StoreError> {
        let sql = "SELECT chain, start_id, (SELECT MAX(last_id) FROM audit_checkpoints) AS newest
             FROM audit_chain";
        let row = self.optional(sqlx::query(sql)).await?.ok_or(StoreError::Row("audit_chain"))?;
        let (start, head) = (start_of(&row)?, self.head().await?);
        let newest: Option<i64> = row.try_get("newest")?;
        if head.last <= newest.unwrap_or(start.id) {
            return Ok(None);
        }
        let key = self.audit_key().await?;
        let made = Checkpoint::sign(&key, start.chain, head.last, head.link, bound(unix_ms()));
        let sql = "INSERT INTO audit_checkpoints (last_id, link, at_ms, kid, signature) VALUES (?, ?, ?, ?, ?)";
        let insert = sqlx::query(sql).bind(made.last).bind(made.link.0.to_vec()).bind(made.at_ms);
        self.execute(insert.bind(made.kid.clone()).bind(made.signature.clone())).await?;
        Ok(Some(made))
    }

    /// Replaces the audit key, whose secret is deleted; returns the ids of the old one, if there is one, and of the new.
    /// The old one signs where the chain stands.
    pub(crate) async fn rotate_audit_key(&mut self) -> Result<RotatedAuditKey, StoreError> {
        let checkpoint = self.add_checkpoint().await?;
        let sql = "SELECT COUNT(*) AS keys FROM audit_keys";
        let row = self.optional(sqlx::query(sql)).await?;
        let keys: i64 = row.map(|row| row.try_get("keys")).transpose()?.unwrap_or(0);
        if keys >= KEYS_MAX as i64 {
            return Ok(RotatedAuditKey::TooMany);
        }
        let old = self.audit_key().await?.kid().to_owned();
        let sql = "UPDATE audit_keys SET secret = NULL, retired_ms = ? WHERE secret IS NOT NULL";
        self.execute(sqlx::query(sql).bind(bound(unix_ms()))).await?;
        let new = self.make_audit_key().await?.kid().to_owned();
        Ok(RotatedAuditKey::Done { old, new, checkpoint })
    }
}

/// What became of a rotation of the audit key.
#[derive(Debug)]
pub(crate) enum RotatedAuditKey {
    Done { old: String, new: String, checkpoint: Option<Checkpoint> },
    TooMany,
}

/// Writes a checkpoint to the log, so that whoever keeps logs holds a witness.
pub(crate) fn log_checkpoint(checkpoint: &Checkpoint) {
    let Checkpoint { chain, last, link, at_ms, kid, signature } = checkpoint;
    tracing::info!(%chain, last, %link, at_ms, kid, signature, "audit checkpoint");
}

impl Store {
    /// Signs where the chain stands, unless nothing came since the last checkpoint.
    pub(crate) async fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        let mut tx = self.begin().await?;
        let made = tx.add_checkpoint().await?;
        drop(tx.commit().await?);
        if let Some(made) = &made {
            log_checkpoint(made);
        }
        Ok(made)
    }

    /// Where the chain begins.
    pub(crate) async fn chain_start(&self) -> Result<Start, StoreError> {
        let row = self.optional(sqlx::query(START)).await?;
        row.as_ref().map(start_of).transpose()?.ok_or(StoreError::Row("audit_chain"))
    }

    /// The newest checkpoint.
    pub(crate) async fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, StoreError> {
        let sql = "SELECT * FROM audit_checkpoints ORDER BY last_id DESC LIMIT 1";
        let Some(row) = self.optional(sqlx::query(sql)).await? else { return Ok(None) };
        checkpoint_of(&row, self.chain_start().await?).map(Some)
    }

    /// The audit key; made if there is none yet.
    pub(crate) async fn audit_key(&self) -> Result<AuditKey, StoreError> {
        if let Some(row) = self.optional(sqlx::query(PRESENT)).await? {
            return open_secret(&self.sealer, &row);
        }
        let mut tx = self.begin().await?;
        let key = tx.audit_key().await?;
        drop(tx.commit().await?);
        Ok(key)
    }

    /// The public keys of checkpoints, the oldest first.
    pub(crate) async fn audit_jwks(&self) -> Result<Jwks, StoreError> {
        let mut connection = self.pool.acquire().await?;
        audit_jwks(&mut connection).await
    }
}

/// The public keys of checkpoints, the oldest first.
pub(crate) async fn audit_jwks(
    connection: &mut sqlx::SqliteConnection,
) -> Result<Jwks, StoreError> {
    let sql = "SELECT public FROM audit_keys ORDER BY created_ms, rowid";
    let rows = sqlx::query(sql).fetch_all(connection).await?;
    let key = |row: &SqliteRow| {
        let public: &[u8] = row.try_get("public")?;
        let public = public.try_into().map_err(|_| StoreError::Row("audit_keys"))?;
        Ok(Jwk::of_public(public))
    };
    Ok(Jwks { keys: rows.iter().map(key).collect::<Result<_, StoreError>>()? })
}
