//! Schemas and resource types that a source adds, read from the JSON of RFC 7643 §6 and §7 and
//! checked.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Object,
    path::{is_name, is_urn},
    resource::MESSAGES,
    schema::{Attribute, AttributeType, Mutability, Schema, complete},
};

/// The most schemas that a source may add to.
pub const MAX_SCHEMAS: usize = 50;
/// The most resource types that a source may add to.
pub const MAX_RESOURCE_TYPES: usize = 20;
/// The most attributes that a schema may have, and the most sub-attributes of one of them.
pub const MAX_ATTRIBUTES: usize = 300;
/// The longest name, URN or endpoint, in bytes.
const MAX_NAME: usize = 200;
/// What an attribute may say of itself (RFC 7643 §7).
const CHARACTERISTICS: [&str; 12] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
    "subAttributes",
];
/// The longest description, in bytes.
const MAX_DESCRIPTION: usize = 2_000;

/// What is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct DefinitionError {
    /// Where: the path of a member, such as `attributes[2].type`.
    pub at: String,
    /// What, for people.
    pub message: String,
}

impl DefinitionError {
    pub(crate) fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into() }
    }
}

/// A resource type as a source defines it (RFC 7643 §6). Under the name of a type that is there
/// already, it adds to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceTypeDefinition {
    /// The name; case-exact.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The path below the base URL, with its leading slash.
    pub endpoint: String,
    /// The URN of the base schema.
    pub schema: String,
    /// The extensions: their URNs, and whether a resource without it is refused.
    pub extensions: Vec<(String, bool)>,
    /// Further paths whose values are to be found by an index, such as `addresses.locality`.
    pub searchable: Vec<String>,
}

/// Reads a schema from the JSON of RFC 7643 §7. Under the URN of a schema that is there already, its
/// attributes are added to it.
///
/// # Errors
/// What is not a schema: a name outside of RFC 7643 §2.1, an unknown data type (§2.3), a complex
/// attribute in another one (§2.3.8), sub-attributes of a simple one, a name that is used twice,
/// `uniqueness` where it can't be kept, or one of the bounds of this module.
pub fn read_schema(json: &Value) -> Result<Schema, DefinitionError> {
    let object = json.as_object().ok_or_else(|| DefinitionError::new("schema", "expected an object"))?;
    only_known(object, "", &["schemas", "id", "name", "description", "attributes", "meta"])?;
    let id = text(object, "id")?.ok_or_else(|| DefinitionError::new("id", "a URN is required"))?;
    if !is_urn(&id) || id.len() > MAX_NAME {
        return Err(DefinitionError::new(
            "id",
            format!("{id:?} is not a URN such as urn:example:scim:schemas:2.0:Badge"),
        ));
    }
    if id.get(..MESSAGES.len()).is_some_and(|start| start.eq_ignore_ascii_case(MESSAGES)) {
        return Err(DefinitionError::new("id", format!("{MESSAGES} is for messages (RFC 7644 §8.2)")));
    }
    let name = match text(object, "name")? {
        Some(name) => name,
        None => id.rsplit(':').next().unwrap_or(&id).to_owned(),
    };
    let description = text(object, "description")?.unwrap_or_default();
    let attributes = match object.get("attributes") {
        Some(Value::Array(attributes)) if !attributes.is_empty() => attributes,
        _ => return Err(DefinitionError::new("attributes", "expected a list of one or more attributes")),
    };
    let attributes = read_attributes(attributes, "attributes", false)?;
    Ok(Schema { id, name, description, attributes })
}

fn read_attributes(list: &[Value], at: &str, inside: bool) -> Result<Vec<Arc<Attribute>>, DefinitionError> {
    if list.len() > MAX_ATTRIBUTES {
        return Err(DefinitionError::new(at, format!("at most {MAX_ATTRIBUTES} may be")));
    }
    let mut attributes: Vec<Arc<Attribute>> = Vec::with_capacity(list.len());
    for (position, json) in list.iter().enumerate() {
        let at = format!("{at}[{position}]");
        let attribute = read_attribute(json, &at, inside)?;
        if attributes.iter().any(|known| known.name.eq_ignore_ascii_case(&attribute.name)) {
            return Err(DefinitionError::new(
                format!("{at}.name"),
                format!("{:?} occurs twice", attribute.name),
            ));
        }
        attributes.push(attribute);
    }
    Ok(attributes)
}

