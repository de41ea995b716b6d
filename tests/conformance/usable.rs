//! A usable token gives a session, whatever else is in the answer; without one there is none.
//!
//! This is `register` itself, over a socket. The answers are random valid ones, of which the token and the
//! dates are set to something known, and one further thing may be wrong.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value, json};
use social_plus_bot::ErrorKind;
use social_plus_bot::sandbox::Fault;

use crate::mismatching::ESSENTIAL;
use crate::subject::Subject;
use crate::values::{text, valid};
use crate::walk::breaks;

pub fn sessions(subject: &Subject, schema: &str) -> Result<(), String> {
    let contract = &subject.contract;
    let token = prop_oneof!["[!-~]{1,300}".prop_map(String::from), Just(String::new()), text(1, 9)];
    let lifetime = proptest::sample::select(vec![
        ("2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z", true),
        ("2026-01-01t00:00:00.5+05:45", "9999-12-31T23:59:59.999999999+14:00", true),
        ("0000-01-01T00:00:00Z", "9000-01-01T00:00:00Z", true),
        ("9998-01-01T00:00:00Z", "9999-01-01T00:00:00Z", true),
        ("9999-01-01T00:00:00Z", "9999-01-01T00:00:00Z", false),
        ("9999-01-01T00:00:00Z", "9998-01-01T00:00:00Z", false),
        ("2020-01-01T00:00:00Z", "2020-01-31T00:00:00Z", false),
        ("0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", false),
    ]);
    let wrong = proptest::option::of(any::<prop::sample::Index>());
    let cases = (valid(contract, schema), token, lifetime, wrong);
    subject.try_many(subject.cases / 10, &cases, |(mut body, token, (issued, expires, sensible), wrong)| {
        body["accessToken"] = json!(token);
        body["issuedAt"] = json!(issued);
        body["expiresAt"] = json!(expires);
        let all = breaks(contract, schema, &body);
        // What is no object has no token either.
        let wrong = wrong.map(|which| which.get(&all)).filter(|wrong| !wrong.at.is_empty());
        let essential = wrong.is_some_and(|wrong| ESSENTIAL.contains(&&*wrong.at));
        let usable = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let body = wrong.map_or(body.clone(), |wrong| wrong.apply(&body));

        subject.sandbox.fail_next(Fault::answer(200, "application/json", body.to_string()));
        // After a failure, a client waits before it registers again.
        let bot = subject.sandbox.client().build().unwrap();
        let met = match subject.wait(bot.register()) {
            Ok(session) => {
                Ok((session.access_token().expose_secret().to_owned(), session.schema_mismatches().len()))
            }
            Err(error) => Err((error.kind(), error.status().map(u16::from))),
        };
        let due = if usable && sensible && !essential {
            Ok((token, usize::from(wrong.is_some_and(|wrong| !wrong.is_absent))))
        } else {
            Err((ErrorKind::InvalidResponse, Some(200)))
        };
        if met == due {
            Ok(())
        } else {
            Err(TestCaseError::fail(told(&body, &format!("{met:?}"), &format!("{due:?}"))))
        }
    })
}

fn told(body: &Value, met: &str, due: &str) -> String {
    format!("{body} is met with {met}, and {due} is due")
}
