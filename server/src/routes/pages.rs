//! The pages that the binary carries: a front page and the reference. They load nothing from elsewhere.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn page(kind: &'static str, text: &'static str) -> Response {
    let fields: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (fields, text).into_response()
}

const HTML: &str = "text/html; charset=utf-8";

pub(crate) async fn front() -> Response {
    page(HTML, include_str!("../../pages/front.html"))
}

pub(crate) async fn reference() -> Response {
    page(HTML, include_str!("../../pages/reference.html"))
}

pub(crate) async fn script() -> Response {
    page("text/javascript; charset=utf-8", include_str!("../../pages/reference.js"))
}

pub(crate) async fn style() -> Response {
    page("text/css; charset=utf-8", include_str!("../../pages/style.css"))
}
