//! Where tokens come from. Here a token is opaque text, and `Debug` does not show it.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use crate::error::Cause;

type Asked = Pin<Box<dyn Future<Output = Result<String, Cause>> + Send>>;

/// Where the client gets tokens. It asks for one at each login and renewal, so a reconnect after expiry gets a new
/// one.
#[derive(Clone)]
pub struct Token(Arc<dyn Fn() -> Asked + Send + Sync>);

impl Token {
    /// Always the same token. Once it has expired, the client cannot reconnect.
    pub fn fixed(token: impl Into<String>) -> Self {
        let token = token.into();
        Self::from_fn(move || {
            let token = token.clone();
            async move { Ok::<_, String>(token) }
        })
    }

    /// Calls `ask` for each token, usually to ask your backend. What it fails with becomes the `source()` of
    /// [`ConnectError::Token`](crate::ConnectError::Token) or [`RequestError::Token`](crate::RequestError::Token).
    ///
    /// ```
    /// # async fn my_backend() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// let token = stagedoor_client::Token::from_fn(|| async { my_backend().await });
    /// ```
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
