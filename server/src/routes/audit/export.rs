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
    caller::Scope,
    error::ApiError,
    record::unix_ms,
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
    audited.caller.is_root()?;
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
    audited.caller.may(app, Scope::AppsAdmin)?;
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
