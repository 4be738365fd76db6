//! The interoperability profile (draft-zollner-scim-interop-profile): a test for each of its
//! sentences that the protocol core keeps, named by the section it stands in.

mod applied;
mod discovered;
mod patch;
mod resource;

use headwater_scim::Object;
use serde_json::Value;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn object(value: &Value) -> Object {
    value.as_object().expect("an object").clone()
}

/// One operation of a PATCH.
fn operation(op: &str, path: &str, value: impl Into<Value>) -> Value {
    serde_json::json!({"op": op, "path": path, "value": value.into()})
}
