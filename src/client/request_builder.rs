//! Requests to paths below the base URL, built step by step and sent as the bot.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::time::Duration;

use progenitor_client::ClientInfo;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, Url};
use serde::Serialize;

use crate::api::redact;
use crate::client::BotClient;
use crate::error::{Error, root_cause};

/// A request to the service, which is sent with the token.
///
/// [`BotClient::get`] and [`BotClient::request`] return one. Awaiting it sends it, and so does [`send`](Self::send). A
/// setting that can't be sent, such as a path that leads out of the base URL, becomes an error then.
///
#[cfg_attr(feature = "sandbox", doc = "```")]
#[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
/// # let bot = sandbox.client().build()?;
/// let posts = bot
///     .get("/api/v4/posts")
///     .query(&[("targetType", "community"), ("targetId", "news")])
///     .query(&[("options[limit]", 20)])
///     .header("accept-language", "en")
///     .timeout(Duration::from_secs(5))
///     .await?;
/// println!("{}", posts.text().await?);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent unless the request is awaited or its `send` is called"]
pub struct RequestBuilder {
    bot: BotClient,
    request: Result<reqwest::RequestBuilder, Error>,
}

impl BotClient {
    /// A GET request for `path` below the client's base URL. The path begins with `/` and may have a query. It can't
    /// leave the base URL with `..`, in any encoding.
    ///
    /// # Errors
    ///
    /// When the request is sent, those of [`send`](Self::send), and
    ///
    /// - [`InvalidInput`](crate::ErrorKind::InvalidInput) if `path` does not begin with a slash or is not a path of a URL,
    /// - [`Origin`](crate::ErrorKind::Origin) if it leads out of the base URL.
    ///
    #[cfg_attr(feature = "sandbox", doc = "```")]
    #[cfg_attr(not(feature = "sandbox"), doc = "```ignore")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
    /// # let bot = sandbox.client().build()?;
    /// let posts: serde_json::Value = bot.get("/api/v4/posts?targetType=community").await?.json().await?;
    /// println!("{posts}");
    /// # Ok(())
    /// # }
    /// ```
    pub fn get(&self, path: impl AsRef<str>) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// As [`get`](Self::get), with another method. The service refuses writes by bots.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn request(&self, method: Method, path: impl AsRef<str>) -> RequestBuilder {
        let request = self.url_of(path.as_ref()).map(|url| self.http_client().request(method, url));
        RequestBuilder { bot: self.clone(), request }
    }

    /// Creates the request of a read.
    #[cfg(feature = "read-cache")]
    pub(crate) fn read_of(&self, path: &str) -> Result<Request, Error> {
        Ok(Request::new(Method::GET, self.url_of(path)?))
    }

    /// The URL of a path below the base URL.
    fn url_of(&self, path: &str) -> Result<Url, Error> {
        if !path.starts_with('/') {
            return Err(Error::invalid_input("path", "must begin with a slash"));
        }
        let url = format!("{}{path}", self.base_url());
        let url = Url::parse(&url)
            .map_err(|error| Error::invalid_input("path", format!("not a valid URL path: {error}")))?;
        if !self.0.registrar.api().inner().covers(&url) {
            return Err(Error::origin("path", "must not lead out of the client's base URL"));
        }
        Ok(url)
    }
}

impl RequestBuilder {
    /// Adds parameters to the query: pairs, a map or a struct. Names and values are percent-encoded. Those that are there
    /// already stay.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        self.with(|request| request.query(query))
    }

    /// Adds a header. One of the same name stays. An `Authorization` header is replaced with that of the token.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.with(|request| request.header(name, value))
    }

    /// Adds headers, which replace those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.with(|request| request.headers(headers))
    }

    /// The timeout of the request, including the response body, instead of the
    /// [client's](crate::BotClientBuilder::timeout). Registrations that it waits for have the client's all the same.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|request| request.timeout(timeout))
    }

    /// Returns the request, without a token, for [`BotClient::send`] or to be changed further. Sends nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid path, query or header, and
    /// [`Origin`](crate::ErrorKind::Origin) for a path that leads out of the base URL.
    pub fn build(self) -> Result<Request, Error> {
        self.request?.build().map_err(|error| {
            // The text can quote a name or value.
            let reason = root_cause(&error).to_string();
            let reason = redact::text(&reason, &self.bot.0.registrar.api().inner().secrets(&[]));
            Error::invalid_input("request", format!("can't be built: {reason}"))
        })
    }

    /// Sends the request as [`BotClient::send`] does.
    ///
    /// # Errors
    ///
    /// As for [`BotClient::send`] and [`build`](Self::build).
    pub async fn send(self) -> Result<Response, Error> {
        let bot = self.bot.clone();
        bot.send(self.build()?).await
    }

    fn with(self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        Self { request: self.request.map(change), ..self }
    }
}

/// Sends the request, as [`send`](RequestBuilder::send) does.
impl IntoFuture for RequestBuilder {
    type Output = Result<Response, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// Shows nothing of the request, since the address and the headers can contain secrets.
impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBuilder").finish_non_exhaustive()
    }
}
