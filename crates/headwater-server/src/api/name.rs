//! Names for people, as inputs.

use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A name: 1 to 200 characters, no control characters, not only blanks. It is checked where it is
/// used; this says so in the document.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Name(pub(super) String);

/// What the C0 and C1 control characters are left out by, in the dialect of ECMA-262.
const PATTERN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f][^\\u0000-\\u001f\\u007f-\\u009f]*$";

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(200))
            .pattern(Some(PATTERN))
            .into()
    }
}

impl ToSchema for Name {
    fn name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }
}
