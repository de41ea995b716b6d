//! What a program needs of the client to authorize its requests, as a trait that its tests can implement.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::client::BotClient;
use crate::config::AccessToken;
use crate::error::Error;

/// The future of a [`TokenProvider`].
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<AccessToken, Error>> + Send + 'a>>;

/// A source of access tokens.
///
/// [`BotClient`] is one. Code that sends requests with an HTTP client of its own can take an `Arc<dyn TokenProvider>`, and its
/// tests can pass tokens of their own:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use social_plus_bot::{AccessToken, Error, TokenFuture, TokenProvider};
///
/// struct Crawler {
///     tokens: Arc<dyn TokenProvider>,
/// }
///
/// impl Crawler {
///     /// The header of the request that follows one that was refused.
///     async fn header_after(&self, refused: &AccessToken) -> Result<http::HeaderValue, Error> {
///         self.tokens.access_token_after(refused).await?.header()
///     }
/// }
///
/// /// Numbers its tokens.
/// #[derive(Debug, Default)]
/// struct FakeTokens(AtomicU32);
///
/// impl TokenProvider for FakeTokens {
///     fn access_token(&self) -> TokenFuture<'_> {
///         let token = format!("token-{}", self.0.load(Ordering::Relaxed));
///         Box::pin(async { Ok(AccessToken::from(token)) })
///     }
///
///     fn access_token_after<'a>(&'a self, _: &'a AccessToken) -> TokenFuture<'a> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         self.access_token()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let crawler = Crawler { tokens: Arc::new(FakeTokens::default()) };
/// let first = crawler.tokens.access_token().await?;
/// assert_eq!(first.header()?, "Bearer token-0");
/// assert_eq!(crawler.header_after(&first).await?, "Bearer token-1");
/// # Ok(())
/// # }
/// ```
pub trait TokenProvider: fmt::Debug + Send + Sync + 'static {
    /// Returns the token to send; see [`BotClient::access_token`].
    fn access_token(&self) -> TokenFuture<'_>;

    /// Returns the token to send after the service refused this one; see [`BotClient::access_token_after`].
    fn access_token_after<'a>(&'a self, refused: &'a AccessToken) -> TokenFuture<'a>;
}

impl TokenProvider for BotClient {
    fn access_token(&self) -> TokenFuture<'_> {
        Box::pin(self.access_token())
    }

    fn access_token_after<'a>(&'a self, refused: &'a AccessToken) -> TokenFuture<'a> {
        Box::pin(self.access_token_after(refused))
    }
}

impl<P: TokenProvider + ?Sized> TokenProvider for Arc<P> {
    fn access_token(&self) -> TokenFuture<'_> {
        (**self).access_token()
    }

    fn access_token_after<'a>(&'a self, refused: &'a AccessToken) -> TokenFuture<'a> {
        (**self).access_token_after(refused)
    }
}
