//! The one error of the crate.
//!
//! It is opaque, so that it can learn more without breaking anyone, and answers the questions a caller has:
//! what kind of failure, is it worth another try and when, what did the service say. It is cheap to clone,
//! so that everyone who waited for the same registration can have it. It is made of
//! plain parts, and knows nothing of where they come from; secrets are taken out of them before they get here.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

mod code;
mod connection;
mod display;
mod find;
mod kind;
mod limit;
pub(crate) mod printable;
#[cfg(feature = "store")]
mod record;
mod response;

pub use code::ErrorCode;
pub(crate) use connection::root_cause;
pub(crate) use find::chain;
pub use kind::ErrorKind;
pub(crate) use limit::Limit;

#[cfg(feature = "store")]
pub(crate) use record::ErrorRecord;
pub(crate) use response::ServiceMessage;

/// Why something did not work, and what to do about it.
///
/// Its text is complete, in one line: what happened, what the service said, and the innermost cause where a connection
/// or a store failed. So log the text alone, and not that of its sources.
///
/// [`source`](std::error::Error::source) is what a store failed with, such as an [`io::Error`](std::io::Error), for
/// programs that look at it; the text has said it already. Other errors have no source. [`Debug`](fmt::Debug) shows the
/// whole chain of causes.
///
/// ```
/// use social_plus_bot::{BotClient, ErrorKind};
///
/// let error = BotClient::builder().api_key("").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert_eq!(error.to_string(), "api_key: the key is empty");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    transient: bool,
    /// Whether a registration that failed with this can't have been carried out.
    is_unsent: bool,
    /// Whether an earlier attempt may have been.
    is_open: bool,
    reason: Cow<'static, str>,
    status: Option<StatusCode>,
    code: Option<ErrorCode>,
    message: Option<String>,
    details: Vec<String>,
    retry_after: Option<Duration>,
    attempts: u32,
    /// Whether the response was not HTTP, which passes only if it does not happen again.
    is_protocol: bool,
    /// For `Debug`; the text has what matters of it.
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
    /// The error of a store.
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Inner {
    /// The reason can contain what the service, a server or the system said.
    fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        let mut reason = reason.into();
        if !reason.chars().all(printable::is_printable) {
            reason = printable::line(&reason).into();
        }
        Self {
            kind,
            transient: false,
            is_unsent: false,
            is_open: false,
            reason,
            status: None,
            code: None,
            message: None,
            details: Vec::new(),
            retry_after: None,
            attempts: 1,
            is_protocol: false,
            cause: None,
            source: None,
        }
    }
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later, without a change of settings.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// The HTTP status of the response, if there was one, even if its body was not complete. If a timeout ends several
    /// attempts, it is that of the last response, and so are code, message and details.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The service's error code, if there was one.
    pub fn code(&self) -> Option<ErrorCode> {
        self.0.code
    }

    /// The service's error message, in one line of at most 500 characters, with secrets redacted.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The details of the service's error (`data.detail`): a line for each item of its list, or `name: value` for each
    /// member of its object. At most 50 lines of 500 characters, with secrets redacted.
    pub fn details(&self) -> &[String] {
        &self.0.details
    }

    /// How long to wait before the next attempt, from the response on (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Creates the error of a [`Store`](crate::store::Store). The reason is the whole text of the error: it says what
    /// failed, on what, and why. It must not contain secrets.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use std::io;
    ///
    /// use social_plus_bot::{Error, ErrorKind};
    ///
    /// fn failed(table: &str, cause: io::Error) -> Error {
    ///     Error::store(format!("{table} can't be read: {cause}")).with_source(cause)
    /// }
    ///
    /// let error = failed("sessions", io::ErrorKind::ConnectionReset.into());
    /// assert_eq!(error.kind(), ErrorKind::Store);
    /// assert_eq!(error.to_string(), "sessions can't be read: connection reset");
    /// assert!(error.source().is_some_and(|source| source.is::<io::Error>()));
    /// ```
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    pub fn store(reason: impl Into<Cow<'static, str>>) -> Self {
        Inner::new(ErrorKind::Store, reason).into()
    }

    /// Keeps what a store failed with, as the [`source`](std::error::Error::source). The text stays as it is: name the
    /// cause in it. Neither the text of the source nor its `Debug` output must contain secrets.
    #[cfg(feature = "store")]
    #[cfg_attr(docsrs, doc(cfg(feature = "store")))]
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(source.into().into());
        self
    }

    /// An invalid setting, and the rule that it violates.
    pub(crate) fn config(setting: &str, rule: impl fmt::Display) -> Self {
        Inner::new(ErrorKind::Config, format!("{setting}: {rule}")).into()
    }

    /// There is no runtime that the call can run in.
    pub(crate) fn runtime(rule: impl fmt::Display) -> Self {
        Inner::new(ErrorKind::Runtime, format!("runtime: {rule}")).into()
    }

    /// An argument of a call that leads out of the base URL.
    pub(crate) fn origin(argument: &str, rule: impl fmt::Display) -> Self {
        Inner::new(ErrorKind::Origin, format!("{argument}: {rule}")).into()
    }

    /// An invalid argument of a call, and the rule that it violates.
    pub(crate) fn invalid_input(argument: &str, rule: impl fmt::Display) -> Self {
        Inner::new(ErrorKind::InvalidInput, format!("{argument}: {rule}")).into()
    }

    /// Whether it has nothing to do with the service: it is about settings, runtime or arguments, and nothing was sent.
    pub(crate) fn is_local(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Config | ErrorKind::Runtime | ErrorKind::Origin | ErrorKind::InvalidInput
        )
    }

    /// No response within `limit`.
    pub(crate) fn timeout(limit: Limit) -> Self {
        let mut error =
            Inner::new(ErrorKind::Timeout, format!("no response from the service within {limit}"));
        error.transient = true;
        error.into()
    }

    /// The task of a registration, or the runtime that it was on, ended before it did.
    pub(crate) fn registration_lost() -> Self {
        let mut error = Inner::new(
            ErrorKind::Unavailable,
            "the registration was aborted: it panicked, or its Tokio runtime was shut down",
        );
        error.transient = true;
        error.into()
    }

    /// The task of a read ended before it did, or another process has been reading the same for too long.
    #[cfg(feature = "read-cache")]
    pub(crate) fn read_lost() -> Self {
        let mut error = Inner::new(
            ErrorKind::Unavailable,
            "the read was aborted: its Tokio runtime was shut down, or another process did not complete it",
        );
        error.transient = true;
        error.into()
    }

    /// Tokens of this device are refused again and again, and nothing is registered for now. `unreadable` says why the
    /// session of another process is not used.
    pub(crate) fn device_in_use(device_id: &str, worked: bool, unreadable: Option<&str>) -> Self {
        let cause = match worked {
            true => "another client registers it too",
            false => "another client registers it too, or its user is banned",
        };
        let mut reason = format!(
            "the tokens of device {device_id:?} stop working early: {cause}; share one store between the processes, or give \
             each its own device id"
        );
        if let Some(unreadable) = unreadable {
            reason.push_str(&format!(" (the session in the store is not used: {unreadable})"));
        }
        let mut error = Inner::new(ErrorKind::DeviceInUse, reason);
        error.transient = true;
        error.into()
    }

    /// The same error, with what the service said to the last token.
    pub(crate) fn with_response_of(mut self, refused: &Self) -> Self {
        let error = Arc::make_mut(&mut self.0);
        (error.status, error.code) = (refused.0.status, refused.0.code);
        error.message.clone_from(&refused.0.message);
        self
    }

    /// The same error, with the status of the response that it ended.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        Arc::make_mut(&mut self.0).status = Some(status);
        self
    }

    /// The same error after an attempt that failed with `before`, `since` ago, if only that has a status.
    pub(crate) fn with_last_response(mut self, before: &Self, since: Duration) -> Self {
        if self.0.status.is_some() {
            return self;
        }
        let wait = before.retry_after().map(|wait| wait.saturating_sub(since));
        self = self.with_response_of(before);
        let error = Arc::make_mut(&mut self.0);
        error.reason = format!("{}; the response before it", error.reason).into();
        error.details.clone_from(&before.0.details);
        error.retry_after = wait;
        self
    }

    /// The same error after another of its kind, if it is one that does not pass by itself.
    pub(crate) fn repeated(mut self, before: &Self) -> Self {
        if self.0.is_protocol && before.0.is_protocol {
            let error = Arc::make_mut(&mut self.0);
            (error.kind, error.transient) = (ErrorKind::InvalidResponse, false);
        }
        self
    }

    /// The same error, to be retried after `wait`.
    pub(crate) fn retry_in(mut self, wait: Duration) -> Self {
        Arc::make_mut(&mut self.0).retry_after = Some(wait);
        self
    }

    /// The same error of a store, which may work again later. A wrong setting is not transient.
    #[cfg(feature = "store")]
    pub(crate) fn of_outage(mut self) -> Self {
        if self.kind() == ErrorKind::Store {
            Arc::make_mut(&mut self.0).transient = true;
        }
        self
    }

    /// Whether a registration may have been carried out although it failed with this: a request was sent, and no response
    /// to it says otherwise.
    pub(crate) fn may_have_been_carried_out(&self) -> bool {
        let error = &*self.0;
        let may_be_sent =
            matches!(error.kind, ErrorKind::Timeout | ErrorKind::InvalidResponse | ErrorKind::Unavailable);
        error.is_open || (may_be_sent && !error.is_unsent)
    }

    /// The same error, after this many attempts. `is_open` says whether one of them may have been carried out.
    pub(crate) fn after(mut self, attempts: u32, is_open: bool) -> Self {
        let error = Arc::make_mut(&mut self.0);
        (error.attempts, error.is_open) = (attempts, is_open);
        self
    }
}

impl From<Inner> for Error {
    fn from(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

/// The text names the innermost cause, so that it is there for those who log the text alone. A failed connection has no
/// source that would say it again. A store is code of the caller's, who may want to tell its errors apart.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
