//! A 200 with a usable token is a session, even if the rest does not match the contract.

use std::sync::Arc;

use serde_json::{Value, json};
use social_plus_bot::sandbox::{Fault, Sandbox};
use social_plus_bot::{Open, Permission, Session};

/// Registers, with the response changed by `alter`.
async fn altered(alter: impl Fn(&mut Value) + Send + Sync + 'static) -> Arc<Session> {
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.fail_next(Fault::altered(alter));
    sandbox.client().build().unwrap().register().await.unwrap()
}

fn noted(session: &Session) -> Vec<String> {
    session.schema_mismatches().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn unknown_values_are_kept_as_text() {
    let session = altered(|response| {
        response["userType"] = json!("assistant");
        response["users"][0]["permissions"] = json!(["BAN_USER", "FLY"]);
    })
    .await;
    assert_eq!(session.user_type(), Some(&Open::Unknown("assistant".to_owned())));
    let permissions = session.user().unwrap().permissions.clone().unwrap();
    assert_eq!(permissions, [Open::Known(Permission::BanUser), Open::Unknown("FLY".to_owned())]);
    assert_eq!(
        noted(&session),
        [
            "/userType: a value that is not documented",
            "/users/0/permissions/1: a value that is not documented"
        ]
    );
    let again = serde_json::to_value(session.body()).unwrap();
    assert_eq!(again["userType"], "assistant");
    assert_eq!(again["users"][0]["permissions"], json!(["BAN_USER", "FLY"]));
}

#[tokio::test]
async fn users_can_be_empty_null_or_missing() {
    let empty = altered(|response| response["users"] = json!([])).await;
    assert!(empty.user().is_none() && empty.schema_mismatches().is_empty());
    let null = altered(|response| response["users"] = json!(null)).await;
    assert_eq!(noted(&null), ["/users: expected array, found null"]);
    let missing = altered(|response| drop(response.as_object_mut().unwrap().remove("users"))).await;
    assert_eq!(noted(&missing), ["/users: missing"]);
    assert!(null.users().is_empty() && missing.users().is_empty());
}

#[tokio::test]
async fn an_invalid_field_of_a_user_is_dropped() {
    let session = altered(|response| {
        let user = &mut response["users"][0];
        user["hashFlag"] = json!(null);
        user["flagCount"] = json!("12");
        user["createdAt"] = json!("last year");
        user["isBrand"] = json!(1);
        user["roles"] = json!(["reader", 7]);
        user["displayName"] = json!("Crawler");
        user.as_object_mut().unwrap().remove("updatedAt");
    })
    .await;
    let user = session.user().unwrap();
    assert_eq!((user.flag_count, user.is_brand, user.created_at, user.updated_at), (None, None, None, None));
    assert!(user.hash_flag.is_none());
    assert_eq!(user.display_name.as_deref(), Some("Crawler"));
    assert_eq!(user.roles.as_deref(), Some(&["reader".to_owned()][..]));
    let mut noted = noted(&session);
    noted.sort();
    assert_eq!(
        noted,
        [
            "/users/0/createdAt: expected date-time, found string",
            "/users/0/flagCount: expected integer, found string",
            "/users/0/isBrand: expected boolean, found number",
            "/users/0/roles/1: expected string, found number",
            "/users/0/updatedAt: missing",
        ]
    );
}

#[tokio::test]
async fn null_in_place_of_an_optional_value_counts_as_absent() {
    let session = altered(|response| {
        for name in ["roles", "files", "lastCachePurge", "userType"] {
            response[name] = Value::Null;
        }
        let required = ["userId", "createdAt", "updatedAt"];
        for (name, value) in response["users"][0].as_object_mut().unwrap() {
            if !required.contains(&name.as_str()) {
                *value = Value::Null;
            }
        }
    })
    .await;
    assert!(session.user().is_some_and(|user| user.hash_flag.is_none()));
    assert_eq!(noted(&session), [""; 0]);
}

#[tokio::test]
async fn null_in_place_of_a_required_value_is_a_mismatch() {
    let session = altered(|response| response["users"][0]["updatedAt"] = Value::Null).await;
    assert_eq!(noted(&session), ["/users/0/updatedAt: expected string, found null"]);
}

#[tokio::test]
async fn unknown_fields_are_mismatches_at_any_depth() {
    let session = altered(|response| {
        response["region"] = json!("eu");
        response["users"][0]["mood"] = json!({ "deep": [1] });
        response["users"][0]["a/b~c\n"] = json!(1);
    })
    .await;
    let mut noted = noted(&session);
    noted.sort();
    let field = "a field that is not documented";
    assert_eq!(
        noted,
        [
            format!("/region: {field}"),
            format!("/users/0/a~1b~0c\u{fffd}: {field}"),
            format!("/users/0/mood: {field}"),
        ]
    );
}

#[tokio::test]
async fn roles_files_and_metadata_can_hold_anything() {
    let session = altered(|response| {
        response["roles"] = json!([{ "anything": [null, 1.5] }, {}]);
        response["files"] = json!([{ "attributes": { "size": "12" } }]);
        response["users"][0]["metadata"] = json!({ "x": { "y": null } });
    })
    .await;
    assert_eq!(session.schema_mismatches(), []);
    assert_eq!(
        serde_json::to_value(&session.body().files).unwrap(),
        json!([{ "attributes": { "size": "12" } }])
    );
    let odd = altered(|response| {
        response["roles"] = json!([1, "two", {}]);
        response["files"] = json!("none");
    })
    .await;
    assert_eq!(
        noted(&odd),
        [
            "/files: expected array, found string",
            "/roles/0: expected object, found number",
            "/roles/1: expected object, found string"
        ]
    );
}

#[tokio::test]
async fn an_unreadable_field_is_dropped() {
    let sandbox = Sandbox::start().await.unwrap();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for unreadable in [&*deep, "1e999", r#""\ud800""#] {
        let body = format!(
            r#"{{"accessToken":"abc","issuedAt":"2026-01-01T00:00:00Z","expiresAt":"2126-01-01T00:00:00Z",
                "users":[],"roles":{unreadable}}}"#
        );
        sandbox.fail_next(Fault::answer(200, "application/json", body));
        let session = sandbox.client().build().unwrap().register().await.unwrap();
        assert_eq!(noted(&session), ["/roles: can't be read"]);
    }
}

