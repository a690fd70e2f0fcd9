//! Where tokens come from. A token is an opaque text here, and never shown.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use crate::error::Cause;

type Asked = Pin<Box<dyn Future<Output = Result<String, Cause>> + Send>>;

/// A source of tokens: asked for each login, so that a reconnect after expiry gets a fresh one.
#[derive(Clone)]
pub struct Token(Arc<dyn Fn() -> Asked + Send + Sync>);

impl Token {
    /// Always the same token.
    pub fn fixed(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::from_fn(move || {
            let token = token.clone();
            async move { Ok::<_, String>(token) }
        })
    }

    /// Asks the application's backend.
    pub fn from_fn<F, E>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Arc::new(move || {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(|error| Cause::from(error.into())) })
        }))
    }

    pub(crate) async fn get(&self) -> Result<String, Cause> {
        (self.0)().await
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}
