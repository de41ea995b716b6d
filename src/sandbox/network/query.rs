//! The parameters of a list.

use reqwest::Url;

use super::bad_request;
use crate::sandbox::response::ErrorResponse;

/// The most items of a page, as documented.
const MAX_LIMIT: usize = 100;

/// The items of a page if the request does not say how many.
const DEFAULT_LIMIT: usize = 10;

/// What a token starts with; the rest is the number of the items before the page.
const TOKEN: &str = "after-";

/// A decoded query.
pub(super) struct Query(Vec<(String, String)>);

/// A part of a list, and the tokens of its neighbours.
pub(super) struct Page {
    pub(super) ids: Vec<String>,
    pub(super) next: Option<String>,
    pub(super) previous: Option<String>,
}

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let url = Url::parse(&format!("http://localhost/?{query}"));
        Self(url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// # Errors
    ///
    /// Returns the violation if the parameter is missing.
    pub(super) fn required(&self, name: &str) -> Result<&str, ErrorResponse> {
        self.get(name).ok_or_else(|| bad_request(format!("{name}: missing (required)")))
    }

    /// Up to `limit` values of an array, in any of the forms `name`, `name[]` and `name[0]`.
    ///
    /// # Errors
    ///
    /// Returns the violation if there is no value, or too many.
    pub(super) fn array(&self, name: &str, limit: usize) -> Result<Vec<&str>, ErrorResponse> {
        let is_element = |key: &str| {
            let Some(index) = key.strip_prefix(name) else { return false };
            index.is_empty() || (index.starts_with('[') && index.ends_with(']'))
        };
        let values: Vec<_> =
            self.0.iter().filter(|(key, _)| is_element(key)).map(|(_, value)| value.as_str()).collect();
        match values.len() {
            0 => Err(bad_request(format!("{name}: missing (required)"))),
            count if count > limit => Err(bad_request(format!("{name}: {count} items (maxItems {limit})"))),
            _ => Ok(values),
        }
    }

    /// The page of the list that `options[limit]` and `options[token]` say.
    ///
    /// # Errors
    ///
    /// Returns the violation if one of them is invalid.
    pub(super) fn page(&self, ids: &[String]) -> Result<Page, ErrorResponse> {
        let limit = match self.get("options[limit]").map(str::parse) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => {
                return Err(bad_request(format!("options[limit]: not a number from 1 to {MAX_LIMIT}")));
            }
        };
        let start = match self.get("options[token]") {
            None => 0,
            Some(token) => token
                .strip_prefix(TOKEN)
                .and_then(|start| start.parse().ok())
                .ok_or_else(|| bad_request("options[token]: not a token of this list".to_owned()))?,
        };
        let rest = ids.get(start..).unwrap_or_default();
        let token = |start: usize| format!("{TOKEN}{start}");
        Ok(Page {
            ids: rest.iter().take(limit).cloned().collect(),
            next: (rest.len() > limit).then(|| token(start + limit)),
            previous: (start > 0).then(|| token(start.saturating_sub(limit))),
        })
    }
}