fn read_attribute(json: &Value, at: &str, inside: bool) -> Result<Arc<Attribute>, DefinitionError> {
    let wrong = |member: &str, message: String| Err(DefinitionError::new(format!("{at}.{member}"), message));
    let Value::Object(object) = json else { return Err(DefinitionError::new(at, "expected an object")) };
    only_known(object, at, &CHARACTERISTICS)?;
    let mut shallow = object.clone();
    let subs = shallow.shift_remove("subAttributes");
    let mut attribute: Attribute = serde_json::from_value(Value::Object(shallow))
        .map_err(|error| DefinitionError::new(at, error.to_string()))?;
    // RFC 7643 §2.1; `$ref` is a name for sub-attributes alone.
    let named =
        is_name(&attribute.name) && (!attribute.name.starts_with('$') || inside && attribute.name == "$ref");
    if !named || attribute.name.len() > MAX_NAME {
        return wrong(
            "name",
            format!("{:?} is not a name: a letter, then letters, digits, - and _", attribute.name),
        );
    }
    if attribute.description.len() > MAX_DESCRIPTION {
        return wrong("description", format!("it is longer than {MAX_DESCRIPTION} bytes"));
    }
    let reserved = ["id", "externalId", "meta", "schemas"];
    if !inside && reserved.iter().any(|name| name.eq_ignore_ascii_case(&attribute.name)) {
        return wrong(
            "name",
            format!("{} is an attribute of every resource (RFC 7643 §3.1)", attribute.name),
        );
    }
    match subs {
        None | Some(Value::Null) => {}
        Some(Value::Array(subs)) if subs.is_empty() => {}
        Some(_) if !attribute.is_complex() => {
            return wrong("subAttributes", "only a complex attribute has them (RFC 7643 §2.3.8)".to_owned());
        }
        Some(Value::Array(subs)) => {
            attribute.sub_attributes = read_attributes(&subs, &format!("{at}.subAttributes"), true)?;
        }
        Some(_) => return wrong("subAttributes", "expected a list".to_owned()),
    }
    if attribute.is_complex() {
        if inside {
            return wrong("type", "a sub-attribute can't be complex (RFC 7643 §2.3.8)".to_owned());
        }
        if attribute.sub_attributes.is_empty() && !attribute.multi_valued {
            return wrong("subAttributes", "a complex attribute needs some".to_owned());
        }
    }
    if attribute.uniqueness != crate::schema::Uniqueness::None
        && matches!(attribute.attribute_type, AttributeType::Complex | AttributeType::Binary)
    {
        let why = "complex and binary attributes can't be unique (RFC 7643 §2.3.6, §2.3.8)";
        return wrong("uniqueness", why.to_owned());
    }
    if attribute.mutability == Mutability::WriteOnly {
        return wrong("mutability", "secrets can't be added: nothing would keep them".to_owned());
    }
    if attribute.required && attribute.mutability == Mutability::ReadOnly {
        return wrong("required", "nobody could give it a value: it is readOnly".to_owned());
    }
    // RFC 7643 §2.3.6, §2.3.7: these are case-exact whatever the definition says.
    if matches!(attribute.attribute_type, AttributeType::Binary | AttributeType::Reference) {
        attribute.case_exact = true;
    }
    let mut attribute = Arc::new(attribute);
    complete(&mut attribute);
    Ok(attribute)
}

