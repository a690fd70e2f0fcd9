//! Reads records.

use serde::Serialize;
use sqlx::{Row, sqlite::SqliteRow};
use stagedoor_bus::{ActorKind, AppLife};
use utoipa::ToSchema;

use super::{Store, StoreError, bound};

/// A record. It contains ids, never a token or a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Record)]
pub(crate) struct RecordRow {
    /// Its number; it rises with each record.
    pub id: i64,
    /// When it happened, Unix milliseconds.
    pub at_ms: i64,
    /// The AppID; `null` if the caller was not authenticated for an app.
    pub app: Option<u32>,
    /// When the app was created, Unix milliseconds; it tells apart apps that had the same AppID.
    pub app_since_ms: Option<u64>,
    /// The kind of event, such as `token.mint`, `door`, `key.rotate`.
    pub kind: String,
    /// `ok`, or the code of the refusal.
    pub code: String,
    /// How many events it stands for: repeats from one source are counted.
    pub count: u64,
    /// The actor: an API key's id, a user id, `root`, `relay` or `system`.
    pub actor: Option<String>,
    /// The kind of actor: `root`, `api_key`, `user`, `relay` or `system`; `null` in records from older versions.
    #[schema(value_type = Option<crate::routes::forms::ActorKind>)]
    pub actor_kind: Option<ActorKind>,
    /// The room.
    pub room: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The token's id.
    pub jti: Option<String>,
    /// The peer's address.
    pub peer: Option<String>,
    /// The HTTP request's id.
    pub request_id: Option<String>,
    /// Further details, if any.
    pub detail: Option<String>,
    /// Of a refused login or renewal: the number that its client got.
    pub attempt: Option<String>,
}

/// Which apps' records.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum OfApp {
    /// All records.
    #[default]
    Any,
    /// Records that belong to no app.
    Nobody,
    /// Records of this AppID, including earlier apps that had it.
    Id(u32),
    /// Records of this app only.
    Life(AppLife),
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Filters for a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) app: OfApp,
    /// Only records with a smaller id.
    pub(crate) before: Option<i64>,
    /// Only records with a larger id.
    pub(crate) beyond: Option<i64>,
    pub(crate) order: Order,
    /// A kind, or the beginning of kinds and a `*`.
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) room: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) jti: Option<String>,
    /// The number of a refused attempt.
    pub(crate) attempt: Option<String>,
    /// An address; of one with a port, with any.
    pub(crate) peer: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) actor_kind: Option<ActorKind>,
    pub(crate) from_ms: Option<i64>,
    pub(crate) to_ms: Option<i64>,
}

/// Records from before `app_since` existed belong to the app that existed then.
pub(super) const OF_LIFE: &str =
    "app = ?1 AND (app_since = ?2 OR (app_since IS NULL AND at_ms >= ?2))";

impl OfApp {
    fn condition(self) -> (&'static str, Option<i64>, Option<i64>) {
        match self {
            Self::Any => ("?1 IS NULL AND ?2 IS NULL", None, None),
            Self::Nobody => ("app IS NULL AND ?1 IS NULL AND ?2 IS NULL", None, None),
            Self::Id(id) => ("app = ?1 AND ?2 IS NULL", Some(i64::from(id)), None),
            Self::Life(AppLife { id, since_ms }) => {
                (OF_LIFE, Some(i64::from(id.0)), Some(bound(since_ms)))
            }
        }
    }
}

/// How an address with a port begins.
fn with_port(address: &str) -> String {
    if address.contains(':') { format!("[{address}]:") } else { format!("{address}:") }
}

fn record(row: &SqliteRow) -> Result<RecordRow, StoreError> {
    let unsigned = |name: &str| -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = row.try_get(name)?;
        value.map(u64::try_from).transpose().map_err(|_| StoreError::Row("audit"))
    };
    let app: Option<i64> = row.try_get("app")?;
    let kind: Option<&str> = row.try_get("actor_kind")?;
    Ok(RecordRow {
        id: row.try_get("id")?,
        at_ms: row.try_get("at_ms")?,
        app: app.and_then(|app| u32::try_from(app).ok()),
        app_since_ms: unsigned("app_since")?,
        kind: row.try_get("kind")?,
        code: row.try_get("code")?,
        count: unsigned("count")?.unwrap_or(1),
        actor: row.try_get("actor")?,
        actor_kind: kind.and_then(ActorKind::named),
        room: row.try_get("room")?,
        user: row.try_get("user_id")?,
        role: row.try_get("role")?,
        jti: row.try_get("jti")?,
        peer: row.try_get("peer")?,
        request_id: row.try_get("request_id")?,
        detail: row.try_get("detail")?,
        attempt: row.try_get("attempt")?,
    })
}

impl Store {
    /// The number of the newest record; 0 if there is none.
    pub(crate) async fn newest_record(&self) -> Result<i64, StoreError> {
        let query = sqlx::query("SELECT MAX(id) AS newest FROM audit");
        let row = self.optional(query).await?;
        let newest = row.map(|row| row.try_get::<Option<i64>, _>("newest")).transpose()?.flatten();
        Ok(newest.unwrap_or(0))
    }

