//! The client as a layer of `tower`: what it does, and what the services around it see.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http_body_util::Full;
use hyper::body::Bytes;
use reqwest::{Body, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use social_plus_bot::sandbox::Fault;
use social_plus_bot::{BotClient, BotService, Error, ErrorCode, ErrorKind};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::authorized::{REGISTRATION, received, request};
use crate::raw_service::reads_get;
use crate::service;

pub fn layered(bot: &BotClient) -> BotService<reqwest::Client> {
    ServiceBuilder::new().layer(bot.clone()).service(bot.http_client().clone())
}

/// The error of this crate that a service returned.
fn ours(result: Result<Response, Box<dyn std::error::Error + Send + Sync>>) -> Error {
    *result.unwrap_err().downcast().unwrap()
}

#[tokio::test]
async fn requests_are_sent_with_the_token() {
    let sandbox = service::start().await.unwrap();
    sandbox.stub_get("/api/v4/posts", json!({ "posts": [1, 2] }));
    let bot = sandbox.client().build().unwrap();
    let posts = layered(&bot).oneshot(request(&sandbox, Method::GET, "/api/v4/posts")).await.unwrap();
    assert_eq!(posts.json::<Value>().await.unwrap(), json!({ "posts": [1, 2] }));
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /api/v4/posts"]);
    assert_eq!(bot.reads_today(), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_another_origin() {
    let (sandbox, elsewhere) = (service::start().await.unwrap(), service::start().await.unwrap());
    let bot = sandbox.client().build().unwrap();
    let refused = ours(layered(&bot).oneshot(request(&elsewhere, Method::GET, "/a")).await);
    assert_eq!(refused.to_string(), "request: the URL must be the client's base URL or below it");
    assert_eq!(elsewhere.requests().len() + sandbox.requests().len(), 0);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let mut layer = layered(&bot);
    layer.ready().await.unwrap().call(request(&sandbox, Method::GET, "/a")).await.unwrap();
    sandbox.revoke_tokens();
    let read = layer.ready().await.unwrap().call(request(&sandbox, Method::GET, "/b")).await.unwrap();
    assert_eq!(read.status(), StatusCode::OK);
    assert_eq!(received(&sandbox), [REGISTRATION, "GET /a", "GET /b", REGISTRATION, "GET /b"]);

    let bot = sandbox.client().device_id("another").build().unwrap();
    sandbox.fail_always(Fault::altered(|response| response["accessToken"] = json!("forged")));
    let refused = layered(&bot).oneshot(request(&sandbox, Method::GET, "/a")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.extensions().get::<Error>().unwrap().kind(), ErrorKind::DeviceInUse);
    assert_eq!(received(&sandbox)[5..], [REGISTRATION, "GET /a", REGISTRATION, "GET /a"]);
}

#[tokio::test]
async fn a_second_refusal_names_the_cause_although_the_next_token_has_come() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let (attempts, sandbox) = (Arc::new(AtomicUsize::new(0)), Arc::new(sandbox));
    let (client, service) = (bot.clone(), Arc::clone(&sandbox));
    let inner = service_fn(move |request| {
        let is_repeat = attempts.fetch_add(1, Ordering::Relaxed) == 1;
        let (bot, sandbox) = (client.clone(), Arc::clone(&service));
        async move {
            if is_repeat {
                sandbox.revoke_tokens();
                bot.register().await.unwrap();
            }
            bot.http_client().execute(request).await
        }
    });
    let service = ServiceBuilder::new().layer(bot.clone()).service(inner);
    let refused = service.oneshot(request(&sandbox, Method::GET, "/a")).await.unwrap();
    let error = refused.extensions().get::<Error>().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::DeviceInUse, Some(ErrorCode::UNAUTHORIZED)));
    assert_eq!(received(&sandbox)[1..], ["GET /a", REGISTRATION, REGISTRATION, "GET /a"]);
}

#[tokio::test]
async fn a_streaming_request_is_not_repeated_but_the_token_is_replaced() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let mut streamed = request(&sandbox, Method::POST, "/a");
    *streamed.body_mut() = Some(Body::wrap(Full::<Bytes>::from("{}")));
    let refused = layered(&bot).oneshot(streamed).await.unwrap();
    assert_eq!(refused.extensions().get::<Error>().unwrap().code(), Some(ErrorCode::UNAUTHORIZED));
    bot.get("/b").await.unwrap();
    assert_eq!(received(&sandbox), [REGISTRATION, "POST /a", REGISTRATION, "GET /b"]);
}

#[tokio::test]
async fn an_error_response_carries_the_error_as_an_extension() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let refused = layered(&bot).oneshot(request(&sandbox, Method::POST, "/a")).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let error = refused.extensions().get::<Error>().unwrap();
    assert_eq!(error.code(), Some(ErrorCode::BOT_PERMISSION_DENIED));
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], 403_998);
}

#[tokio::test]
async fn a_used_up_quota_is_an_error() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.resume_reads_at(chrono::Utc::now() + Duration::from_secs(3600));
    let refused = ours(layered(&bot).oneshot(request(&sandbox, Method::GET, "/a")).await);
    assert_eq!(refused.code(), Some(ErrorCode::DAILY_QUOTA_EXCEEDED));
    assert_eq!(sandbox.requests().len(), 0);
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_returned_as_it_is() {
    let bot = reads_get("not HTTP", |builder| builder).await;
    let url = format!("{}/a", bot.base_url()).parse().unwrap();
    let error = layered(&bot).oneshot(Request::new(Method::GET, url)).await.unwrap_err();
    assert!(error.downcast_ref::<reqwest::Error>().unwrap().is_request(), "{error}");
}

/// Records the token of each request, if it has one, and must be ready before each call.
#[derive(Debug)]
struct Recorder<S> {
    inner: S,
    is_ready: bool,
    tokens: Arc<Mutex<Vec<Option<String>>>>,
}

/// A clone is not ready.
impl<S: Clone> Clone for Recorder<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), is_ready: false, tokens: Arc::clone(&self.tokens) }
    }
}

impl<S: Service<Request>> Service<Request> for Recorder<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let poll = self.inner.poll_ready(context);
        self.is_ready = matches!(poll, Poll::Ready(Ok(())));
        poll
    }

    fn call(&mut self, request: Request) -> S::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        let token = request.headers().get(AUTHORIZATION).map(|token| format!("{token:?}"));
        self.tokens.lock().unwrap().push(token);
        self.inner.call(request)
    }
}

#[tokio::test]
async fn outer_services_see_no_token_and_inner_ones_see_each_attempt_when_they_are_ready() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    bot.access_token().await.unwrap();
    sandbox.revoke_tokens();
    let (outer, inner): (Arc<Mutex<Vec<_>>>, Arc<Mutex<Vec<_>>>) = Default::default();
    let service = ServiceBuilder::new()
        .layer_fn(|inner| Recorder { inner, is_ready: false, tokens: Arc::clone(&outer) })
        .layer(bot.clone())
        .layer_fn(|service| Recorder { inner: service, is_ready: false, tokens: Arc::clone(&inner) })
        .service(bot.http_client().clone());
    service.oneshot(request(&sandbox, Method::GET, "/a")).await.unwrap();
    let marked = Some("Sensitive".to_owned());
    assert_eq!(*outer.lock().unwrap(), [None]);
    assert_eq!(*inner.lock().unwrap(), [marked.clone(), marked]);
}
