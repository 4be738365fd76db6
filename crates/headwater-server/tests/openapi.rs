//! The OpenAPI document that the web UI's client is generated from is the one that is served.

use std::path::Path;

#[test]
fn the_document_beside_the_web_ui_is_the_one_that_is_served() {
    let document = headwater_server::api::document().to_pretty_json().expect("a document");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/openapi.json");
    if std::env::var_os("HEADWATER_UPDATE").is_some() {
        std::fs::write(&path, format!("{document}\n")).expect("written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed.trim_end() == document, "ui/openapi.json is out of date; run `make openapi`");
}
