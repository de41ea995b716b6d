//! What the fuzz targets call that is not public.

use http::HeaderMap;

use crate::client::{failure, read};

/// Interprets the headers of a response, as errors and kept pages do.
pub fn read_headers(headers: &HeaderMap) {
    failure::requested_wait(headers);
    failure::service_time(headers);
    read::Headers::of(headers).response(None, true);
}
