//! What an answer costs in memory, at its worst.
//!
//! Alone in its file, and one test, so that nothing else allocates meanwhile.

use peak_alloc::PeakAlloc;
use social_plus_bot::sandbox::{Fault, Sandbox};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const LIMIT: usize = 1 << 20;

/// The bound that the documentation states, at the default limit, while an answer is read.
const READING: usize = 16 * LIMIT;

/// And for as long as its session, or its error, is kept.
const KEPT: usize = 10 * LIMIT;

/// The text beside this name is JSON to serde_json.
const RAW: &str = "$serde_json::private::RawValue";

/// An object within such a text.
const INNER: &str = r#"{\"a\":{}}"#;

/// `open`, then as many of `items` as there is room for, then `close`.
fn filled(open: &str, mut item: impl FnMut(usize) -> String, close: &str) -> String {
    let mut body = open.to_owned();
    for number in 0.. {
        let item = item(number);
        if body.len() + item.len() + close.len() + 1 > LIMIT {
            break;
        }
        if number > 0 {
            body.push(',');
        }
        body.push_str(&item);
    }
    body + close
}

/// The members of a good session, and `field` filled with items that the brackets close.
fn session(field: &str, item: impl FnMut(usize) -> String, close: &str) -> String {
    let good = r#""accessToken":"abc","issuedAt":"2026-01-01T00:00:00Z","expiresAt":"2126-01-01T00:00:00Z""#;
    filled(&format!("{{{good},{field}"), item, &format!("{close}}}"))
}

fn nested(open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(100), close.repeat(100))
}

fn is(item: &str) -> impl FnMut(usize) -> String {
    let item = item.to_owned();
    move |_| item.clone()
}

