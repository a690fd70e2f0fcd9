//! The classroom's backend: it decides who teaches and who attends, and mints what Stagedoor enforces.
//!
//! A real backend knows its users by their sessions. This one believes what the page says, so that you can be everybody;
//! for that reason it is part of `stagedoor dev` alone. It speaks to Stagedoor's HTTP API as any backend does.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Short, so that you see tokens end and be renewed.
const TTL_S: u64 = 90;
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What the page sends: a room and a user, `teacher`, `student`, or `student-` and a number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    room: String,
    user: String,
    ttl_s: Option<u64>,
}

struct Backend {
    /// Stagedoor's HTTP API.
    api: Router,
    app: u32,
    api_key: String,
    students: AtomicU64,
}

type Shared = State<Arc<Backend>>;

/// The backend of an app that has the roles of `examples/roles/classroom.json`. The API key needs the scopes
/// `tokens:mint` and `tokens:revoke`.
pub fn router(api: Router, app: u32, api_key: String) -> Router {
    let backend = Backend { api, app, api_key, students: AtomicU64::new(0) };
    Router::new()
        .route("/classroom/token", post(token))
        .route("/classroom/revoke", post(revoke))
        .route("/classroom/let-in", post(let_in))
        .with_state(Arc::new(backend))
}

/// Mints by who asks.
async fn token(State(backend): Shared, Json(asked): Json<Asked>) -> Response {
    let (user, role) = match asked.user.strip_prefix("student") {
        None if asked.user == "teacher" => (asked.user, "teacher"),
        Some(number) => {
            let number = number.strip_prefix('-').and_then(|number| number.parse().ok());
            let number =
                number.unwrap_or_else(|| backend.students.fetch_add(1, Ordering::Relaxed) + 1);
            (format!("student-{number}"), "student")
        }
        None => return (StatusCode::FORBIDDEN, "nobody of this name belongs here").into_response(),
    };
    let ttl_s = asked.ttl_s.unwrap_or(TTL_S).min(TTL_S);
    let new =
        json!({ "room": asked.room, "user": user, "name": user, "role": role, "ttl_s": ttl_s });
    match backend.call(Method::POST, "tokens", &new).await {
        Ok(minted) => minted["token"].as_str().unwrap_or_default().to_owned().into_response(),
        Err(refused) => refused,
    }
}

/// Every token that a user has so far opens nothing any more. A new one would, and this backend gives it.
async fn revoke(State(backend): Shared, by: HeaderMap, Json(asked): Json<Asked>) -> Response {
    let target = json!({ "room_user": { "room": asked.room, "user": asked.user } });
    let revoked = async {
        backend.teaches(&by, &asked.room).await?;
        backend.call(Method::POST, "revocations", &json!({ "target": target })).await
    };
    revoked.await.map_or_else(|refused| refused, |_| StatusCode::NO_CONTENT.into_response())
}

/// Lifts every ban of a user.
async fn let_in(State(backend): Shared, by: HeaderMap, Json(asked): Json<Asked>) -> Response {
    let target = json!({ "room_user": { "room": asked.room, "user": asked.user } });
    let lifted = async {
        backend.teaches(&by, &asked.room).await?;
        let list = backend.call(Method::GET, "revocations?limit=200", &Value::Null).await?;
        let bans = list["items"].as_array().into_iter().flatten();
        for ban in bans.filter(|entry| entry["ban"] == true && entry["target"] == target) {
            let path = format!("revocations/{}", ban["generation"]);
            backend.call(Method::DELETE, &path, &Value::Null).await?;
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    lifted.await.unwrap_or_else(|refused: Response| refused)
}

impl Backend {
    /// To revoke, the page shows the token of a teacher of this room.
    async fn teaches(&self, by: &HeaderMap, room: &str) -> Result<(), Response> {
        let bearer = by.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let asked = json!({ "token": token, "room": room });
        let told = self.call(Method::POST, "tokens/verify", &asked).await?;
        let teaches = told["valid"] == true && told["claims"]["role"] == "teacher";
        let refused = || (StatusCode::FORBIDDEN, "only who teaches may do this").into_response();
        teaches.then_some(()).ok_or_else(refused)
    }

    /// Calls Stagedoor; a refusal is passed on as it is.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Response> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/apps/{}/{path}", self.app))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.api_key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(if body.is_null() { Body::empty() } else { Body::from(body.to_string()) });
        let failed = |_| StatusCode::BAD_GATEWAY.into_response();
        let Ok(answer) = self.api.clone().oneshot(request.map_err(|_| failed(()))?).await;
        if !answer.status().is_success() {
            return Err(answer);
        }
        let bytes = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.map_err(|_| failed(()))?;
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }
}