    /// Records, in the filter's order.
    pub(crate) async fn records(
        &self,
        filter: &Filter,
        limit: u32,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let (condition, id, since) = filter.app.condition();
        let order = match filter.order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        let begins = filter.kind.as_deref().and_then(|kind| kind.strip_suffix('*'));
        let kind = filter.kind.as_deref().filter(|_| begins.is_none());
        let sql = format!(
            "SELECT * FROM audit WHERE {condition} AND (?3 IS NULL OR id < ?3) AND (?4 IS NULL OR kind = ?4)
             AND (?5 IS NULL OR code = ?5) AND (?6 IS NULL OR room = ?6) AND (?7 IS NULL OR user_id = ?7)
             AND (?8 IS NULL OR jti = ?8) AND (?9 IS NULL OR actor = ?9)
             AND (?10 IS NULL OR actor_kind = ?10) AND (?11 IS NULL OR at_ms >= ?11)
             AND (?12 IS NULL OR at_ms < ?12) AND (?13 IS NULL OR id > ?13)
             AND (?14 IS NULL OR substr(kind, 1, length(?14)) = ?14)
             AND (?15 IS NULL OR peer = ?15 OR substr(peer, 1, length(?16)) = ?16)
             AND (?17 IS NULL OR attempt = ?17
                  OR (count > 1 AND instr(detail, 'attempts=') AND instr(detail, ?17))) ORDER BY id {order} LIMIT ?18"
        );
        // All texts are constants of the program.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(since);
        let query = query.bind(filter.before).bind(kind).bind(&filter.code);
        let query = query.bind(&filter.room).bind(&filter.user).bind(&filter.jti);
        let query = query.bind(&filter.actor).bind(filter.actor_kind.map(ActorKind::as_str));
        let query = query.bind(filter.from_ms).bind(filter.to_ms).bind(filter.beyond).bind(begins);
        let query = query.bind(&filter.peer).bind(filter.peer.as_deref().map(with_port));
        let query = query.bind(&filter.attempt).bind(i64::from(limit));
        self.all(query).await?.iter().map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use stagedoor_token::AppId;

    use super::*;
    use crate::{record::Record, store::tests::opened};

    #[tokio::test]
    async fn an_app_sees_its_records_including_those_from_before_an_upgrade() {
        let (store, _folder) = opened().await;
        let life = |since_ms| AppLife { id: AppId(1), since_ms };
        let at = |at_ms| Record { at_ms, ..Record::now("k", "ok") };
        let records = vec![at(50).of_app(life(10)), at(60).of_app(life(40)), at(70)];
        store.trail().add(vec![records]).await.expect("kept");
        for at_ms in [39, 40] {
            let sql = "INSERT INTO audit (at_ms, app, kind, code) VALUES (?, 1, 'old', 'ok')";
            let mut tx = store.begin().await.expect("begun");
            tx.execute(sqlx::query(sql).bind(at_ms)).await.expect("kept");
            drop(tx.commit().await.expect("committed"));
        }
        for (app, times) in [
            (OfApp::Any, vec![40, 39, 70, 60, 50]),
            (OfApp::Nobody, vec![70]),
            (OfApp::Id(1), vec![40, 39, 60, 50]),
            (OfApp::Id(2), vec![]),
            (OfApp::Life(life(40)), vec![40, 60]),
        ] {
            let filter = Filter { app, ..Filter::default() };
            let found = store.records(&filter, 9).await.expect("the records");
            let found: Vec<i64> = found.iter().map(|record| record.at_ms).collect();
            assert_eq!(found, times, "{app:?}");
        }
    }
    #[tokio::test]
    async fn kinds_are_found_by_their_beginning_and_peers_with_any_port() {
        let (store, _folder) = opened().await;
        let made = |kind: &str, peer: &str| {
            let peer = stagedoor_bus::Text::peer(peer);
            Record { peer, ..Record::now(kind, "ok") }
        };
        let records = vec![
            made("key.create", "192.0.2.1"),
            made("key.rotate", "192.0.2.1:80"),
            made("keys", "192.0.2.11:80"),
            made("door", "[2001:db8::1]:80"),
            made("door*", "2001:db8::1"),
        ];
        store.trail().add(vec![records]).await.expect("kept");
        let found = async |kind: Option<&str>, peer: Option<&str>, order, beyond| {
            let (kind, peer) = (kind.map(Into::into), peer.map(Into::into));
            let filter = Filter { kind, peer, order, beyond, ..Filter::default() };
            let found = store.records(&filter, 9).await.expect("the records");
            found.iter().map(|record| record.id).collect::<Vec<_>>()
        };
        let newest = Order::NewestFirst;
        assert_eq!(found(Some("key.*"), None, newest, None).await, [2, 1]);
        assert_eq!(found(Some("key*"), None, Order::OldestFirst, None).await, [1, 2, 3]);
        assert_eq!(found(Some("key*"), None, Order::OldestFirst, Some(1)).await, [2, 3]);
        assert_eq!(found(Some("door"), None, newest, None).await, [4]);
        assert_eq!(found(Some("*"), None, newest, None).await, [5, 4, 3, 2, 1]);
        assert_eq!(found(None, Some("192.0.2.1"), newest, None).await, [2, 1]);
        assert_eq!(found(None, Some("2001:db8::1"), newest, None).await, [5, 4]);
        assert_eq!(found(None, Some("192.0.2.11:80"), newest, None).await, [3]);
    }
}
