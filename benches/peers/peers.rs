//! This crate and three others that cache a token, configured as in typical use.
//!
//! Each fetches its token once from a server on this machine. The others use the credentials that are most similar
//! to ours: a service account, whose token is fetched. `google-cloud-auth` signs the tokens of service accounts
//! itself, so it uses a user account instead.

#[path = "../floor.rs"]
pub mod floor;
pub mod pages;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::{Json, Router};
use gcp_auth::{CustomServiceAccount, TokenProvider};
use google_cloud_auth::credentials::{AccessTokenCredentials, user_account};
use serde_json::{Value, json};
use social_plus_bot::BotClient;
use social_plus_bot::sandbox::Sandbox;
use tokio::net::TcpListener;
use yup_oauth2::ServiceAccountAuthenticator;
use yup_oauth2::authenticator::DefaultAuthenticator;

pub const SCOPES: &[&str] = &["https://www.googleapis.com/auth/cloud-platform"];

/// Clients whose token is already cached.
pub struct Peers {
    pub ours: BotClient,
    pub gcp_auth: CustomServiceAccount,
    pub yup_oauth2: DefaultAuthenticator,
    pub google_cloud_auth: AccessTokenCredentials,
    sandbox: Sandbox,
    servers: [TokenServer; 3],
}

impl Peers {
    pub async fn start() -> Self {
        let servers = [TokenServer::start().await, TokenServer::start().await, TokenServer::start().await];
        let [one, two, three] = &servers;
        let key = private_key();
        let sandbox = Sandbox::start().await.unwrap();
        let ours = sandbox.client().build().unwrap();

        let gcp_auth = CustomServiceAccount::from_json(&service_account(&key, one).to_string()).unwrap();
        let account = serde_json::from_value(service_account(&key, two)).unwrap();
        let yup_oauth2 = ServiceAccountAuthenticator::builder(account).build().await.unwrap();
        let user = json!({
            "type": "authorized_user",
            "client_id": "reader",
            "client_secret": "none",
            "refresh_token": "none",
            "token_uri": three.url,
        });
        let google_cloud_auth = user_account::Builder::new(user).build_access_token_credentials().unwrap();

        ours.access_token().await.unwrap();
        gcp_auth.token(SCOPES).await.unwrap();
        yup_oauth2.token(SCOPES).await.unwrap();
        google_cloud_auth.access_token().await.unwrap();
        Self { ours, gcp_auth, yup_oauth2, google_cloud_auth, sandbox, servers }
    }

    /// Panics unless each client sent exactly one request.
    pub fn assert_cached(&self) {
        assert_eq!(self.sandbox.requests().len(), 1);
        for server in &self.servers {
            assert_eq!(server.requests.load(Ordering::Relaxed), 1, "a token was not cached");
        }
    }
}

/// A server that responds to every request with a token.
struct TokenServer {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl TokenServer {
    async fn start() -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let respond = move || async move {
            count.fetch_add(1, Ordering::Relaxed);
            Json(json!({ "access_token": "token", "token_type": "Bearer", "expires_in": 86_400 }))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
        Self { url, requests }
    }
}

fn service_account(key: &str, server: &TokenServer) -> Value {
    json!({
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "key",
        "private_key": key,
        "client_email": "reader@localhost",
        "client_id": "reader",
        "token_uri": server.url,
    })
}

/// Generates a new private key.
fn private_key() -> String {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    pem::encode(&pem::Pem::new("PRIVATE KEY", key.as_der().unwrap().as_ref()))
}
