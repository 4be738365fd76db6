//! Users as an identity provider sends them: about a kilobyte each.

use serde_json::json;

/// The body of a POST. `unique` goes into every value that has to differ.
pub(crate) fn body(number: usize, unique: &str) -> String {
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": format!("ext-{unique}-{number}"),
        "userName": user_name(number, unique),
        "name": {"givenName": format!("Given{number}"), "familyName": format!("Family{number}"), "formatted": format!("Given{number} Family{number}")},
        "displayName": format!("Given{number} Family{number}"),
        "title": "Engineer",
        "preferredLanguage": "en-US",
        "active": true,
        "emails": [
            {"value": format!("{unique}.{number}@example.com"), "type": "work", "primary": true},
            {"value": format!("{unique}.{number}@home.example"), "type": "home"}
        ],
        "phoneNumbers": [{"value": "+1 555 0100", "type": "work"}],
        "addresses": [{"type": "work", "streetAddress": "1 Main Street", "locality": "Springfield", "postalCode": "12345", "country": "US"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": format!("{number}"), "department": "Research", "costCenter": "4711", "organization": "Example"
        }
    })
    .to_string()
}

/// The userName of such a user.
pub(crate) fn user_name(number: usize, unique: &str) -> String {
    format!("{unique}.{number}@example.com")
}
