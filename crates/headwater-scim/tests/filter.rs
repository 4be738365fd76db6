//! Filters: what is one, what it means, and where it goes wrong.

use headwater_scim::{filter::Filter, registry::Registry, resource_type::ResourceType};
use headwater_testkit::{Spelling, attributes, filter};
use proptest::prelude::*;
use serde_json::json;

fn with_type<T>(name: &str, test: impl FnOnce(&ResourceType) -> T) -> T {
    let registry = Registry::built_in();
    test(registry.resource_type(name).expect("built in"))
}

fn parse(text: &str) -> Result<Filter, String> {
    with_type("User", |user| Filter::parse(text, user)).map_err(|error| error.to_string())
}

proptest! {
    /// Shows FLT-002, FLT-014, FLT-015, FLT-016, FLT-017, FLT-020, FLT-024, FLT-026, FLT-029, FLT-031.
    #[test]
    fn a_filter_means_what_the_model_says(model in filter(), mut user in attributes()) {
        user.insert("userName".to_owned(), "aB%".into());
        let parsed = parse(&model.text()).map_err(TestCaseError::fail)?;
        prop_assert_eq!(parsed.matches(&user), model.holds(&user), "{}", model.text());
    }

    #[test]
    fn what_is_printed_parses_to_the_same(model in filter()) {
        let parsed = parse(&model.text()).map_err(TestCaseError::fail)?;
        prop_assert_eq!(parse(&parsed.to_string()), Ok(parsed));
    }

    #[test]
    fn blanks_letter_case_escapes_and_parentheses_change_nothing(
        model in filter(), spelling in Spelling::any(),
    ) {
        let spelled = model.spelled(&spelling);
        prop_assert_eq!(parse(&spelled), parse(&model.text()), "{}", spelled);
    }

    /// Shows FLT-047.
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        drop(parse(&text));
    }

    /// Shows FLT-047.
    #[test]
    fn no_row_of_tokens_makes_the_parser_panic(
        tokens in proptest::collection::vec(
            prop::sample::select(vec!["(", ")", "[", "]", "and", "or", "not", "eq", "pr", "\"x\"", "true", "userName", "emails", ".value", "type", "urn:", "1"]),
            0..30,
        )
    ) {
        drop(parse(&tokens.join(" ")));
        drop(parse(&tokens.concat()));
    }
}

