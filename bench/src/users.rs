//! Users as an identity provider sends them: about a kilobyte each.

use std::ops::Range;

use serde_json::{Value, json};

use crate::Failure;

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

/// The body of a bulk request that makes users.
pub(crate) fn bulk(numbers: Range<usize>, unique: &str) -> String {
    let operations: Vec<String> = numbers
        .map(|number| {
            let data = body(number, unique);
            format!(r#"{{"method":"POST","path":"/Users","bulkId":"{number}","data":{data}}}"#)
        })
        .collect();
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{}]}}"#,
        operations.join(",")
    )
}

/// The ids of the users that a bulk request has made, which has to be all of them.
pub(crate) fn made(answer: &[u8]) -> Result<Vec<String>, Failure> {
    let answer: Value = serde_json::from_slice(answer)?;
    let operations =
        answer["Operations"].as_array().ok_or("the answer to a bulk request has no operations")?;
    let id = |operation: &Value| {
        let id = operation["location"].as_str()?.rsplit('/').next()?;
        (operation["status"] == "201").then(|| id.to_owned())
    };
    let ids: Option<Vec<String>> = operations.iter().map(id).collect();
    ids.ok_or_else(|| "not every operation of a bulk request was done".into())
}
