//! The built pages: one page for every path of a site, and the files that it loads, in the form that the browser takes.
//! Only `dev` has a site, the classroom. Holds nothing that is secret.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stagedoor_web::{CLASSROOM, File};
use tower::ServiceExt;

use super::{Path, pages};
use crate::{error::ApiError, state::AppState};

/// The classroom's page uses what other pages refuse themselves.
const DEVICES: (HeaderName, HeaderValue) = (
    HeaderName::from_static("permissions-policy"),
    HeaderValue::from_static("camera=(self), microphone=(self), display-capture=(self)"),
);

/// A form in which a file is held. The order is that of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Brotli,
    Gzip,
    Plain,
}

impl Coding {
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Plain];

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Plain => "identity",
        }
    }

    fn of(self, file: &File) -> Option<&'static [u8]> {
        match self {
            Self::Brotli => file.brotli,
            Self::Gzip => file.gzip,
            Self::Plain => Some(file.plain),
        }
    }

    /// How much a caller wants it, in thousandths; 0: not at all (RFC 9110 §12.5.3). What is not mentioned is not
    /// wanted, except the plain form, which is wanted least.
    fn wanted(self, asked: &HeaderMap) -> u16 {
        let fields = asked.get_all(header::ACCEPT_ENCODING).iter();
        let fields = fields.filter_map(|field| field.to_str().ok());
        let (mut all, mut own) = (None, None);
        for entry in fields.flat_map(|field| field.split(',')) {
            let mut parts = entry.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            let weight = weight.map_or(1_000, thousandths);
            if coding == "*" {
                all = Some(weight);
            } else if coding.eq_ignore_ascii_case(self.name()) {
                own = Some(weight);
            }
        }
        own.or(all).unwrap_or(u16::from(self == Self::Plain))
    }
}

/// A weight such as `0.5`; a malformed one is 0.
fn thousandths(weight: &str) -> u16 {
    let weight = weight.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight));
    // At most 1,000.
    weight.map_or(0, |weight| (weight * 1_000.0) as u16)
}

/// The form that a caller wants most, of those in which the file is held. A caller that wants none gets the plain one.
fn form(file: &File, asked: &HeaderMap) -> (Coding, &'static [u8]) {
    let held = Coding::ALL.iter().filter_map(|coding| Some((*coding, coding.of(file)?)));
    // Of equals the last is the largest, and ours comes first.
    let best = held.rev().max_by_key(|(coding, _)| coding.wanted(asked));
    best.filter(|(coding, _)| coding.wanted(asked) > 0).unwrap_or((Coding::Plain, file.plain))
}

fn answer(file: &File, asked: &HeaderMap, cached: HeaderValue) -> Response {
    let (coding, bytes) = form(file, asked);
    let tag = format!("\"{}-{}\"", file.digest, coding.name());
    let mut response = if pages::is_known(asked, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, HeaderValue::from_static(file.kind))], bytes).into_response()
    };
    pages::finish(&mut response, &tag, cached);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if coding != Coding::Plain && response.status() != StatusCode::NOT_MODIFIED {
        let name = HeaderValue::from_static(coding.name());
        response.headers_mut().insert(header::CONTENT_ENCODING, name);
    }
    let (name, devices) = DEVICES;
    response.headers_mut().insert(name, devices);
    response
}

fn nothing() -> ApiError {
    ApiError::NotFound { code: "path_unknown", detail: "there is nothing at this path" }
}

/// `/`: the classroom, or the front page where there is none.
pub(crate) async fn home(state: State<Arc<AppState>>, asked: HeaderMap) -> Response {
    if state.classroom.get().is_some() {
        return answer(&CLASSROOM.index, &asked, pages::CHECKED);
    }
    pages::front(state, asked).await
}

/// `/room/…`: the same page, which reads its path itself.
pub(crate) async fn room(
    State(state): State<Arc<AppState>>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let site = state.classroom.get().map(|_| &CLASSROOM).ok_or_else(nothing)?;
    Ok(answer(&site.index, &asked, pages::CHECKED))
}

/// A file of the site, `/web/{digest}/{name}`.
pub(crate) async fn file(
    State(state): State<Arc<AppState>>,
    Path((digest, name)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    let site = state.classroom.get().map(|_| &CLASSROOM);
    let site = site.filter(|site| site.digest == digest).ok_or_else(nothing)?;
    Ok(answer(site.file(&name).ok_or_else(nothing)?, &asked, pages::FOR_GOOD))
}

/// `/classroom/…`: the classroom's backend, which knows nothing of this server but its API.
pub(crate) async fn backend(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let backend = state.classroom.get().ok_or_else(nothing)?;
    let Ok(response) = backend.oneshot(request).await;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: File = File {
        name: "a.js",
        kind: "text/javascript",
        digest: "0",
        plain: b"plain",
        gzip: Some(b"gz"),
        brotli: Some(b"b"),
    };

    fn chosen(fields: &[&'static str]) -> &'static str {
        let mut asked = HeaderMap::new();
        for field in fields {
            asked.append(header::ACCEPT_ENCODING, HeaderValue::from_static(field));
        }
        form(&FILE, &asked).0.name()
    }

    #[test]
    fn the_form_is_the_one_that_the_browser_wants_most() {
        assert_eq!(chosen(&["gzip, deflate, br, zstd"]), "br");
        assert_eq!(chosen(&["gzip, deflate"]), "gzip");
        assert_eq!(chosen(&["gzip", "BR"]), "br");
        assert_eq!(chosen(&["br;q=0.5, gzip;q=0.8"]), "gzip");
        assert_eq!(chosen(&["br; q=0, *"]), "gzip");
        assert_eq!(chosen(&["*"]), "br");
        assert_eq!(chosen(&["identity;q=0.9, br;q=0.1"]), "identity");
    }

    #[test]
    fn a_browser_that_takes_no_compression_gets_the_plain_form() {
        assert_eq!(chosen(&[]), "identity");
        assert_eq!(chosen(&[""]), "identity");
        assert_eq!(chosen(&["zstd, deflate, x-snappy"]), "identity");
        assert_eq!(chosen(&["br;q=0, gzip;q=0.000"]), "identity");
        assert_eq!(chosen(&["identity;q=0"]), "identity");
        assert_eq!(chosen(&["br;q=2, gzip;q=much"]), "identity");
    }

    #[test]
    fn a_form_that_is_not_held_is_not_chosen() {
        let file = File { brotli: None, ..FILE };
        let mut asked = HeaderMap::new();
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip;q=0.1"));
        assert_eq!(form(&file, &asked), (Coding::Gzip, &b"gz"[..]));
    }
}