/// Shows FLT-003, FLT-007, FLT-008, FLT-009, FLT-011, FLT-012, FLT-013, FLT-014, FLT-019, FLT-020,
/// FLT-021, FLT-024, FLT-025, FLT-026, FLT-027, FLT-029, FLT-031, FLT-032, FLT-034, FLT-035, FLT-036,
/// FLT-040, SCH-024, AMB-21, AMB-22, AMB-23, AMB-25, AMB-26.
#[test]
fn operators_by_type() {
    let user = json!({
        "userName": "Bob", "externalId": "Ab", "active": true, "profileUrl": "http://Example.com/b",
        "name": {"familyName": "O'Malley"},
        "emails": [{"value": "bob@work.example", "type": "work", "primary": true}, {"value": "b@home.example", "type": "home"}],
        "x509Certificates": [{"value": "QUJD"}],
        "meta": {"created": "2026-01-31T12:00:00.000Z", "lastModified": "2026-02-01T12:00:00.500Z", "resourceType": "User", "version": "W/\"2\""},
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "R&D", "manager": {"value": "m-1"}}
    });
    let user = user.as_object().expect("an object");
    let table = [
        ("userName eq \"bOB\"", true),
        ("USERNAME Eq \"bob\" AND active EQ true", true),
        ("externalId eq \"ab\"", false),
        ("externalId eq \"Ab\"", true),
        ("profileUrl eq \"http://example.com/b\"", false),
        ("profileUrl sw \"http://Example\"", true),
        ("active eq \"True\"", true),
        ("active ne true", false),
        ("title eq null", true),
        ("title ne null", false),
        ("name eq null", false),
        ("addresses eq null", true),
        ("emails ne null", true),
        ("title ne \"x\"", true),
        ("not(title pr)", true),
        ("name pr", true),
        ("emails pr and not (phoneNumbers pr)", true),
        ("emails co \"home.example\"", true),
        ("emails.type eq \"work\" and emails.value sw \"b@\"", true),
        ("emails[type eq \"work\" and value sw \"b@\"]", false),
        ("emails[type eq \"work\"].value eq \"BOB@work.example\"", true),
        ("emails[type eq \"home\"].value eq \"bob@work.example\"", false),
        ("emails[type eq \"home\"].value ne \"bob@work.example\"", true),
        ("emails[type eq \"other\"].value ne null", false),
        ("emails[type eq \"other\"].value eq null", true),
        ("emails[type eq \"home\"].value pr", true),
        ("emails[primary eq false].value eq \"b@home.example\"", true),
        ("emails[not (type eq \"work\") and (value ew \"x\" or value ew \"example\")]", true),
        ("userName eq \"x\" or userName eq \"bob\" and active eq false", false),
        ("(userName eq \"x\" or userName eq \"bob\") and active eq true", true),
        ("not (userName eq \"x\") and active eq true", true),
        // Not what (a or b) and c, a or (b and c), and not (a and b) would give.
        ("userName eq \"bob\" or userName eq \"x\" and active eq false", true),
        ("(userName eq \"bob\" or userName eq \"x\") and active eq false", false),
        ("not (active eq false) and userName eq \"x\"", false),
        ("meta.created eq \"2026-01-31T13:00:00+01:00\"", true),
        ("meta.lastModified gt \"2026-02-01T12:00:00Z\"", true),
        ("meta.lastModified lt \"2026-02-01T12:00:00.5Z\"", false),
        ("meta.resourceType eq \"user\"", false),
        ("meta.version eq \"W/\\\"2\\\"\"", true),
        ("schemas eq \"urn:ietf:params:scim:schemas:core:2.0:User\"", true),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"bob\"", true),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq \"m-1\"", true),
        ("manager eq \"M-1\"", false),
        ("department co \"&\"", true),
        ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq \"r&d\"", true),
        ("userName gt \"bo\" and userName le \"BOB\"", true),
        ("userName co \"\"", true),
        ("userName eq\"bob\"", true),
        ("userName eq \"\\u0042ob\"", true),
        ("x509Certificates.value eq \"QUJD\"", true),
    ];
    for (text, expected) in table {
        let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.matches(user), expected, "{text}");
    }
}

