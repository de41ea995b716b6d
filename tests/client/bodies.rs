//! Bodies of responses that the caller reads: their errors become those of this crate.

use std::time::Duration;

use http::StatusCode;
use social_plus_bot::{BotClient, Error, ErrorKind};

use crate::raw_service::reads_get;

async fn text(bot: &BotClient) -> Result<String, Error> {
    Ok(bot.get("/a").await?.text().await?)
}

async fn number(bot: &BotClient) -> Result<u64, Error> {
    Ok(bot.get("/a").await?.json().await?)
}

/// A response with this body, of which this many bytes more are announced.
fn response(body: &str, missing: usize) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len() + missing)
}

#[tokio::test]
async fn a_complete_body_is_returned() {
    let bot = reads_get(response("12", 0), |builder| builder).await;
    assert_eq!((text(&bot).await.unwrap().as_str(), number(&bot).await.unwrap()), ("12", 12));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_lost_connection() {
    let bot = reads_get(response("12", 1), |builder| builder).await;
    for error in [text(&bot).await.unwrap_err(), number(&bot).await.unwrap_err()] {
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unavailable, true), "{error}");
        assert!(error.to_string().starts_with("the connection to the service was lost: "), "{error}");
    }
}

#[tokio::test]
async fn a_body_that_can_not_be_decoded_is_an_invalid_response_and_is_not_quoted() {
    for body in [r#""0paque""#, "0paque"] {
        let bot = reads_get(response(body, 0), |builder| builder).await;
        let error = number(&bot).await.unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::InvalidResponse, false), "{error}");
        assert!(!format!("{error} {error:?}").contains("0paque"), "{error:?}");
    }
}

#[tokio::test]
async fn requests_of_the_caller_have_the_same_errors() {
    let silent = reads_get("", |builder| builder).await;
    let url = format!("{}/a?token=0paque", silent.base_url());
    let request = silent.http_client().get(&url).timeout(Duration::from_millis(1));
    let error = Error::from(request.send().await.unwrap_err());
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Timeout, true), "{error}");
    assert_eq!(error.to_string(), "the response was not complete within the request's timeout");
    assert!(!format!("{error} {error:?}").contains("0paque"), "{error:?}");

    let refusing = reads_get("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", |builder| builder).await;
    let response = refusing.http_client().get(format!("{}/a", refusing.base_url())).send().await.unwrap();
    let error = Error::from(response.error_for_status().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));

    let error = Error::from(refusing.http_client().get("/a").send().await.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
