//! The fuzz targets, run over their corpus: what a fuzzer found once does not come back.

use std::fs;
use std::path::Path;

use crate::reading;

fn each_of(corpus: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(corpus);
    let mut seen = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let file = file.unwrap().path();
        println!("{}", file.display());
        target(&fs::read(&file).unwrap());
        seen += 1;
    }
    assert!(seen >= 5, "{seen} files in {}", folder.display());
}

#[test]
fn any_response_of_the_corpus_is_read_in_order() {
    each_of("response", reading::response);
}

#[test]
fn any_error_body_of_the_corpus_is_read_in_order() {
    each_of("error_body", reading::error_body);
}
