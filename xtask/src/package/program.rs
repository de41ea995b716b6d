//! A program that uses the packed crate, written by `cargo xtask package`. Its features are those of the crate.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::thread;

use social_plus_bot::BotClient;

/// A response of the service to everything: it has the fields of a session.
const RESPONSE: &str = r#"{
    "accessToken": "header.payload.signature",
    "issuedAt": "2026-01-01T00:00:00Z",
    "expiresAt": "2099-01-01T00:00:00Z",
    "users": []
}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = service()?;
    let builder = || BotClient::builder().api_key("a-key").base_url(&address).device_id("crawler-1");

    let bot = builder().build()?;
    let session = bot.session().await?;
    let body = bot.get("/api/v3/communities/gardening").await?.text().await?;
    assert_eq!(body, RESPONSE);
    println!("a session until {}", session.expires_at());

    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    {
        // Nothing listens there, but the certificates are loaded.
        let bot = builder().base_url("https://localhost:1").timeout(std::time::Duration::from_secs(1)).build()?;
        let error = bot.register().await.err().ok_or("registered although nothing listens")?;
        println!("TLS: {error}");
    }
    #[cfg(feature = "middleware")]
    {
        let client = social_plus_bot::reqwest_middleware::ClientBuilder::new(bot.http_client().clone());
        let client = client.with(bot.clone()).build();
        let response = client.get(format!("{address}/api/v3/communities/gardening")).send().await?;
        assert!(response.status().is_success());
        println!("middleware: {}", response.status());
    }
    #[cfg(feature = "tower")]
    {
        use social_plus_bot::reqwest::{Method, Request};
        use tower::{Layer, ServiceExt};

        let url = format!("{address}/api/v3/communities/gardening").parse()?;
        let client = bot.layer(bot.http_client().clone());
        let response = client.oneshot(Request::new(Method::GET, url)).await?;
        assert!(response.status().is_success());
        println!("tower: {}", response.status());
    }
    #[cfg(feature = "schemars")]
    {
        let schema = schemars::schema_for!(social_plus_bot::User).to_value();
        assert!(schema["properties"]["userId"].is_object());
        println!("schemars: {schema}");
    }
    #[cfg(feature = "unstable-api")]
    {
        let registration = bot.api().register_bot_session().body_map(|body| body.device_id("crawler-1"));
        let session = registration.send().await?;
        println!("unstable-api: a session until {}", session.expires_at);
    }
    #[cfg(feature = "blocking")]
    {
        let builder = builder();
        let session = thread::spawn(|| builder.build_blocking()?.session()).join().map_err(|_| "panicked")??;
        println!("blocking: a session until {}", session.expires_at());
    }
    #[cfg(feature = "store")]
    println!("store: {:?}", bot.store_faults());
    #[cfg(feature = "file-store")]
    {
        let folder = std::env::temp_dir().join(format!("social-plus-bot-program-{}", std::process::id()));
        let shared = || Ok::<_, social_plus_bot::Error>(social_plus_bot::store::FileStore::new(&folder)?);
        let first = builder().store(shared()?);
        #[cfg(feature = "sealing")]
        let first = first.sealing_key(social_plus_bot::store::SealingKey::try_from(&[7; 32][..])?);
        #[cfg(feature = "read-cache-file")]
        let first = first.read_cache(social_plus_bot::ReadCache::in_memory());
        let first = first.build()?;
        let registered = first.session().await?;
        #[cfg(feature = "read-cache-file")]
        println!("read-cache-file: {} bytes", first.read("/api/v3/communities/gardening").await?.bytes().len());
        let second = builder().store(shared()?);
        #[cfg(feature = "sealing")]
        let second = second.sealing_key(social_plus_bot::store::SealingKey::try_from(&[7; 32][..])?);
        let found = second.build()?.stored_session().await?.ok_or("no session is stored")?;
        assert_eq!(found.expires_at(), registered.expires_at());
        drop(first);
        std::fs::remove_dir_all(&folder)?;
        println!("file-store: a session until {}", found.expires_at());
    }
    #[cfg(feature = "redis-store")]
    println!("redis-store: {}", social_plus_bot::store::RedisStore::new("redis://127.0.0.1:1")?.address());
    #[cfg(feature = "read-cache")]
    {
        let bot = builder().read_cache(social_plus_bot::ReadCache::in_memory()).build()?;
        let page = bot.read("/api/v3/communities/gardening").await?;
        println!("read-cache: {} bytes, {:?}", page.bytes().len(), page.freshness());
    }
    #[cfg(feature = "sandbox")]
    {
        let sandbox = social_plus_bot::sandbox::Sandbox::start().await?;
        let bot = sandbox.client().build()?;
        let status = bot.get("/api/v4/posts?targetType=community&targetId=news").await?.status();
        assert!(sandbox.violations().is_empty());
        println!("sandbox: {status}");
    }
    Ok(())
}

/// Starts a server on a port of its own, and returns its address. It sends [`RESPONSE`], but refuses reads without the token.
fn service() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection?;
            let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
            // A request of this program is complete with the end of its body, or of its head if it has none.
            while !(request.ends_with(b"}") || request.starts_with(b"GET") && request.ends_with(b"\r\n\r\n")) {
                let count = connection.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                request.extend(&buffer[..count]);
            }
            let token = "authorization: bearer header.payload.signature";
            let is_refused = request.starts_with(b"GET")
                && !String::from_utf8_lossy(&request).to_lowercase().lines().any(|line| line == token);
            let (status, length) =
                if is_refused { ("401 Unauthorized", 0) } else { ("200 OK", RESPONSE.len()) };
            write!(
                connection,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{}",
                &RESPONSE[..length]
            )?;
        }
        io::Result::Ok(())
    });
    Ok(address)
}
