//! Exports of the trail, as JSON lines. Each page is read when the client has room for it: a slow one holds no
//! connection of the database, and one that hangs up ends the export.

use std::io;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures_util::stream::try_unfold;
use stagedoor_bus::AppLife;
use stagedoor_token::AppId;
use stagedoor_trail::{
    Checkpoint, Excerpt, ExcerptHash, Line,
    line::{ExcerptHead, TrailEnd, TrailHead},
};

use super::super::{Path, app_row};
use crate::{
    act::Audited,
    error::ApiError,
    record::unix_ms,
    rights::Reach,
    scope::Scope,
    store::{
        Store, StoreError,
        audit::walk::{Item, Walk},
    },
};

const KIND: HeaderValue = HeaderValue::from_static("application/jsonl");
/// The version of the form.
const VERSION: u8 = 1;

/// Exports the whole audit trail with its chain, as JSON lines.
///
/// It can be verified without the database: `stagedoor audit verify --export FILE`. An export that breaks off lacks its
/// last line. The form is in `spec/audit.md`, "Export".
#[utoipa::path(get, path = "/v1/audit/export", tag = "audit",
    responses((status = 200, content_type = "application/jsonl", body = String)))]
pub(crate) async fn export_all(audited: Audited) -> Result<Response, ApiError> {
    audited.caller.may_everywhere(Scope::DeploymentAdmin)?;
    let state = &audited.state;
    // First, so that it is in the export.
    state.recorder.record(audited.record_of_none("audit.export")).await?;
    Ok(lines(Whole::begin(state.store.clone()).await?))
}

/// Exports an app's records, as signed JSON lines.
///
/// Others' records stand between them, so they form no chain; the audit key signs the whole. The form is in
/// `spec/audit.md`, "Export".
#[utoipa::path(get, path = "/v1/apps/{app}/audit/export", tag = "audit", params(("app" = u32, Path)),
    responses((status = 200, content_type = "application/jsonl", body = String)))]
pub(crate) async fn export(audited: Audited, Path(app): Path<AppId>) -> Result<Response, ApiError> {
    // Others' rooms are in it.
    audited.caller.may_whole(app, Scope::AuditRead, Reach::Rooms)?;
    let state = &audited.state;
    let life = app_row(state, app).await?.life();
    state.recorder.record(audited.record(app, "audit.export")).await?;
    Ok(lines(OfApp::begin(state.store.clone(), life).await?))
}

/// An export that is read page by page.
trait Pages: Send + Sized + 'static {
    /// Appends the next lines; `None`: that was the last page.
    fn page(
        self,
        out: Vec<u8>,
    ) -> impl Future<Output = Result<(Vec<u8>, Option<Self>), StoreError>> + Send;
}

fn lines(export: impl Pages) -> Response {
    let pages = try_unfold(Some(export), |export| async {
        let Some(export) = export else { return Ok(None) };
        match export.page(Vec::new()).await {
            Ok((page, rest)) => Ok(Some((Bytes::from(page), rest))),
            Err(error) => {
                tracing::warn!(%error, "an audit export broke off");
                Err(io::Error::other("the export broke off"))
            }
        }
    });
    ([(header::CONTENT_TYPE, KIND)], Body::from_stream(pages)).into_response()
}

fn write(line: &Line<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    line.write(out).map_err(|_| StoreError::Row("audit"))
}

/// The whole trail.
struct Whole {
    store: Store,
    walk: Walk,
    head: Option<TrailHead>,
    end: TrailEnd,
    /// The oldest record when the export began.
    oldest: i64,
    /// The last record that was written.
    last: i64,
}

impl Whole {
    async fn begin(store: Store) -> Result<Self, ApiError> {
        let key = store.audit_key().await?;
        let (oldest, until) = store.chain_ends().await?;
        let walk = store.walk(until.last).await?;
        let (start, keys) = (walk.start(), store.audit_jwks().await?.keys);
        let at_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
        let checkpoint = Checkpoint::sign(&key, start.chain, until.last, until.link, at_ms);
        let head = TrailHead { version: VERSION, chain: start.chain, start: start.id, keys };
        let end = TrailEnd { records: 0, checkpoint };
        Ok(Self { store, walk, head: Some(head), end, oldest, last: i64::MIN })
    }
}

impl Pages for Whole {
    async fn page(mut self, mut out: Vec<u8>) -> Result<(Vec<u8>, Option<Self>), StoreError> {
        if let Some(head) = self.head.take() {
            write(&Line::Trail(head), &mut out)?;
        }
        let (goes_on, oldest) = self.store.fill(&mut self.walk).await?;
        if oldest != self.oldest && oldest > self.last.saturating_add(1) {
            // Records were deleted that this would have to contain.
            return Err(StoreError::Row("audit"));
        }
        while let Some(item) = self.walk.next() {
            let line = match item {
                Item::Link(link) => Line::Link(link),
                Item::Record(record) => {
                    (self.end.records, self.last) = (self.end.records + 1, record.id);
                    Line::Record(*record)
                }
                // Its absence is found.
                Item::Unreadable(_) => continue,
                Item::Checkpoint(checkpoint) => Line::Checkpoint(checkpoint),
            };
            write(&line, &mut out)?;
        }
        if goes_on {
            return Ok((out, Some(self)));
        }
        write(&Line::End(self.end), &mut out)?;
        Ok((out, None))
    }
}

/// The records of one app.
struct OfApp {
    store: Store,
    life: AppLife,
    head: Option<ExcerptHead>,
    hash: ExcerptHash,
    after: i64,
    until: i64,
}