#[tokio::test]
async fn the_number_of_mismatches_is_bounded() {
    let session = altered(|response| response["users"] = json!(vec![json!({}); 10_000])).await;
    assert_eq!(session.schema_mismatches().len(), 100);
}

#[tokio::test]
async fn values_beyond_the_limit_are_dropped_and_reported() {
    let too_large = |session: &Session| {
        let mismatches = session.schema_mismatches().iter();
        let too_large =
            mismatches.filter(|mismatch| mismatch.to_string().ends_with(": more values than are kept"));
        too_large.map(|mismatch| mismatch.pointer().to_owned()).collect::<Vec<_>>()
    };
    // 5,000 values per field are kept.
    for (users, kept) in [(5_000, 5_000), (5_001, 5_000), (100_000, 5_000)] {
        let session = altered(move |response| response["users"] = json!(vec![json!({}); users])).await;
        assert_eq!(session.users().len(), kept);
        assert_eq!(too_large(&session), if users > kept { vec!["/users"] } else { vec![] });
    }
    let session = altered(|response| {
        response["users"] = json!([{ "userId": "one", "metadata": { "x": vec![0; 10_000] } }]);
        response["roles"] = json!(vec![json!({}); 1000]);
    })
    .await;
    assert_eq!(too_large(&session), ["/users"]);
    assert_eq!(session.user().unwrap().metadata.as_ref().unwrap()["x"].as_array().unwrap().len(), 4_997);
    assert_eq!(session.body().roles.as_ref().unwrap().len(), 1000);

    // 10,000 values in all are kept, not counting fields with a single value.
    let session = altered(|response| {
        for field in ["roles", "files", "users"] {
            response[field] = json!(vec![json!({}); 4_000]);
        }
    })
    .await;
    let body = session.body();
    let kept = [
        body.users.as_ref().map(Vec::len),
        body.roles.as_ref().map(Vec::len),
        body.files.as_ref().map(Vec::len),
    ];
    assert_eq!(kept.into_iter().flatten().sum::<usize>(), 10_000);
    assert_eq!(too_large(&session).len(), 1);
    assert!(body.user_type.is_some() && body.last_cache_purge.is_some());
}

