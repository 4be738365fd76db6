//! Resources as clients send them.

use headwater_scim::{deviation, registry::Registry, resource};
use serde_json::{Value, json};

#[test]
fn attributes_under_their_whole_urn_join_what_stands_in_their_place_in_any_order() {
    const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let members = [
        ("userName".to_owned(), json!("ada")),
        (format!("{USER}:name.givenName"), json!("Ada")),
        ("name".to_owned(), json!({"familyName": "L"})),
        (format!("{ENTERPRISE}:department"), json!("D")),
        (ENTERPRISE.to_owned(), json!({"division": "V"})),
        ("urn:example:foreign:1.0:a".to_owned(), json!(1)),
        ("urn:example:foreign:1.0".to_owned(), json!({"b": 2})),
    ];
    let expected = json!({
        "userName": "ada",
        "name": {"familyName": "L", "givenName": "Ada"},
        ENTERPRISE: {"division": "V", "department": "D"},
        "urn:example:foreign:1.0": {"b": 2, "a": 1},
        "active": true,
    });
    let registry = Registry::built_in();
    let user = registry.resource_type("User").expect("built in");
    for body in [members.iter().cloned().collect(), members.iter().rev().cloned().collect()] {
        let mended = deviation::mend_resource(body, user, &mut Vec::new());
        let draft = resource::read(mended, user).expect("a user");
        assert_eq!(Value::Object(draft.attributes), expected);
        assert_eq!(draft.ignored, Vec::<String>::new());
    }
}
