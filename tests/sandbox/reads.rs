//! Reads: stubs with headers, conditional requests and faults.

use http::Method;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_LENGTH, DATE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use serde_json::json;
use social_plus_bot::ErrorCode;
use social_plus_bot::sandbox::{Fault, Sandbox, Stub};

use crate::requests::{Response, plain, send, token, url, use_token};

const PATH: &str = "/api/v3/communities/gardening";

#[tokio::test]
async fn a_stub_sends_its_headers() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;
    let date = "Tue, 03 Mar 2026 08:00:00 GMT";
    let stub = Stub::new(json!({ "communities": [] }))
        .header(CACHE_CONTROL, "max-age=60")
        .header(AGE, "7")
        .header(DATE, date)
        .header(LAST_MODIFIED, date);
    sandbox.stub_get(PATH, stub);

    let response = use_token(&sandbox, Method::GET, PATH, &token).await;

    assert_eq!(response.json(), json!({ "communities": [] }));
    let headers = [CACHE_CONTROL, AGE, DATE, LAST_MODIFIED].map(|name| response.headers[name].clone());
    assert_eq!(headers, ["max-age=60", "7", date, date]);
}

#[tokio::test]
async fn a_stub_with_an_etag_responds_to_conditional_requests() {
    let sandbox = Sandbox::start().await.unwrap();
    let token = token(&sandbox).await;
    sandbox.stub_get(PATH, Stub::new(json!(["body"])).header(ETAG, "\"1\"").header(AGE, "7"));

    for (known, status) in [("\"1\"", 304), ("\"0\", W/\"1\"", 304), ("*", 304), ("\"0\"", 200), ("1", 200)] {
        let request = plain().get(url(&sandbox, PATH)).bearer_auth(&token).header(IF_NONE_MATCH, known);
        let response = Response::of(request).await;

        assert_eq!(response.status, status, "{known}");
        assert_eq!((&response.headers[ETAG], &response.headers[AGE]), (&"\"1\"".parse().unwrap(), &7.into()));
        assert_eq!(response.body.is_empty(), status == 304);
        assert_eq!(response.headers.contains_key(CONTENT_LENGTH), status == 200);
    }
    sandbox.stub_get(PATH, json!(["no etag"]));
    let request = plain().get(url(&sandbox, PATH)).bearer_auth(&token).header(IF_NONE_MATCH, "*");
    assert_eq!(Response::of(request).await.status, 200);
}

#[tokio::test]
async fn a_read_that_is_not_modified_counts() {
    let sandbox = Sandbox::builder().daily_reads(1).start().await.unwrap();
    let token = token(&sandbox).await;
    sandbox.stub_get(PATH, Stub::new(json!({})).header(ETAG, "\"1\""));
    let read = || plain().get(url(&sandbox, PATH)).bearer_auth(&token).header(IF_NONE_MATCH, "\"1\"");

    assert_eq!(Response::of(read()).await.status, 304);
    Response::of(read()).await.refuses(429, 400_323);
}

#[tokio::test]
async fn faults_of_reads_leave_registrations_alone() {
    let sandbox = Sandbox::builder().daily_reads(2).start().await.unwrap();
    let token = token(&sandbox).await;
    sandbox.fail_reads(Fault::status(503));
    sandbox.fail_next_read(Fault::error(429, ErrorCode::DAILY_QUOTA_EXCEEDED).header(RETRY_AFTER, "60"));
    let read = async || use_token(&sandbox, Method::GET, PATH, &token).await;

    let quota = read().await;
    quota.refuses(429, 400_323);
    assert_eq!(quota.headers[RETRY_AFTER], "60");
    read().await.refuses(503, 500_000);
    assert_eq!(send(&sandbox, r#"{"deviceId":"another"}"#).await.status, 200);
    use_token(&sandbox, Method::POST, PATH, &token).await.refuses(403, 403_998);

    sandbox.recover();
    // The reads that failed were not counted.
    assert_eq!([read().await.status, read().await.status, read().await.status], [200, 200, 429]);
}

#[tokio::test]
async fn a_fault_modifies_the_usual_response_to_a_read() {
    let sandbox = Sandbox::builder().daily_reads(3).start().await.unwrap();
    let token = token(&sandbox).await;
    sandbox.stub_get(PATH, json!({ "communities": [] }));
    sandbox.fail_next_read(Fault::altered(|body| body["communities"] = json!(null)));
    sandbox.fail_next_read(Fault::oversized(100_000));
    sandbox.fail_next_read(Fault::cut_short());
    let read = async || use_token(&sandbox, Method::GET, PATH, &token).await;

    assert_eq!(read().await.json(), json!({ "communities": null }));
    assert_eq!(read().await.body.len(), 100_000);
    let response = plain().get(url(&sandbox, PATH)).bearer_auth(&token).send().await.unwrap();
    assert!(response.bytes().await.is_err());
    // These were counted.
    read().await.refuses(429, 400_323);
}
