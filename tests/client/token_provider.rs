//! The client as a source of tokens.

use std::sync::Arc;

use social_plus_bot::TokenProvider;

use crate::authorized::{REGISTRATION, received};
use crate::service;

#[tokio::test]
async fn a_client_provides_its_tokens_and_replaces_refused_ones() {
    let sandbox = service::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    let tokens: Arc<dyn TokenProvider> = Arc::new(bot.clone());
    let first = Arc::new(tokens).access_token().await.unwrap();
    assert_eq!(first, bot.access_token().await.unwrap());
    let provider: Box<dyn TokenProvider> = Box::new(bot.clone());
    let next =
        tokio::spawn(async move { provider.access_token_after(&first).await.map(|next| (first, next)) });
    let (first, next) = next.await.unwrap().unwrap();
    assert_ne!(first, next);
    assert_eq!(next, bot.access_token().await.unwrap());
    assert_eq!(received(&sandbox), [REGISTRATION, REGISTRATION]);
}
