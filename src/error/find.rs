//! Finding an error of this crate within another error.

use std::error::Error as StdError;
use std::io;
use std::iter;

use super::Error;

impl Error {
    /// Finds an error of this crate in `error` or its chain of [sources](StdError::source), however many layers are around
    /// it.
    ///
    /// Middlewares, frameworks and stores wrap the errors of what is inside them, and a program that is several layers away
    /// still has to know [what to do](crate::ErrorKind).
    #[cfg_attr(
        feature = "middleware",
        doc = "The error can be that of `reqwest-middleware` and `reqwest-retry`."
    )]
    ///
    /// ```
    /// use std::io;
    ///
    /// use social_plus_bot::{BotClient, Error, ErrorKind};
    ///
    /// fn start() -> Result<BotClient, Box<dyn std::error::Error>> {
    ///     let bot = BotClient::builder().api_key("").build().map_err(io::Error::other)?;
    ///     Ok(bot)
    /// }
    ///
    /// let error = start().unwrap_err();
    /// assert_eq!(Error::find(&*error).map(Error::kind), Some(ErrorKind::Config));
    /// ```
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }
}

/// `error`, and the errors in it from the outermost to the innermost.
pub(crate) fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |error| next(*error))
}

/// The next error in the chain. Some types return the source of what they contain, and so skip that.
fn next<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    #[cfg(feature = "middleware")]
    match error.downcast_ref() {
        Some(reqwest_middleware::Error::Middleware(inner)) => return Some(&**inner),
        Some(reqwest_middleware::Error::Reqwest(inner)) => return Some(inner),
        None => {}
    }
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