/// Reads a resource type from the JSON of RFC 7643 §6.
///
/// # Errors
/// A member is missing, has the wrong type or form, or the endpoint is one of the protocol's own.
pub fn read_resource_type(json: &Value) -> Result<ResourceTypeDefinition, DefinitionError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Definition {
        name: String,
        #[serde(default)]
        description: String,
        #[serde(default)]
        endpoint: String,
        #[serde(default)]
        schema: String,
        #[serde(default)]
        schema_extensions: Vec<Extension>,
        #[serde(default)]
        searchable: Vec<String>,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Extension {
        schema: String,
        #[serde(default)]
        required: bool,
    }
    let members = [
        "schemas",
        "id",
        "meta",
        "name",
        "description",
        "endpoint",
        "schema",
        "schemaExtensions",
        "searchable",
    ];
    if let Some(object) = json.as_object() {
        only_known(object, "", &members)?;
        if object.get("id").is_some_and(|id| !id.is_null() && Some(id) != object.get("name")) {
            return Err(DefinitionError::new("id", "it is the name, where it is given"));
        }
    }
    let read: Definition = serde_json::from_value(json.clone())
        .map_err(|error| DefinitionError::new("resource type", error.to_string()))?;
    if !is_name(&read.name) || read.name.len() > MAX_NAME {
        return Err(DefinitionError::new(
            "name",
            format!("{:?} is not a name: a letter, then letters, digits, - and _", read.name),
        ));
    }
    if read.description.len() > MAX_DESCRIPTION {
        return Err(DefinitionError::new(
            "description",
            format!("it is longer than {MAX_DESCRIPTION} bytes"),
        ));
    }
    if read.schema_extensions.len() > MAX_SCHEMAS || read.searchable.len() > MAX_ATTRIBUTES {
        return Err(DefinitionError::new("schemaExtensions", "there are too many"));
    }
    Ok(ResourceTypeDefinition {
        name: read.name,
        description: read.description,
        endpoint: read.endpoint,
        schema: read.schema,
        extensions: read.schema_extensions.into_iter().map(|one| (one.schema, one.required)).collect(),
        searchable: read.searchable,
    })
}

impl ResourceTypeDefinition {
    /// The JSON that it is read from.
    pub fn to_json(&self) -> Value {
        let extensions: Vec<Value> = self
            .extensions
            .iter()
            .map(|(schema, required)| json!({"schema": schema, "required": required}))
            .collect();
        json!({
            "name": self.name,
            "description": self.description,
            "endpoint": self.endpoint,
            "schema": self.schema,
            "schemaExtensions": extensions,
            "searchable": self.searchable,
        })
    }

    /// Whether its endpoint can be one: a slash and one segment that the protocol doesn't use.
    pub(crate) fn check_endpoint(&self) -> Result<(), DefinitionError> {
        let segment = self.endpoint.strip_prefix('/').unwrap_or_default();
        let taken = ["Users", "Groups", "Me", "Bulk", "Schemas", "ResourceTypes", "ServiceProviderConfig"];
        if !is_name(segment) || segment.starts_with('$') || self.endpoint.len() > MAX_NAME {
            let message = format!("{:?} is not an endpoint such as /Devices", self.endpoint);
            return Err(DefinitionError::new("endpoint", message));
        }
        if taken.iter().any(|name| name.eq_ignore_ascii_case(segment)) {
            return Err(DefinitionError::new(
                "endpoint",
                format!("{} is taken by the protocol", self.endpoint),
            ));
        }
        Ok(())
    }
}

/// A member that nobody reads is most likely one that is misspelt: its default would be taken instead.
fn only_known(object: &Object, at: &str, known: &[&str]) -> Result<(), DefinitionError> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let dot = if at.is_empty() { "" } else { "." };
            Err(DefinitionError::new(format!("{at}{dot}{name}"), "there is no such member"))
        }
    }
}

