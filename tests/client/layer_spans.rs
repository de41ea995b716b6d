//! The spans of requests that are sent through the layers.

use std::time::Duration;

use http::Extensions;
use reqwest::{Method, Request, Response};
use reqwest_middleware::{ClientBuilder, Middleware, Next};
use social_plus_bot::BotClient;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tracing::subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

use crate::metrics::Spans;
use crate::raw_service::reads_get;
use crate::{layer, middleware, service};

fn read(bot: &BotClient, path: &str) -> Request {
    Request::new(Method::GET, format!("{}{path}", bot.base_url()).parse().unwrap())
}

#[tokio::test]
async fn each_attempt_has_the_span_of_other_requests() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let token = bot.access_token().await.unwrap();
    let spans = Spans::default();
    let _subscriber = subscriber::set_default(Registry::default().with(spans.clone()));
    let path = format!("/{}?key=hidden", token.expose_secret());
    bot.send(read(&bot, &path)).await.unwrap();
    layer::layered(&bot).oneshot(read(&bot, &path)).await.unwrap();
    middleware::layered(&bot).execute(read(&bot, &path)).await.unwrap();
    {
        let spans = spans.0.lock().unwrap();
        let [(_, sent), (_, service), (_, middleware)] = &**spans else { panic!("{} spans", spans.len()) };
        assert_eq!((service, middleware), (sent, sent));
        assert_eq!(sent["url.path"], "/[redacted]");
    }
    for layer in ["service", "middleware"] {
        sandbox.revoke_tokens();
        spans.0.lock().unwrap().clear();
        match layer {
            "service" => layer::layered(&bot).oneshot(read(&bot, "/a")).await.unwrap(),
            _ => middleware::layered(&bot).execute(read(&bot, "/a")).await.unwrap(),
        };
        let expected = [
            ["GET", "/a", "401", "401"],
            ["POST", "/api/v5/sessions/bot", "200", ""],
            ["GET", "/a", "200", ""],
        ];
        assert_eq!(spans.ends(), expected, "{layer}");
        // A third token that dies young would be paced.
        bot.register().await.unwrap();
    }
}

/// Sends nothing.
struct Refusing;

#[async_trait::async_trait]
impl Middleware for Refusing {
    async fn handle(
        &self,
        _: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        assert_eq!(tracing::Span::current().metadata().unwrap().name(), "request");
        Err(reqwest_middleware::Error::middleware(std::io::Error::other("refused")))
    }
}

#[tokio::test]
async fn a_span_tells_why_there_is_no_response() {
    let broken = reads_get("not HTTP", |builder| builder).await;
    let silent = reads_get([], |builder| builder.timeout(Duration::from_millis(300))).await;
    let spans = Spans::default();
    let _subscriber = subscriber::set_default(Registry::default().with(spans.clone()));
    for bot in [&broken, &silent] {
        layer::layered(bot).oneshot(read(bot, "/a")).await.unwrap_err();
        middleware::layered(bot).execute(read(bot, "/a")).await.unwrap_err();
    }
    let refusing = ClientBuilder::new(broken.http_client().clone()).with(broken.clone()).with(Refusing);
    refusing.build().execute(read(&broken, "/a")).await.unwrap_err();
    let refusing = service_fn(|_| async {
        assert_eq!(tracing::Span::current().metadata().unwrap().name(), "request");
        Err::<Response, _>(std::io::Error::other("refused"))
    });
    let service = ServiceBuilder::new().layer(broken.clone()).service(refusing);
    service.oneshot(read(&broken, "/a")).await.unwrap_err();
    let types: Vec<_> = spans.ends().into_iter().map(|[_, _, status, error]| (status, error)).collect();
    let expected = ["connection", "connection", "timeout", "timeout", "_OTHER", "_OTHER"];
    assert_eq!(types, expected.map(|error| (String::new(), error.to_owned())));
}
