//! Whatever bytes come: nothing panics, and the laws of filters, paths, PATCH and resources hold.
//! `make fuzz` looks for longer.

mod laws;

use headwater_testkit::fuzz::Target;

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

#[test]
fn filter() {
    Target { name: "filter", corpus: CORPUS, words: FILTER_WORDS, iterations: 10_000, run: laws::filter }
        .fuzz();
}

#[test]
fn path() {
    Target { name: "path", corpus: CORPUS, words: FILTER_WORDS, iterations: 10_000, run: laws::path }.fuzz();
}

#[test]
fn patch() {
    Target { name: "patch", corpus: CORPUS, words: BODY_WORDS, iterations: 10_000, run: laws::patch }.fuzz();
}

#[test]
fn resource() {
    Target { name: "resource", corpus: CORPUS, words: BODY_WORDS, iterations: 10_000, run: laws::resource }
        .fuzz();
}

#[test]
fn bulk() {
    Target { name: "bulk", corpus: CORPUS, words: BULK_WORDS, iterations: 10_000, run: laws::bulk }.fuzz();
}

#[test]
fn definition() {
    Target {
        name: "definition",
        corpus: CORPUS,
        words: DEFINITION_WORDS,
        iterations: 10_000,
        run: laws::definition,
    }
    .fuzz();
}

const BULK_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"]",
    "\"failOnErrors\":1",
    "\"Operations\":[",
    "\"method\":\"POST\"",
    "\"method\":\"PATCH\"",
    "\"method\":\"DELETE\"",
    "\"path\":\"/Users\"",
    "\"path\":\"/Groups/bulkId:a\"",
    "\"bulkId\":\"a\"",
    "\"bulkId\":\"b\"",
    "\"data\":{",
    "\"members\":[{\"value\":\"bulkId:b\"}]",
    "\"$ref\":\"../Users/bulkId:a\"",
    "\"path\":\"members[value eq \\\"bulkId:a\\\"]\"",
    "\"version\":\"W/\\\"1\\\"\"",
    "bulkId:",
];

const DEFINITION_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"id\":\"urn:example:2.0:Badge\"",
    "\"id\":\"urn:ietf:params:scim:schemas:core:2.0:User\"",
    "\"attributes\":[",
    "\"subAttributes\":[",
    "\"name\":\"a\"",
    "\"name\":\"$ref\"",
    "\"type\":\"complex\"",
    "\"type\":\"integer\"",
    "\"type\":\"reference\"",
    "\"multiValued\":true",
    "\"required\":true",
    "\"caseExact\":true",
    "\"mutability\":\"immutable\"",
    "\"returned\":\"never\"",
    "\"uniqueness\":\"server\"",
    "\"referenceTypes\":[\"User\"]",
    "\"endpoint\":\"/Devices\"",
    "\"schema\":\"urn:example:2.0:Badge\"",
    "\"schemaExtensions\":[{\"schema\":\"urn:example:2.0:Badge\"}]",
    "\"searchable\":[\"addresses.locality\"]",
];

const FILTER_WORDS: &[&str] = &[
    " and ",
    " or ",
    "not ",
    "(",
    ")",
    "[",
    "]",
    ".",
    " eq ",
    " ne ",
    " co ",
    " sw ",
    " ew ",
    " gt ",
    " ge ",
    " lt ",
    " le ",
    " pr",
    "\"x\"",
    "\"\"",
    "null",
    "true",
    "false",
    "\"True\"",
    "userName",
    "name",
    "givenName",
    "emails",
    "value",
    "type",
    "primary",
    "$ref",
    "meta",
    "lastModified",
    "schemas",
    "groups",
    "members",
    "manager",
    "department",
    "addresses",
    "x509Certificates",
    "active",
    "\"2026-01-31T12:00:00Z\"",
    "urn:ietf:params:scim:schemas:core:2.0:User:",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:",
    "urn:scim:schemas:core:1.0:",
    "urn:example:foreign:1.0:",
    "emails[type eq \"work\"]",
];

const BODY_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"op\":\"add\"",
    "\"op\":\"Replace\"",
    "\"op\":\"remove\"",
    "\"path\":\"emails\"",
    "\"path\":\"emails[type eq \\\"work\\\"]\"",
    "\"path\":\"emails[type eq \\\"work\\\"].value\"",
    "\"path\":\"name.givenName\"",
    "\"path\":\"members\"",
    "\"path\":\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager\"",
    "\"path\":\"urn:example:foreign:1.0:a\"",
    "\"value\":",
    "\"value\":null",
    "\"value\":[]",
    "\"value\":{}",
    "{\"value\":\"a@x\",\"type\":\"work\",\"primary\":true}",
    "\"primary\":true",
    "\"type\":\"home\"",
    "\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"]",
    "\"Operations\":[",
    "\"userName\":\"ada\"",
    "\"displayName\":\"G\"",
    "\"active\":\"False\"",
    "\"emails\":[",
    "\"addresses\":[{\"country\":\"US\"}]",
    "\"password\":\"p\"",
    "\"meta\":{\"created\":\"x\"}",
    "\"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\":{",
    "\"urn:scim:schemas:extension:enterprise:1.0\":{",
    "\"urn:example:foreign:1.0\":{\"a\":1}",
    "\"members\":[{\"value\":\"1\"}]",
    "\"$ref\":\"../Users/1\"",
    "\"x509Certificates\":[{\"value\":\"AA==\"}]",
    "\"profileUrl\":\"http://x/\"",
    "\"schemas\":null",
    "null",
    "true",
    "1e400",
];
