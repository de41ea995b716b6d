//! What holds of reading an answer, whatever it is. The targets in `fuzz/` feed it anything, and `corpus`
//! feeds it what is in `tests/corpus`. It is here so that both include the same file.
//!
//! Reading ends without a panic. What was read can be written and read again, and is the same then; of the
//! deviations only those are left that leave nothing out. What can't be read is not quoted.

use std::fmt::Debug;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use social_plus_bot::api::types::{BotSession, ErrorBody};
use social_plus_bot::{Answer, DeviationKind};

/// The body of a 200.
pub fn response(body: &[u8]) {
    read::<BotSession>(body);
}

/// The body of an error's answer.
pub fn error_body(body: &[u8]) {
    read::<ErrorBody>(body);
}

fn read<T: DeserializeOwned + Serialize + JsonSchema + Debug>(body: &[u8]) {
    let answer = match serde_json::from_slice::<Answer<T>>(body) {
        Ok(answer) => answer,
        Err(error) => {
            assert!(error.to_string().len() < 2000, "{error}");
            return;
        }
    };
    assert!(answer.deviations().len() <= 100);
    let (first, deviations) = answer.into_parts();
    for deviation in deviations {
        assert!(deviation.to_string().chars().all(|character| !character.is_control()), "{deviation}");
    }

    let written = serde_json::to_string(&first).expect("what was read can be written");
    let again = serde_json::from_str::<Answer<T>>(&written).expect("what was written can be read");
    for deviation in again.deviations() {
        let kept = matches!(deviation.kind(), DeviationKind::Missing | DeviationKind::UnknownValue);
        assert!(kept, "{deviation}");
    }
    let rewritten = serde_json::to_string(&*again).expect("what was read can be written");
    assert_eq!(written, rewritten);
}
