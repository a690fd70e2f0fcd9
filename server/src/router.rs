//! Routes paths, gives requests their ids, enforces rates, and writes problem bodies.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Extension, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, MatchedPath, RawPathParams, Request, State,
        rejection::RawPathParamsRejection,
    },
    http::{HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use stagedoor_bus::Text;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    act::{RequestId, carry_through},
    config::Config,
    console,
    document::document,
    error::{ApiError, OauthProblem, Problem, oauth::as_oauth, with_request_id},
    guard::guard,
    routes::{
        admission, api_keys, apps, audit, issuers, jwks, keys, leaks, me, oauth, operators, pages,
        revocations, roles, rooms, session, team, tokens, web,
    },
    secret,
    state::AppState,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");
const REQUEST_ID_BYTES_MAX: usize = 64;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stagedoor",
        description = "Room tokens, apps, keys, rooms. Every refusal is a problem body (RFC 9457) with a stable `code`; \
                       `spec/codes.md` says what each means and what to change. Malformed HTTP (400, 414, 431) is answered with a problem too.\n\n\
                       Times: fields that end in `_ms` are Unix milliseconds; fields that end in `_at`, and `at` and `now`, are Unix seconds; \
                       fields that end in `_s` or begin with `ttl_s` are durations in seconds; `iat`, `nbf`, `exp` and `max_stay` are a token's claims, as in RFC 7519.\n\n\
                       `null` in a body means the same as leaving the field out, except in a `PATCH`, where a field left out keeps its value and `null` is refused.\n\n\
                       Operations that list `Idempotency-Key` honour it; every other `POST` and `PATCH` refuses it with 400 `idempotency_unsupported`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Problem, OauthProblem))
)]
struct Document;

fn api() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(apps::create, apps::list))
        .routes(routes!(apps::show, apps::change, apps::delete))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::lines::rotate))
        .routes(routes!(keys::lines::bound, keys::lines::end))
        .routes(routes!(keys::retire))
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::rotate))
        .routes(routes!(api_keys::delete))
        .routes(routes!(roles::show, roles::replace))
        .routes(routes!(roles::show_one, roles::put_one, roles::delete_one))
        .routes(routes!(roles::versions))
        .routes(routes!(roles::show_version))
        .routes(routes!(roles::restore))
        .routes(routes!(issuers::list))
        .routes(routes!(issuers::show, issuers::put, issuers::remove))
        .routes(routes!(issuers::try_one))
        .routes(routes!(tokens::create))
        .routes(routes!(tokens::explain))
        .routes(routes!(revocations::create, revocations::list))
        .routes(routes!(revocations::lift))
        .routes(routes!(rooms::list))
        .routes(routes!(rooms::show, rooms::close))
        .routes(routes!(rooms::kick))
        .routes(routes!(rooms::assign))
        .routes(routes!(rooms::mute))
        .routes(routes!(rooms::unmute))
        .routes(routes!(rooms::admit))
        .routes(routes!(rooms::decline))
        .routes(routes!(admission::admit_many))
        .routes(routes!(rooms::message))
        .routes(routes!(audit::list))
        .routes(routes!(audit::list_all))
        .routes(routes!(audit::export::export))
        .routes(routes!(audit::export::export_all))
        .routes(routes!(audit::proof::checkpoint))
        .routes(routes!(audit::proof::rotate))
        .routes(routes!(leaks::report))
        .routes(routes!(operators::create, operators::list))
        .routes(routes!(operators::show, operators::change, operators::remove))
        .routes(routes!(operators::tokens::list_tokens, operators::tokens::make_token))
        .routes(routes!(operators::tokens::end_token))
        .routes(routes!(operators::sessions::list_sessions))
        .routes(routes!(operators::sessions::end_session))
        .routes(routes!(operators::sessions::make_link))
        .routes(routes!(team::list))
        .routes(routes!(team::show, team::put, team::remove))
        .routes(routes!(me::show))
        .routes(routes!(me::personal::list_tokens, me::personal::make_token))
        .routes(routes!(me::personal::end_token))
        .routes(routes!(me::sessions::list_sessions))
        .routes(routes!(me::sessions::end_session))
}

/// Operations by which a browser logs in.
fn doors() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new().routes(routes!(session::log_in))
}

/// Operations of OAuth, whose clients authenticate in their own ways.
fn oauth() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(oauth::token::token))
        .routes(routes!(oauth::introspect::introspect))
        .routes(routes!(oauth::revoke::revoke))
}

/// Operations that need no credential.
fn open() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(jwks::jwks))
        .routes(routes!(oauth::metadata::metadata))
}

