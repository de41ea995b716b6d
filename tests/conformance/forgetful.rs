//! The suite itself: a sandbox that forgets a rule of the contract is told, by the rule's name.
//!
//! Between the checks and the sandbox stands something that takes a rule out of each refusal. If nothing is
//! left of a refusal, the request is answered as a good one is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::contract::Contract;
use crate::parts::{Proof, parts};
use crate::record::{Record, unexercised};
use crate::refusing;
use crate::subject::Subject;
use crate::{answering, run};

/// What is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Forgotten {
    /// The rule with this place and, in parentheses, this keyword.
    Rule {
        place: String,
        keyword: String,
    },
    /// A member of every object of the answer.
    Field(String),
    Nothing,
}

impl Forgotten {
    /// The rule that a line of `data.detail` is about.
    fn rule(line: &str) -> Self {
        let (place, rest) = line.split_once(": ").unwrap();
        let keyword = rest.rsplit_once(" (").map(|(_, rule)| rule.trim_end_matches(')')).unwrap_or_default();
        let keyword = keyword.split(' ').next().unwrap_or_default();
        Self::Rule { place: place.to_owned(), keyword: keyword.to_owned() }
    }
}

/// Stands in front of a sandbox. Ends with the subject's runtime.
struct Forgetful {
    sandbox: String,
    http: reqwest::Client,
    forgotten: Mutex<Forgotten>,
}

impl Forgetful {
    /// Puts itself between `subject` and its sandbox.
    fn before(subject: &mut Subject) -> Arc<Self> {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let forgotten = Mutex::new(Forgotten::Nothing);
        let this = Arc::new(Self { sandbox: subject.address.clone(), http, forgotten });
        let serving = Arc::clone(&this);
        subject.address = subject.wait(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let serving = Arc::clone(&serving);
                    tokio::spawn(async move {
                        let answer = service_fn(|request| serving.answer(request));
                        // A client that goes away is none of this test's business.
                        drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
                    });
                }
            });
            address
        });
        this
    }

    fn forget(&self, forgotten: Forgotten) {
        *self.forgotten.lock().unwrap() = forgotten;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let forgotten = self.forgotten.lock().unwrap().clone();
        let mut headers = head.headers;
        headers.remove(http::header::CONTENT_LENGTH);
        headers.remove(http::header::HOST);
        let (mut status, mut said) = self.forward(&head.method, head.uri.path(), headers, body).await;
        match &forgotten {
            Forgotten::Nothing => {}
            Forgotten::Field(name) => without(&mut said, name),
            rule => {
                if let Some(lines) = said.pointer_mut("/data/detail").and_then(Value::as_array_mut) {
                    lines.retain(|line| Forgotten::rule(line.as_str().unwrap()) != *rule);
                    if lines.is_empty() {
                        let mut headers = HeaderMap::new();
                        headers.insert("x-api-key", "any".parse().unwrap());
                        headers.insert("content-type", "application/json".parse().unwrap());
                        let good = json!({ "deviceId": "good" }).to_string().into();
                        (status, said) = self.forward(&head.method, head.uri.path(), headers, good).await;
                    }
                }
            }
        }
        let mut answer = Response::new(Full::from(said.to_string()));
        *answer.status_mut() = status;
        answer.headers_mut().insert("content-type", "application/json".parse().unwrap());
        Ok(answer)
    }

    async fn forward(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, Value) {
        let request = self.http.request(method.clone(), format!("{}{path}", self.sandbox));
        let answer = request.headers(headers).body(body).send().await.unwrap();
        (answer.status(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }
}

fn without(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            members.remove(name);
            members.values_mut().for_each(|member| without(member, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, name)),
        _ => {}
    }
}

#[test]
fn a_sandbox_without_a_rule_is_reported_by_name() {
    let mut subject = Subject::new(Contract::of_the_crate(), 0, 1);
    let forgetful = Forgetful::before(&mut subject);
    let faults = |forgotten| {
        forgetful.forget(forgotten);
        let mut record = Record::default();
        refusing::check(&subject, &mut record);
        record.faults.into_iter().map(|fault| fault.part).collect::<BTreeSet<_>>()
    };
    assert_eq!(faults(Forgotten::Nothing), BTreeSet::new());

    // Every rule that the sandbox was seen to apply, and none from a list.
    let rules =
        subject.sandbox.violations().iter().map(|line| Forgotten::rule(line)).collect::<BTreeSet<_>>();
    assert!(rules.len() > 10, "{rules:?}");
    let mut named = BTreeSet::new();
    for rule in rules {
        let faults = faults(rule.clone());
        println!("{rule:?} is missed as {faults:?}");
        if let Forgotten::Rule { keyword, .. } = &rule {
            let its_name =
                |part: &String| part.split('/').any(|word| word == keyword) || part.contains("ApiKey");
            assert!(faults.iter().any(its_name) || part_of_the_body(&faults), "{rule:?}: {faults:?}");
        }
        named.extend(faults);
    }
    let due = parts(&subject.contract).into_iter().filter(|part| part.due.contains(&Proof::Refused));
    for part in due {
        assert!(named.contains(&part.id), "nothing that can be forgotten concerns {}", part.id);
    }
}

/// The rules that are none of a schema: that there is a body, and that it is JSON.
fn part_of_the_body(faults: &BTreeSet<String>) -> bool {
    faults.iter().any(|part| part.contains("/requestBody/"))
}

#[test]
fn a_sandbox_without_a_field_is_reported_by_name() {
    let mut subject = Subject::new(Contract::of_the_crate(), 0, 1);
    let forgetful = Forgetful::before(&mut subject);
    let parts = parts(&subject.contract);
    let due =
        parts.iter().filter(|part| part.id.contains("/properties/") && part.due.contains(&Proof::Answered));
    let mut records = run(&subject);
    for part in due {
        let name = part.id.rsplit('/').next().unwrap();
        forgetful.forget(Forgotten::Field(name.to_owned()));
        let mut record = Record::default();
        answering::check(&subject, &mut record);
        records.insert("answering", record);
        let missing = unexercised(&parts, records.values());
        assert!(missing.iter().any(|missing| missing.starts_with(&part.id)), "{}: {missing:?}", part.id);
    }
}
