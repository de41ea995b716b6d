//! [`BotClient::send`] as a layer of `tower`.
//!
//! As with the middleware, a response with an error status is returned as a response, with the
//! [`Error`](crate::Error) as an extension.

use std::error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use reqwest::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::api::trace;
use crate::client::BotClient;
use crate::client::exchange::{Exchange, SendRequest};
use crate::error::Error;

/// A service that sends requests with the token of a [`BotClient`], through an inner service such as [`reqwest::Client`].
///
/// `BotClient` is the [`Layer`] that creates it. It does what [`send`](BotClient::send) does: the token goes to the client's
/// base URL and below only, a refused token is replaced once, and while the daily reads are used up, nothing is sent.
///
/// - A response with an error status is returned as a response, with its complete body still unread. The
///   [`Error`](crate::Error) that `send` returns for it is among the response's [extensions](Response::extensions).
/// - The error of the service is that of the inner service, or an [`Error`](crate::Error) if nothing is sent: because there is
///   no token, no reads are left, or the URL is outside the base URL. [`Error::find`](crate::Error::find) returns it, whatever
///   the layers around this one make of it.
///
/// Layers around this one see each request once and without its token, and the final response. The inner service sees each
/// attempt, with the token marked as sensitive. It is cloned, and is ready before each call. As with the
/// [`AsyncFilter`](https://docs.rs/tower/latest/tower/filter/struct.AsyncFilter.html) of `tower`, it becomes ready before the
/// call begins, so a permit of a concurrency limit within this service is held while the first attempt waits for a token.
///
/// No timeout is set: that of the request counts, or else that of the [`reqwest::Client`]. The client's own connections, as
/// in the example, have its [`timeout`](crate::BotClientBuilder::timeout) and follow no redirects.
///
#[cfg_attr(feature = "sandbox", doc = "```")]
#[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// use reqwest::{Method, Request};
/// use social_plus_bot::Error;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
/// # let bot = sandbox.client().build()?;
/// let service = ServiceBuilder::new().layer(bot.clone()).service(bot.http_client().clone());
///
/// let url = format!("{}/api/v4/posts", bot.base_url()).parse()?;
/// let posts = service.oneshot(Request::new(Method::GET, url)).await?;
/// assert!(posts.status().is_success());
/// assert!(posts.extensions().get::<Error>().is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BotService<S> {
    bot: BotClient,
    inner: S,
}

/// Wraps a service in a [`BotService`].
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
impl<S> Layer<S> for BotClient {
    type Service = BotService<S>;

    fn layer(&self, inner: S) -> BotService<S> {
        BotService { bot: self.clone(), inner }
    }
}

type BoxError = Box<dyn error::Error + Send + Sync>;

impl<S> Service<Request> for BotService<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let bot = self.bot.clone();
        // It is this one that is ready, and not its clone.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let Exchange { mut response, error, .. } =
                bot.exchange(InnerService(inner), request, async {}).await?;
            if let Some(error) = error {
                response.extensions_mut().insert(error);
            }
            Ok(response)
        })
    }
}

struct InnerService<S>(S);

impl<S> SendRequest for InnerService<S>
where
    S: Service<Request, Response = Response> + Send,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    type Error = BoxError;

    async fn send(&mut self, request: Request) -> Result<Response, BoxError> {
        // It is ready for the first request only.
        poll_fn(|context| self.0.poll_ready(context)).await.map_err(Into::into)?;
        self.0.call(request).await.map_err(Into::into)
    }

    fn not_sent(error: Error) -> BoxError {
        error.into()
    }

    fn error_type(error: &BoxError) -> &'static str {
        trace::error_type(&**error)
    }
}