/// The document as it is served; serialized once, so that a hundred slow clients share one piece of memory.
#[derive(Clone)]
struct Served(Bytes);

/// Shows this document.
///
/// OpenAPI 3.1, with the limits of this server's configuration. The same document of the defaults is
/// `spec/openapi.json`.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "document", responses((status = 200, body = Object)))]
async fn show(Extension(Served(document)): Extension<Served>) -> impl IntoResponse {
    ([JSON], document)
}

/// What every handler says of itself.
fn handlers() -> utoipa::openapi::OpenApi {
    api().merge(oauth()).merge(doors()).merge(open()).into_openapi()
}

/// The OpenAPI document of this version, as pretty JSON with a newline at its end.
pub fn openapi() -> String {
    let document = document(&handlers(), &Config::default());
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// All paths of the server.
pub(crate) fn router(state: Arc<AppState>) -> Router {
    let served = Served(Bytes::from(document(&handlers(), &state.config).to_string()));
    let ((api, _), (open, _)) = (api().split_for_parts(), open().split_for_parts());
    let (oauth, _) = oauth().split_for_parts();
    let oauth = oauth
        .route_layer(from_fn_with_state(state.clone(), guard))
        .route_layer(from_fn_with_state(state.clone(), carry_through))
        .route_layer(from_fn_with_state(state.clone(), oauth::enter));
    let (doors, _) = doors().split_for_parts();
    let doors = doors
        .route_layer(from_fn_with_state(state.clone(), guard))
        .route_layer(from_fn_with_state(state.clone(), carry_through));
    let paths = api
        .route_layer(from_fn_with_state(state.clone(), guard))
        .route_layer(from_fn_with_state(state.clone(), carry_through))
        .route_layer(from_fn_with_state(state.clone(), console::authenticate))
        .route("/v1/audit/jwks.json", get(audit::proof::jwks))
        .merge(oauth)
        .merge(doors)
        .merge(open.layer(Extension(served)))
        .route("/", get(web::home))
        .route("/start", get(pages::front))
        .route("/room/{*path}", get(web::room))
        .route("/web/{digest}/{*name}", get(web::file))
        .route("/classroom/{*path}", any(web::backend))
        .route("/reference", get(pages::reference))
        .route("/login", get(pages::login))
        .route("/assets/{digest}/{*name}", get(pages::file))
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .fallback(|| async {
            ApiError::NotFound { code: "path_unknown", detail: "there is nothing at this path" }
        })
        .layer(DefaultBodyLimit::max(state.config.body_bytes_max))
        .layer(from_fn_with_state(state.clone(), identify))
        .with_state(state);
    // Outside of all paths, so that those below `/console` are looked up as those of the API that they are.
    Router::new().fallback_service(paths).layer(from_fn(console::enter))
}

/// Gives every request an id, writes problem bodies, counts answers.
async fn identify(
    State(state): State<Arc<AppState>>,
    // `None` if no path matched.
    asked: Result<RawPathParams, RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let sane = |id: &&str| {
        (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let id = given.filter(sane).map(ToOwned::to_owned);
    let id = id.or_else(|| secret::random_id("r_").ok()).unwrap_or_else(|| "r_none".into());
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = label(request.method());
    let peer = request.extensions().get::<SocketAddr>().map(SocketAddr::ip);
    request.extensions_mut().insert(RequestId(id.clone()));
    let is_oauth = request.uri().path().starts_with("/oauth/");
    let response = next.run(request).await;
    let response = if is_oauth { as_oauth(response) } else { response };
    let mut response = with_request_id(response, &id);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
        .headers_mut()
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    state.metrics.request(method, &route, response.status().as_u16());
    if let Some(problem) = response.extensions().get::<Problem>() {
        log_refused(problem, asked.as_ref().ok(), (&id, peer), (method, &route));
    }
    response
}

/// Logs a refusal: only ids, and only well-formed ones.
fn log_refused(
    problem: &Problem,
    asked: Option<&RawPathParams>,
    (request_id, peer): (&str, Option<IpAddr>),
    (method, route): (&str, &str),
) {
    let named = |of: &str| asked?.iter().find(|(name, _)| *name == of).map(|(_, value)| value);
    let app = named("app").and_then(|app| app.parse::<u32>().ok());
    let room = named("room").and_then(Text::room).or_else(|| problem.room.clone());
    let peer = peer.map(tracing::field::display);
    tracing::info!(
        name: "refused", code = &*problem.code, status = problem.status, app, room = room.as_deref(), peer, request_id,
        method, route, "request refused"
    );
}

/// A method as a label from a closed set; unknown methods share one.
fn label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