/// Shows FLT-004, FLT-005, FLT-006, FLT-018, FLT-023, FLT-027, FLT-030, FLT-031, FLT-033, FLT-042,
/// FLT-043, FLT-046, USR-012, AMB-20, AMB-21, AMB-24, AMB-25, AMB-27.
#[test]
fn mistakes_have_a_position_and_a_reason() {
    let table = [
        ("", 1, "expected an attribute"),
        ("   ", 4, "expected an attribute"),
        ("userName", 9, "expected an operator"),
        ("userName eq", 12, "expected a value"),
        ("userName regex \"x\"", 10, "\"regex\" is not an operator"),
        ("userName eq x", 13, "text stands in double quotes"),
        ("userName eq 'x'", 13, "text stands in double quotes"),
        ("userName eq 5", 13, "can't be compared"),
        ("userName eq \"x", 13, "no closing quote"),
        ("userName eq \"\\q\"", 13, "not a valid JSON string"),
        ("userName eq \"x\" and", 20, "expected an attribute"),
        ("userName eq \"x\" userName pr", 17, "expected \"and\""),
        ("(userName pr", 13, "expected \")\""),
        ("userName pr)", 12, "expected \"and\""),
        ("not userName pr", 5, "in parentheses"),
        ("and", 1, "no attribute"),
        ("nope eq \"x\"", 1, "no attribute \"nope\""),
        ("userName.x eq \"a\"", 1, "no sub-attribute"),
        ("name eq \"x\"", 1, "is complex"),
        ("addresses eq \"x\"", 1, "is complex"),
        ("password eq \"x\"", 1, "can't be used in a filter"),
        ("active gt false", 11, "doesn't fit"),
        ("active co \"t\"", 11, "doesn't fit"),
        ("active eq \"yes\"", 11, "can't be compared"),
        ("x509Certificates.value lt \"a\"", 27, "doesn't fit"),
        ("meta.created co \"2026\"", 17, "doesn't fit"),
        ("meta.created gt \"yesterday\"", 17, "not a dateTime"),
        ("title gt null", 10, "doesn't fit"),
        ("emails[", 8, "expected an attribute"),
        ("emails[userName eq \"x\"]", 8, "no sub-attribute"),
        ("emails[type eq \"x\"", 19, "expected \"]\""),
        ("emails[type[value eq \"x\"]]", 12, "brackets don't nest"),
        ("userName[value eq \"x\"]", 9, "no elements"),
        ("urn:example:foreign:1.0:thing eq \"x\"", 1, "no attribute"),
    ];
    for (text, position, reason) in table {
        let error = with_type("User", |user| Filter::parse(text, user)).expect_err(text);
        assert!(error.message.contains(reason), "{text}: {error}");
        assert_eq!(error.position, position, "{text}: {error}");
    }
}

/// Shows FLT-047.
#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(64)).is_ok());
    assert!(parse(&nested(65)).is_err_and(|error| error.contains("deeper")));
    assert!(parse(&nested(4_000)).is_err());
    assert!(parse(&"not (".repeat(1_000)).is_err());
    let many = |terms: usize| vec!["id pr"; terms].join(" or ");
    assert!(parse(&many(900)).is_ok());
    assert!(parse(&many(1_025)).is_err());
    assert!(
        parse(&format!("userName eq \"{}\"", "x".repeat(9_000))).is_err_and(|error| error.contains("longer"))
    );
}

/// Shows FLT-041, SEC-014, AMB-07.
#[test]
fn text_is_prepared_before_it_is_compared() {
    // Decomposed, fullwidth, and with a letter whose folding is longer than it.
    let user = json!({"userName": "Zoe\u{308}", "title": "\u{ff21}da", "nickName": "Straße", "externalId": "Zoe\u{308}"});
    let user = user.as_object().expect("an object");
    for (text, expected) in [
        ("userName eq \"zo\u{eb}\"", true),
        ("userName sw \"ZO\u{cb}\"", true),
        ("userName eq \"zoe\"", false),
        ("title eq \"ada\"", true),
        ("title co \"\u{ff24}A\"", true),
        ("nickName eq \"STRASSE\"", true),
        ("nickName ew \"SSE\"", true),
        ("externalId eq \"Zo\u{eb}\"", true),
        ("externalId eq \"ZO\u{cb}\"", false),
    ] {
        let parsed = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(parsed.matches(user), expected, "{text}");
    }
}

/// Shows FLT-008, FLT-044.
#[test]
fn members_are_told_apart_letter_by_letter() {
    let group = json!({"displayName": "G", "members": [{"value": "Ab", "type": "User"}]});
    let group = group.as_object().expect("an object");
    for (text, expected) in [
        ("members eq \"Ab\"", true),
        ("members.value eq \"ab\"", false),
        ("members[value eq \"Ab\" and type eq \"user\"]", true),
    ] {
        let filter = with_type("Group", |group| Filter::parse(text, group)).expect("a filter");
        assert_eq!(filter.matches(group), expected, "{text}");
    }
}

#[test]
fn one_type_has_not_what_another_has() {
    assert!(with_type("Group", |group| Filter::parse("userName eq \"x\"", group)).is_err());
    assert!(with_type("Group", |group| Filter::parse("displayName eq \"x\"", group)).is_ok());
}