#[tokio::test]
async fn integers_may_be_written_as_decimals() {
    let session = altered(|response| response["users"][0]["flagCount"] = json!(5.0)).await;
    assert_eq!((session.user().unwrap().flag_count, session.schema_mismatches().len()), (Some(5), 0));
    let session = altered(|response| response["users"][0]["flagCount"] = json!(5.5)).await;
    assert_eq!(noted(&session), ["/users/0/flagCount: expected integer, found number"]);
}

#[tokio::test]
async fn a_date_that_does_not_round_trip_is_dropped() {
    for date in ["9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00+00:01"] {
        let session = altered(move |response| response["lastCachePurge"] = json!(date)).await;
        assert_eq!(session.body().last_cache_purge, None);
        assert_eq!(noted(&session), ["/lastCachePurge: expected date-time, found string"]);
    }
    let session = altered(|response| response["expiresAt"] = json!("9999-12-31T23:59:59+00:01")).await;
    assert_eq!(session.schema_mismatches(), []);
}

/// A field name with a special meaning in serde_json.
const RAW: &str = "$serde_json::private::RawValue";

#[tokio::test]
async fn a_reserved_name_of_serde_json_drops_only_its_field() {
    for text in [json!("no JSON"), json!(5), json!("[1,2]")] {
        for place in ["/users/0/metadata", "/roles/0", "/files/0"] {
            let text = text.clone();
            let session = altered(move |response| {
                response["roles"] = json!([{}]);
                response["files"] = json!([{}]);
                response["users"][0]["metadata"] = json!({});
                *response.pointer_mut(place).unwrap() = json!({ "x": { RAW: text } });
            })
            .await;
            let field = format!("/{}", place.split('/').nth(1).unwrap());
            assert!(
                noted(&session).contains(&format!("{field}: can't be read")),
                "{place}: {:?}",
                noted(&session)
            );
        }
    }
}

#[tokio::test]
async fn invalid_utf8_is_replaced() {
    let sandbox = Sandbox::start().await.unwrap();
    let response = |rest: &[u8]| {
        let good =
            br#"{"accessToken":"abc","issuedAt":"2026-01-01T00:00:00Z","expiresAt":"2126-01-01T00:00:00Z","#;
        Fault::answer(200, "application/json", [good, rest, b"}"].concat())
    };
    for (rest, expected) in [
        (&b"\"users\":[{\"userId\":\"a\",\"displayName\":\"J\xfcrgen\"}]"[..], ": not UTF-8"),
        (b"\"users\":[],\"\xff\":1", "/?: a field that is not documented"),
        (br#""users":[],"x\ud800":1"#, "/x\u{fffd}\u{fffd}\u{fffd}: a field that is not documented"),
    ] {
        sandbox.fail_next(response(rest));
        let session = sandbox.client().build().unwrap().register().await.unwrap();
        assert!(noted(&session).iter().any(|noted| noted == expected), "{:?}", noted(&session));
        if let Some(user) = session.user() {
            assert_eq!(user.display_name.as_deref(), Some("J?rgen"));
        }
    }
    let said = b"{\"code\":400323,\"message\":\"J\xfcrgen\"}";
    sandbox.fail_always(Fault::answer(403, "application/json", said));
    let error = sandbox.client().build().unwrap().register().await.unwrap_err();
    assert_eq!((error.code().unwrap().get(), error.message()), (400_323, Some("J?rgen")));
}
