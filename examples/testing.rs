//! Tests a program against the sandbox.
//!
//! The program greets the users whose ids are its arguments. Its tests run with
//!
//! ```sh
//! cargo test --example testing --features sandbox
//! ```

use std::error::Error;

use serde_json::Value;
use social_plus_bot::BotClient;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let bot = BotClient::from_env()?;
    for id in std::env::args().skip(1) {
        println!("{}", greeting(&bot, &id).await?);
    }
    Ok(())
}

async fn greeting(bot: &BotClient, id: &str) -> Result<String, Box<dyn Error>> {
    let response: Value = bot.get(format!("/api/v3/users/{id}")).await?.json().await?;
    let name = response["users"][0]["displayName"].as_str().unwrap_or(id);
    Ok(format!("Hello, {name}!"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use social_plus_bot::ErrorKind;
    use social_plus_bot::sandbox::{Fault, Sandbox};

    use super::*;

    #[tokio::test]
    async fn a_user_is_greeted_by_name() {
        let sandbox = Sandbox::start().await.unwrap();
        sandbox.stub_get("/api/v3/users/ada", json!({"users": [{"userId": "ada", "displayName": "Ada"}]}));
        let bot = sandbox.client().build().unwrap();
        assert_eq!(greeting(&bot, "ada").await.unwrap(), "Hello, Ada!");
        // A user that the service says nothing about.
        assert_eq!(greeting(&bot, "bob").await.unwrap(), "Hello, bob!");
        // One registration for both, as the contract demands.
        assert_eq!(sandbox.requests().iter().filter(|request| request.method() == "POST").count(), 1);
        assert!(sandbox.violations().is_empty());
    }

    #[tokio::test]
    async fn an_outage_is_an_error_that_passes() {
        let sandbox = Sandbox::start().await.unwrap();
        let bot = sandbox.client().build().unwrap();
        sandbox.fail_next_read(Fault::status(503));
        let error = greeting(&bot, "ada").await.unwrap_err().downcast::<social_plus_bot::Error>().unwrap();
        assert_eq!((error.kind(), error.is_transient()), (ErrorKind::Unavailable, true));
        assert!(greeting(&bot, "ada").await.is_ok());
    }
}
