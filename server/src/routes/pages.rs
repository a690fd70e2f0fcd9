//! The pages that the binary carries: a front page, the reference, and the files that they load. They load nothing
//! from elsewhere, and hold nothing that is secret.

mod files;

use std::sync::{Arc, LazyLock};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::Path;
use crate::{error::ApiError, state::AppState};
use files::{FILES, File, PREFIX};

/// No inline script or style, nothing from elsewhere, and no text of a stranger's that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types stagedoor";

/// What every page has, and every file.
const FIELDS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(), display-capture=()"),
    ),
];

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// Asked again each time, and answered by 304 while nothing changed.
pub(super) const CHECKED: HeaderValue = HeaderValue::from_static("no-cache");
/// Never asked again: another content has another path.
pub(super) const FOR_GOOD: HeaderValue =
    HeaderValue::from_static("public, max-age=31536000, immutable");

/// The digest of all files, a part of their paths.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for file in &FILES {
        all.update(file.name);
        all.update(file.bytes);
    }
    hex(&all.finalize())
});

static REFERENCE: LazyLock<String> =
    LazyLock::new(|| with_paths(include_str!("../../pages/reference.html")));

/// The first 16 digits of a digest.
fn hex(digest: &[u8]) -> String {
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn with_paths(page: &str) -> String {
    page.replace("{assets}", &format!("{PREFIX}/{}", *DIGEST))
}

/// The front page, whose next steps are those of `dev` where `dev` made an app.
pub(crate) async fn front(State(state): State<Arc<AppState>>, asked: HeaderMap) -> Response {
    let next = state.dev_app.get().map_or_else(
        || include_str!("../../pages/next-serve.html").to_owned(),
        |app| include_str!("../../pages/next-dev.html").replace("{app}", &app.to_string()),
    );
    let page = include_str!("../../pages/front.html").replace("{next}", &next);
    html(&asked, with_paths(&page.replace("{version}", env!("CARGO_PKG_VERSION"))))
}

pub(crate) async fn reference(asked: HeaderMap) -> Response {
    html(&asked, REFERENCE.clone())
}

/// The page that logs in by a link. What is said of identity providers is filled in where there is one.
pub(crate) async fn login(asked: HeaderMap) -> Response {
    let page = include_str!("../../pages/login.html").replace("{oidc}", "");
    html(&asked, with_paths(&page))
}

fn html(asked: &HeaderMap, page: String) -> Response {
    let tag = tag(&hex(&Sha256::digest(&page)));
    let mut response = if is_known(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HTML)], page).into_response()
    };
    finish(&mut response, &tag, CHECKED);
    response
}

/// A file of a page, `/assets/{digest}/{name}`.
///
/// The large ones are held compressed alone and are sent so to everybody: each browser takes gzip, and one more copy
/// of 2 MB in the binary would serve nobody.
pub(crate) async fn file(
    Path((digest, name)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let file = FILES.iter().find(|file| digest == *DIGEST && file.name == name);
    let Some(file) = file else {
        return Err(ApiError::NotFound {
            code: "path_unknown",
            detail: "there is nothing at this path",
        });
    };
    let tag = tag(&digest);
    let mut response =
        if is_known(&asked, &tag) { StatusCode::NOT_MODIFIED.into_response() } else { body(file) };
    finish(&mut response, &tag, FOR_GOOD);
    Ok(response)
}

fn body(file: &File) -> Response {
    let mut response =
        ([(header::CONTENT_TYPE, HeaderValue::from_static(file.kind))], file.bytes).into_response();
    if file.is_gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn tag(digest: &str) -> String {
    format!("\"{digest}\"")
}

pub(super) fn finish(response: &mut Response, tag: &str, cached: HeaderValue) {
    let headers = response.headers_mut();
    headers.extend(FIELDS);
    headers.insert(header::CACHE_CONTROL, cached);
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
}

/// Whether a caller has this content already: `If-None-Match`, compared weakly (RFC 9110 §13.1.2).
pub(super) fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let fields =
        asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|field| field.to_str().ok());
    fields
        .flat_map(|field| field.split(','))
        .map(|of| of.trim().trim_start_matches("W/"))
        .any(|of| of == tag || of == "*")
}
