//! Failures of a connection that no single response shows: limits of time and of HTTP, and certificates.

use std::time::Duration;

use social_plus_bot::{BotClient, BotClientBuilder, Error, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[cfg(feature = "rustls")]
use crate::tls_service::TlsService;

/// The error of a registration that gets these bytes, and `more` of them without end, and the number of requests.
async fn registered(bytes: Vec<u8>, more: Vec<u8>, timeout: Duration) -> (Error, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (bytes, more, sender) = (bytes.clone(), more.clone(), sender.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    socket.read_buf(&mut request).await.unwrap();
                }
                sender.send(()).unwrap();
                socket.write_all(&bytes).await.ok();
                while !more.is_empty() && socket.write_all(&more).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                while socket.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    let bot = client(address).timeout(timeout).build().unwrap();
    let registration = tokio::time::timeout(Duration::from_secs(300), bot.register());
    let error = registration.await.expect("the timeout ends it").unwrap_err();
    let mut number = 0;
    while requests.try_recv().is_ok() {
        number += 1;
    }
    (error, number)
}

fn client(address: String) -> BotClientBuilder {
    BotClient::builder().api_key("b0e8a2c4d6f8").device_id("crawler-1").base_url(address)
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_refusal_whose_body_trickles_in_keeps_what_arrived() {
    let refusal = "HTTP/1.1 422 Unprocessable\r\nretry-after: 7\r\ncontent-length: 100000\r\n\r\n\
                   {\"status\":\"error\",\"code\":500000,\"message\":\"it is too long\",\"data\":\"";
    let (error, requests) = registered(refusal.into(), b"x".to_vec(), LONG).await;
    assert_eq!((error.kind(), error.status().map(u16::from), requests), (ErrorKind::Rejected, Some(422), 1));
    assert_eq!(error.code().map(|code| code.get()), Some(500_000));
    assert_eq!(
        (error.message(), error.retry_after()),
        (Some("it is too long"), Some(Duration::from_secs(7)))
    );
}

#[tokio::test]
async fn a_refusal_at_the_deadline_keeps_what_arrived() {
    // The timeout ends the wait for the body. On a busy machine it may end before the head arrives.
    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{\"code\":400312,";
    for _ in 0..20 {
        let (error, _) = registered(refusal.into(), Vec::new(), Duration::from_millis(1_500)).await;
        if error.status().map(u16::from) == Some(403) {
            assert_eq!(
                (error.kind(), error.code().map(|code| code.get())),
                (ErrorKind::Rejected, Some(400_312))
            );
            return;
        }
    }
    panic!("the status was lost every time");
}

#[tokio::test]
async fn informational_responses_do_not_extend_the_timeout() {
    let hints = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n".repeat(100);
    let (error, _) = registered(Vec::new(), hints, Duration::from_secs(1)).await;
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.to_string().contains("within 1.0s (the client's timeout)"), "{error}");
}

#[tokio::test]
async fn a_response_head_beyond_the_limits_is_not_asked_for_again() {
    let head = format!("HTTP/1.1 200 OK\r\nx-large: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-many: 1\r\n".repeat(1_000));
    for head in [head, many] {
        let (error, requests) = registered(head.into(), Vec::new(), LONG).await;
        assert_eq!((error.kind(), requests), (ErrorKind::InvalidResponse, 1), "{error}");
        assert!(!error.is_transient() && error.to_string().contains("the head of the response is too large"));
    }
}

#[tokio::test]
async fn a_protocol_error_that_repeats_is_not_transient() {
    let (error, requests) = registered(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), Vec::new(), LONG).await;
    assert_eq!((error.kind(), requests), (ErrorKind::InvalidResponse, 2), "{error}");
    assert!(!error.is_transient());
    assert!(error.to_string().contains("not valid HTTP") && error.to_string().contains("check the base URL"));
}

#[tokio::test]
async fn a_timeout_names_its_limit() {
    let (error, _) = registered(Vec::new(), Vec::new(), Duration::from_millis(300)).await;
    assert!(error.to_string().contains("within 300.0ms (the client's timeout)"), "{error}");
    let (error, _) = registered(Vec::new(), Vec::new(), Duration::from_millis(10_500)).await;
    assert!(error.to_string().contains("within 10.0s (the limit of one attempt)"), "{error}");
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn an_untrusted_certificate_is_told_and_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let service = TlsService::start(folder.path());
    let error = client(service.address()).timeout(LONG).build().unwrap().register().await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unavailable, false), "{error}");
    let text = error.to_string();
    assert!(
        text.starts_with("the service's certificate is not trusted: ") && !text.contains("attempts"),
        "{text}"
    );
    assert!(text.contains("check the base URL"), "{text}");
}
