//! The kinds of errors.

/// What went wrong, grouped by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is missing or invalid. The message begins with the name of the setting.
    Config,
    /// There is no Tokio runtime, or it lacks a driver. Nothing was sent.
    Runtime,
    /// The URL of a request is neither the client's base URL nor below it, so the token must not be sent there. Nothing was
    /// sent.
    Origin,
    /// An argument of the call is invalid, such as a path, a header or a page to keep. The message begins with its name.
    /// Nothing was sent.
    InvalidInput,
    /// The service rejected the API key, the device, the user or the request. Retrying does not help.
    Rejected,
    /// Too many requests. [`Error::retry_after`](crate::Error::retry_after) says how long to wait, if the service did.
    RateLimited,
    /// The service could not be reached, or it failed.
    Unavailable,
    /// The service did not respond in time.
    Timeout,
    /// The response is not a session or a page, or its body can't be decoded.
    InvalidResponse,
    /// Another client registers the same device id, so tokens stop working early. Share a store, or give each process a
    /// device id of its own. Meanwhile registrations are paced, and [`Error::retry_after`](crate::Error::retry_after) says until when.
    DeviceInUse,
    /// The session store failed, and a registration could end the token of another process. See
    /// [`BotClientBuilder::on_store_outage`](crate::BotClientBuilder::on_store_outage).
    #[cfg(feature = "store")]
    Store,
}
