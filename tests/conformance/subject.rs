//! What is judged, and by which contract.
//!
//! The client is the one compiled in. The contract may be an altered copy, and the sandbox may be reached
//! through something that makes it forgetful: that is how the suite itself is tested.

use std::future::Future;
use std::time::Duration;

use http::HeaderMap;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::Value;
use social_plus_bot::sandbox::Sandbox;

use crate::contract::Contract;

pub struct Subject {
    pub contract: Contract,
    pub sandbox: Sandbox,
    /// Where the sandbox is reached.
    pub address: String,
    /// How many random cases each property is tried on; those that need a socket on fewer.
    pub cases: u32,
    /// Random cases are drawn from this, so that a run can be repeated.
    pub seed: u64,
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

/// An answer as it came over the wire.
pub struct Answered {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answered {
    pub fn media(&self) -> &str {
        let value = self.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// The lines of `data.detail`.
    pub fn details(&self) -> Vec<&str> {
        let list = self.body.pointer("/data/detail").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

impl Subject {
    pub fn new(contract: Contract, cases: u32, seed: u64) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = runtime.block_on(Sandbox::start()).unwrap();
        let address = sandbox.base_url().to_owned();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build().unwrap();
        Self { contract, sandbox, address, cases, seed, runtime, http }
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Sends a request that this crate's client had no part in.
    pub fn send(&self, request: reqwest::RequestBuilder) -> Answered {
        self.wait(async {
            let answer = request.send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            let body = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
            Answered { status, headers, body }
        })
    }

    /// A documented registration without headers and body; nothing if no operation is documented.
    pub fn post(&self) -> Option<reqwest::RequestBuilder> {
        let operations = self.contract.operations();
        let operation = operations.first()?;
        let method = operation.method.to_uppercase().parse().ok()?;
        Some(self.http.request(method, format!("{}{}", self.address, operation.path)))
    }

    /// Tries `test` on values of `strategy`. A failure comes back shrunk.
    pub fn try_many<S>(
        &self,
        cases: u32,
        strategy: &S,
        test: impl Fn(S::Value) -> Result<(), TestCaseError>,
    ) -> Result<(), String>
    where
        S: proptest::strategy::Strategy,
    {
        let mut seed = [1; 16];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        let config = Config { cases, failure_persistence: None, max_shrink_iters: 4096, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &seed));
        runner.run(strategy, test).map_err(|error| format!("seed {}: {error}", self.seed))
    }
}