/// Bodies that make a session, each with much of something.
fn sessions() -> Vec<(&'static str, String)> {
    let id = |number| format!(r#""{number:x}":0"#);
    vec![
        ("users of nothing", session(r#""users":["#, is("{}"), "]")),
        ("users with a name", session(r#""users":["#, is(r#"{"userId":""}"#), "]")),
        ("users with lists", session(r#""users":["#, is(r#"{"roles":[],"permissions":[]}"#), "]")),
        ("users that are none", session(r#""users":["#, is("0"), "]")),
        ("users with fields of no name", session(r#""users":["#, is(r#"{"":0}"#), "]")),
        ("roles of nothing", session(r#""roles":["#, is("{}"), "]")),
        ("roles with a member", session(r#""roles":["#, is(r#"{"a":0}"#), "]")),
        ("roles within roles", session(r#""roles":["#, is(&nested(r#"{"":"#, "0", "}")), "]")),
        ("files of lists", session(r#""files":[{"a":["#, is("[]"), "]}]")),
        ("files of lists within lists", session(r#""files":[{"a":["#, is(&nested("[", "", "]")), "]}]")),
        ("files of lists too deep", session(r#""files":["#, is(&nested("[[", "", "]]")), "]")),
        ("files of numbers", session(r#""files":[{"a":["#, is("0"), "]}]")),
        ("files of objects", session(r#""files":[{"a":["#, is(r#"{"a":{}}"#), "]}]")),
        ("permissions", session(r#""users":[{"permissions":["#, is(r#""""#), "]}]")),
        ("hashes", session(r#""users":[{"hashFlag":{"hash":["#, is(r#""""#), "]}}]")),
        ("metadata", session(r#""users":[{"metadata":{"#, id, "}}]")),
        ("metadata of numbers", session(r#""users":[{"metadata":{"a":["#, is("0"), "]}}]")),
        (
            "JSON within JSON",
            session(&format!(r#""users":[{{"metadata":{{"x":{{"{RAW}":"["#), is(INNER), r#"]"}}}]"#),
        ),
        ("fields that nobody knows", session("", id, "")),
        ("one field again and again", session("", is(r#""users":[{}]"#), "")),
        ("fields that can't be read", session("", is(r#""users":1e999"#), "")),
        ("users, roles within roles and a long text", users_and_roles()),
        ("each of three fields", three_fields()),
        (
            "one long text with an escape",
            session(r#""users":[{"displayName":"\n"#, is(&"x".repeat(1000)), r#""}]"#),
        ),
        ("one long text", session(r#""users":[{"displayName":""#, is(&"x".repeat(1000)), r#""}]"#)),
    ]
}

/// What is largest for its text twice, and a text for the rest.
fn users_and_roles() -> String {
    let users = format!(r#""users":[{}]"#, vec!["{}"; 5_000].join(","));
    let roles = format!(r#""roles":[{}]"#, vec![nested(r#"{"":"#, "0", "}"); 50].join(","));
    session(&format!(r#"{users},{roles},"userType":""#), is(&"x".repeat(1000)), r#"""#)
}

/// All that can hold much, filled at once.
fn three_fields() -> String {
    let list = |field: &str, item: &str| format!(r#""{field}":[{}]"#, vec![item; 18_000].join(","));
    let users = list("users", r#"{"metadata":{"":{}}}"#);
    session(
        &format!("{users},"),
        is(&format!("{},{}", list("roles", r#"{"":{}}"#), list("files", r#"{"":{}}"#))),
        "",
    )
}

/// Bodies of errors.
fn errors() -> Vec<(&'static str, String)> {
    let detail = |inner: &str| format!(r#"{{"code":500000,"message":"m","data":{{"detail":{inner}"#);
    vec![
        ("a list of texts", filled(&detail("["), is(r#""""#), "]}}")),
        ("a list of objects", filled(&detail("["), is("{}"), "]}}")),
        ("an object", filled(&detail("{"), |number| format!(r#""{number:x}":0"#), "}}}")),
        ("an object of lists", filled(&detail(r#"{"a":["#), is("[]"), "]}}}")),
        ("lists within lists", filled(&detail(r#"{"a":["#), is(&nested("[", "", "]")), "]}}}")),
        ("many fields", filled("{", |number| format!(r#""{number:x}":[]"#), "}")),
        ("a long message", filled(r#"{"message":""#, is(&"%41".repeat(1000)), r#""}"#)),
        ("no object", filled("[", is("{}"), "]")),
    ]
}

#[tokio::test]
async fn no_response_takes_more_memory_than_documented() {
    let sandbox = Sandbox::start().await.unwrap();
    let bot = sandbox.client().build().unwrap();
    // What is set up once, connections and schemas, is not counted.
    bot.register().await.unwrap();
    let mut beyond = Vec::new();
    let bodies = sessions().into_iter().map(|(what, body)| (200, what, body));
    for (status, what, body) in bodies.chain(errors().into_iter().map(|(what, body)| (422, what, body))) {
        assert!((LIMIT / 2..=LIMIT).contains(&body.len()), "{what}: {} bytes", body.len());
        // It stays with the sandbox, so that it is counted neither before nor after.
        sandbox.fail_always(Fault::answer(status, "application/json", body.clone()));
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let outcome = bot.register().await;
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        let kept = ALLOCATOR.current_usage().saturating_sub(before);
        assert_eq!(outcome.is_ok(), status == 200, "{what}: {:?}", outcome.err());
        println!("{what}: {} KiB while reading, {} KiB kept", peak >> 10, kept >> 10);
        if peak > READING || kept > KEPT {
            beyond.push(format!("{what}: {} MiB while reading, {} MiB kept", peak >> 20, kept >> 20));
        }
    }
    // Headers come besides, as many as are taken at all.
    for header in ["%25252541".repeat(40_000), "eyJ".repeat(120_000) + "%25252541"] {
        let refused = Fault::answer(422, "application/json", "{}").header(http::header::WARNING, &header);
        sandbox.fail_always(refused);
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        assert_eq!(bot.register().await.unwrap_err().status().map(u16::from), Some(422));
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        println!("a long header: {} KiB while reading", peak >> 10);
        if peak > READING {
            beyond.push(format!("a long header: {} MiB while reading", peak >> 20));
        }
    }
    for (fault, announced) in
        [(Fault::oversized(30 << 20), true), (Fault::oversized_chunked(30 << 20), false)]
    {
        sandbox.fail_always(fault);
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        bot.register().await.unwrap_err();
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        // A growing buffer exists twice while it moves; the rest is the sockets'.
        if peak > 4 * LIMIT {
            beyond.push(format!("30 MiB, announced: {announced}: {} MiB while reading", peak >> 20));
        }
    }
    #[cfg(feature = "file-store")]
    beyond.extend(stored(&sandbox).await);
    assert!(beyond.is_empty(), "{}", beyond.join("\n"));
}

/// What a store can hold instead of a session, which costs as much at most.
#[cfg(feature = "file-store")]
async fn stored(sandbox: &Sandbox) -> Option<String> {
    use std::fs;

    let folder = tempfile::tempdir().unwrap();
    let store = social_plus_bot::store::FileStore::new(folder.path().join("sessions")).unwrap();
    let path = store.folder().to_owned();
    let bot = sandbox.client().store(store).build().unwrap();
    sandbox.recover();
    bot.session().await.unwrap();
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let file =
        files.into_iter().find(|file| file.extension().is_some_and(|ending| ending == "json")).unwrap();
    let record = fs::read_to_string(&file).unwrap();
    let (before, after) = record.split_once(r#""users":["#).unwrap();
    let users = vec!["{}"; LIMIT / 3].join(",");
    fs::write(&file, format!(r#"{before}"users":[{users},{after}"#)).unwrap();
    drop((record, users));

    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let kept = bot.stored_session().await.unwrap();
    let peak = ALLOCATOR.peak_usage().saturating_sub(before);
    println!("many users in a store: {} KiB while reading", peak >> 10);
    assert!(kept.is_none() || peak > READING, "{:?}", bot.store_faults());
    (peak > READING).then(|| format!("many users in a store: {} MiB while reading", peak >> 20))
}
