//! [`BotClient::send`] as a middleware.
//!
//! Unlike `send`, it returns a response with an error status as a response, since the middlewares around it need to see
//! it. The [`Error`](crate::Error) is attached to the response as an extension.

use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error as LayerError, Middleware, Next};

use crate::api::trace;
use crate::client::BotClient;
use crate::client::exchange::{Exchange, SendRequest};
use crate::error::Error;

/// A middleware that sends requests with the token of the current [`session`](BotClient::session), as
/// [`send`](BotClient::send) does: only to the client's base URL and below, with a refused token replaced once, and
/// with an error instead of a request while the daily reads are used up.
///
/// - A response with an error status is returned as a response, with its complete body still unread, so that the
///   middlewares around this one see it. The [`Error`](crate::Error) that `send` returns for it is among the response's
///   [extensions](Response::extensions), along with those of inner middlewares.
/// - If nothing is sent, because there is no token, no reads are left, or the URL is outside the base URL, the error
///   is a [`Middleware`](LayerError::Middleware) error that contains an [`Error`](crate::Error), which
///   [`Error::find`](crate::Error::find) returns, whatever the middlewares around this one make of it. Retry middlewares
///   treat it as permanent, which is right: registrations have been retried already.
///
/// Middlewares added before this one see each request once and without its token, and the final response. Add retries
/// and caches there (a response from a cache does not count as a read). Middlewares added after it see each attempt,
/// with the token marked as sensitive.
///
/// It keeps no pages, and returns none of those that `BotClient::read` keeps. Its reads count in the budget of that cache.
///
/// This middleware sets no timeout: that of the request counts, or else that of the [`reqwest::Client`] it is sent
/// with. The client's own connections, as in the example, have its [`timeout`](crate::BotClientBuilder::timeout);
/// another `reqwest::Client` has none by default.
///
/// The client's own connections follow no redirects. Another [`reqwest::Client`] may follow them; reqwest removes the
/// token when they lead to another host.
///
#[cfg_attr(feature = "sandbox", doc = "```")]
#[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use reqwest_middleware::ClientBuilder;
/// use reqwest_retry::{RetryTransientMiddleware, policies::ExponentialBackoff};
/// use social_plus_bot::{Error, ErrorCode, ErrorKind};
///
/// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
/// # let bot = sandbox.client().build()?;
/// let retries = ExponentialBackoff::builder().build_with_max_retries(3);
/// let client = ClientBuilder::new(bot.http_client().clone())
///     .with(RetryTransientMiddleware::new_with_policy(retries))
///     .with(bot.clone())
///     .build();
///
/// let posts = client.get(format!("{}/api/v4/posts", bot.base_url())).send().await?;
/// assert!(posts.status().is_success());
///
/// let refused = client.post(format!("{}/api/v4/posts", bot.base_url())).send().await?;
/// let error = refused.extensions().get::<Error>().unwrap();
/// assert_eq!(error.code(), Some(ErrorCode::BOT_PERMISSION_DENIED));
///
/// // What is not sent is an error within the errors of the layers.
/// let error = client.get("https://example.com/").send().await.unwrap_err();
/// assert_eq!(Error::find(&error).map(Error::kind), Some(ErrorKind::Origin));
/// # Ok(())
/// # }
/// ```
#[async_trait::async_trait]
impl Middleware for BotClient {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let layers = InnerLayers { next, extensions };
        let Exchange { mut response, error, .. } = self.exchange(layers, request, async {}).await?;
        if let Some(error) = error {
            response.extensions_mut().insert(error);
        }
        Ok(response)
    }
}

struct InnerLayers<'a> {
    next: Next<'a>,
    extensions: &'a mut Extensions,
}

impl SendRequest for InnerLayers<'_> {
    type Error = LayerError;

    async fn send(&mut self, request: Request) -> reqwest_middleware::Result<Response> {
        self.next.clone().run(request, self.extensions).await
    }

    /// It contains `error` both as what it is and as its source: a layer around it may pass on the source alone, as that of
    /// `reqwest-retry` does.
    fn not_sent(error: Error) -> LayerError {
        match LayerError::middleware(error.clone()) {
            LayerError::Middleware(inner) => LayerError::Middleware(inner.context(error)),
            LayerError::Reqwest(inner) => LayerError::Reqwest(inner),
        }
    }

    fn error_type(error: &LayerError) -> &'static str {
        trace::error_type(error)
    }
}