impl OfApp {
    async fn begin(store: Store, life: AppLife) -> Result<Self, ApiError> {
        // Made if there is none yet, so that it is among the keys.
        store.audit_key().await?;
        let until = store.newest_record().await?;
        let (start, keys) = (store.chain_start().await?, store.audit_jwks().await?.keys);
        let app_since_ms = i64::try_from(life.since_ms).unwrap_or(i64::MAX);
        let of = Excerpt { chain: start.chain, app: life.id.0.into(), app_since_ms };
        let Excerpt { chain, app, .. } = of;
        let head = ExcerptHead { version: VERSION, chain, app, app_since_ms, keys };
        let hash = ExcerptHash::new(of);
        Ok(Self { store, life, head: Some(head), hash, after: i64::MIN, until })
    }
}

impl Pages for OfApp {
    async fn page(mut self, mut out: Vec<u8>) -> Result<(Vec<u8>, Option<Self>), StoreError> {
        if let Some(head) = self.head.take() {
            write(&Line::Excerpt(head), &mut out)?;
        }
        let records = self.store.records_of(self.life, self.after, self.until).await?;
        if let Some(last) = records.last() {
            self.after = last.id;
            for record in records {
                self.hash.add(&record);
                write(&Line::Record(record), &mut out)?;
            }
            return Ok((out, Some(self)));
        }
        let key = self.store.audit_key().await?;
        let at_ms = i64::try_from(unix_ms()).unwrap_or(i64::MAX);
        write(&Line::ExcerptEnd(self.hash.sign(&key, at_ms)), &mut out)?;
        Ok((out, None))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stagedoor_trail::{Export, PublicKeys, Report};
    use tokio::time::timeout;

    use super::*;
    use crate::{record::Record, store::tests::opened};

    const LIFE: AppLife = AppLife { id: AppId(7), since_ms: 5 };

    /// Adds this number of transactions. Each has 50 records, and every second record is of the app.
    async fn fill(store: &Store, transactions: usize) {
        let mut trail = store.trail();
        for _ in 0..transactions {
            let record = |n| Record::now("door", "ok").user(&format!("user {n}"));
            let filed = |n| if n % 2 == 0 { record(n).of_app(LIFE) } else { record(n) };
            trail.add(vec![(0..50).map(filed).collect()]).await.expect("kept");
        }
    }

    /// The pages that are left, as text.
    async fn rest(mut export: impl Pages, mut text: Vec<u8>) -> Result<String, StoreError> {
        loop {
            let (page, rest) = export.page(Vec::new()).await?;
            text.extend(page);
            match rest {
                Some(rest) => export = rest,
                None => return Ok(String::from_utf8(text).expect("UTF-8")),
            }
        }
    }

    fn verified(text: &str, trusted: Option<PublicKeys>) -> Report {
        let mut lines = text.lines();
        let mut export =
            Export::begin(lines.next().expect("a line"), trusted, &[]).expect("an export");
        lines.for_each(|line| export.line(line));
        export.finish()
    }

    #[tokio::test]
    async fn an_export_is_whole_and_ends_where_it_began() {
        let (store, _folder) = opened().await;
        fill(&store, 30).await;
        store.checkpoint().await.expect("signed");
        fill(&store, 30).await;
        let keys = PublicKeys::of(&store.audit_jwks().await.expect("the keys").keys);
        let (all, of_app) =
            (Whole::begin(store.clone()).await, OfApp::begin(store.clone(), LIFE).await);
        fill(&store, 1).await;
        let text = rest(all.expect("begun"), Vec::new()).await.expect("all of it");
        let report = verified(&text, Some(keys.clone()));
        assert_eq!((&report.faults, report.records), (&vec![], 3_000));
        assert_eq!((report.links, report.checkpoints), (61, 2));
        let text = rest(of_app.expect("begun"), Vec::new()).await.expect("all of it");
        let report = verified(&text, Some(keys));
        assert_eq!((&report.faults, report.records), (&vec![], 1_500));
        let altered = text.replacen("user 4\"", "user 5\"", 1);
        assert_eq!(verified(&altered, None).faults.len(), 1);
    }

    #[tokio::test]
    async fn a_slow_reader_holds_no_connection() {
        let (store, _folder) = opened().await;
        fill(&store, 60).await;
        let mut open = Vec::new();
        for _ in 0..30 {
            let (page, rest) = Whole::begin(store.clone())
                .await
                .expect("begun")
                .page(Vec::new())
                .await
                .expect("a page");
            open.push((page, rest.expect("more follows")));
        }
        let others = async {
            fill(&store, 1).await;
            store.newest_record().await.expect("read")
        };
        assert_eq!(timeout(Duration::from_secs(30), others).await, Ok(3_050));
        let (page, export) = open.pop().expect("one");
        assert!(page.len() < 2_000_000, "{}", page.len());
        let text = rest(export, page).await.expect("all of it");
        assert_eq!(verified(&text, None).faults, []);
    }

    #[tokio::test]
    async fn an_export_of_records_that_are_deleted_meanwhile_breaks_off() {
        let (store, _folder) = opened().await;
        fill(&store, 60).await;
        let (page, export) = Whole::begin(store.clone())
            .await
            .expect("begun")
            .page(Vec::new())
            .await
            .expect("a page");
        // What was written already may go.
        store.prune_oldest(1_000).await.expect("deleted");
        let (more, export) = export.expect("more").page(page).await.expect("the next page");
        store.prune_oldest(2_000).await.expect("deleted");
        assert!(rest(export.expect("more"), more).await.is_err());
    }
}