fn text(object: &Object, name: &str) -> Result<Option<String>, DefinitionError> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_DESCRIPTION => Ok(Some(text.clone())),
        Some(Value::String(_)) => {
            Err(DefinitionError::new(name, format!("it is longer than {MAX_DESCRIPTION} bytes")))
        }
        Some(_) => Err(DefinitionError::new(name, "expected text")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{read_resource_type, read_schema};

    #[expect(clippy::needless_pass_by_value, reason = "it is written in place")]
    fn with(attribute: Value) -> Value {
        json!({"id": "urn:example:2.0:Badge", "attributes": [attribute]})
    }

    /// Shows SCH-001, SCH-005, SCH-018.
    #[test]
    fn what_is_no_schema_is_refused_where_it_is_wrong() {
        let table = [
            (json!({"attributes": []}), "id"),
            (json!({"id": "badge", "attributes": [{"name": "a"}]}), "id"),
            (json!({"id": "urn:example:2.0:Badge"}), "attributes"),
            (json!({"id": "urn:example:2.0:Badge", "attributes": []}), "attributes"),
            (
                json!({"id": "urn:ietf:params:scim:api:messages:2.0:Error", "attributes": [{"name": "a"}]}),
                "id",
            ),
            (json!({"id": "urn:example:2.0:Badge", "attribute": [{"name": "a"}]}), "attribute"),
            (with(json!({"name": "a", "multivalued": true})), "attributes[0].multivalued"),
            (with(json!({"name": "1x"})), "attributes[0].name"),
            (with(json!({"name": "a.b"})), "attributes[0].name"),
            (with(json!({"name": "$ref"})), "attributes[0].name"),
            (with(json!({"name": "Meta"})), "attributes[0].name"),
            (with(json!({"name": "a", "type": "date"})), "attributes[0]"),
            (with(json!({"type": "string"})), "attributes[0]"),
            (with(json!({"name": "a", "subAttributes": [{"name": "b"}]})), "attributes[0].subAttributes"),
            (with(json!({"name": "a", "type": "complex"})), "attributes[0].subAttributes"),
            (
                with(
                    json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b", "type": "complex"}]}),
                ),
                "attributes[0].subAttributes[0].type",
            ),
            (
                with(
                    json!({"name": "a", "type": "complex", "subAttributes": [{"name": "b"}, {"name": "B"}]}),
                ),
                "attributes[0].subAttributes[1].name",
            ),
            (
                with(json!({"name": "a", "type": "binary", "uniqueness": "server"})),
                "attributes[0].uniqueness",
            ),
            (
                with(json!({"name": "a", "required": true, "mutability": "readOnly"})),
                "attributes[0].required",
            ),
        ];
        for (definition, at) in table {
            let error = read_schema(&definition).expect_err(at);
            assert_eq!(error.at, at, "{definition}: {error}");
        }
    }

    /// Shows SCH-004, SCH-022.
    #[test]
    fn what_a_definition_leaves_out_has_the_defaults_of_the_rfc() {
        let schema = read_schema(&with(json!({"name": "tags", "type": "complex", "multiValued": true})))
            .expect("a schema");
        assert_eq!(schema.name, "Badge");
        let names: Vec<&str> =
            schema.attributes[0].sub_attributes.iter().map(|sub| sub.name.as_str()).collect();
        assert_eq!(names, ["value", "display", "type", "primary", "$ref"]);
        let schema = read_schema(&with(json!({"name": "a"}))).expect("a schema");
        let written = serde_json::to_value(&*schema.attributes[0]).expect("JSON");
        let expected = json!({
            "name": "a", "type": "string", "multiValued": false, "description": "", "required": false,
            "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": "none"
        });
        assert_eq!(written, expected);
    }

    #[test]
    fn a_resource_type_needs_a_name() {
        assert!(read_resource_type(&json!({"endpoint": "/Devices"})).is_err());
        assert!(read_resource_type(&json!({"name": "a b"})).is_err());
        assert!(read_resource_type(&json!({"name": "a", "id": "b"})).is_err());
        assert!(read_resource_type(&json!({"name": "a", "endpiont": "/Devices"})).is_err());
        let read =
            read_resource_type(&json!({"name": "Device", "schemaExtensions": [{"schema": "urn:x:y"}]}));
        assert_eq!(read.expect("a type").extensions, [("urn:x:y".to_owned(), false)]);
    }
}
