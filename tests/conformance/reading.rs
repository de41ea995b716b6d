//! What holds of reading an answer, whatever it is. The targets in `fuzz/` feed it anything, and `corpus`
//! feeds it what is in `tests/corpus`. It is here so that both include the same file.
//!
//! Reading ends without a panic. What was read can be written and read again, and is the same then; of the
//! mismatches only those are left that leave nothing out. What can't be read is not quoted.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use social_plus_bot::api::Lenient;
use social_plus_bot::api::types::{BotSession, ErrorBody};

/// The body of a 200.
pub fn response(body: &[u8]) {
    read::<BotSession>(body);
}

/// The body of an error's answer.
pub fn error_body(body: &[u8]) {
    read::<ErrorBody>(body);
}

fn read<T: Serialize + Debug>(body: &[u8])
where
    Lenient<T>: DeserializeOwned,
{
    let answer = match serde_json::from_slice::<Lenient<T>>(body) {
        Ok(answer) => answer,
        Err(error) => {
            assert!(error.to_string().len() < 2000, "{error}");
            return;
        }
    };
    assert!(answer.mismatches().len() <= 100);
    let (first, mismatches) = answer.into_parts();
    for mismatch in mismatches {
        assert!(mismatch.to_string().chars().all(|character| !character.is_control()), "{mismatch}");
    }

    let written = serde_json::to_string(&first).expect("what was read can be written");
    let again = serde_json::from_str::<Lenient<T>>(&written).expect("what was written can be read");
    for mismatch in again.mismatches() {
        let mismatch = mismatch.to_string();
        let kept = [": missing", ": a value that is not documented"];
        assert!(kept.iter().any(|kind| mismatch.ends_with(kind)), "{mismatch}");
    }
    let rewritten = serde_json::to_string(&*again).expect("what was read can be written");
    assert_eq!(written, rewritten);
}
