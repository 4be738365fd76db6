//! Schemas and resource types as JSON, in the names of RFC 7643 §6 and §7: what they look like, for the
//! document. They are read and checked by `headwater_scim::definition`.

use headwater_scim::definition::MAX_ATTRIBUTES;
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema,
        schema::{AdditionalProperties, SchemaType, Type},
    },
};

/// A schema (RFC 7643 §7).
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct SchemaDefinition(pub(super) Value);

/// An attribute of a schema (RFC 7643 §7).
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct AttributeDefinition(pub(super) Value);

/// A resource type (RFC 7643 §6) with the paths that are searchable in it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct TypeDefinition(pub(super) Value);

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

/// Null is as good as leaving it out.
fn text_or_null(description: &str) -> ObjectBuilder {
    text(description).schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

fn anything(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(description))
}

fn yes_or_no(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean).description(Some(description))
}

fn one_of(names: &[&str], description: &str) -> ObjectBuilder {
    text(description).enum_values(Some(names.iter().copied()))
}

fn texts(description: &str) -> ArrayBuilder {
    ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::String)).description(Some(description))
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

/// What definitions may have beside what is read, as resources of discovery do.
fn of_resource(object: ObjectBuilder) -> ObjectBuilder {
    object
        .property("schemas", anything("Passed over."))
        .property("meta", anything("Passed over."))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

impl PartialSchema for SchemaDefinition {
    fn schema() -> RefOr<Schema> {
        let attributes = ArrayBuilder::new()
            .items(reference("AttributeDefinition"))
            .min_items(Some(1))
            .max_items(Some(MAX_ATTRIBUTES));
        of_resource(ObjectBuilder::new())
            .description(Some("A schema (RFC 7643 §7)."))
            .property(
                "id",
                text_or_null("Its URN, such as urn:example:scim:schemas:2.0:Badge.").max_length(Some(200)),
            )
            .property("name", text_or_null("Its name for people."))
            .property("description", text_or_null("What it is for."))
            .property("attributes", attributes)
            .required("attributes")
            .into()
    }
}

impl ToSchema for SchemaDefinition {
    fn name() -> std::borrow::Cow<'static, str> {
        "SchemaDefinition".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("AttributeDefinition".to_owned(), AttributeDefinition::schema()));
    }
}

impl PartialSchema for AttributeDefinition {
    fn schema() -> RefOr<Schema> {
        let types = ["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"];
        ObjectBuilder::new()
            .description(Some(
                "An attribute of a schema (RFC 7643 §7); what is left out has the defaults of §2.2.",
            ))
            .property(
                "name",
                text("Its name: a letter, then letters, digits, - and _.").max_length(Some(200)),
            )
            .property("type", one_of(&types, "The data type; string where it is left out."))
            .property("multiValued", yes_or_no("Whether the value is a list."))
            .property("description", text("What it means, for people."))
            .property("required", yes_or_no("Whether a resource without it is refused."))
            .property("canonicalValues", texts("Suggested values; others are taken as well."))
            .property("caseExact", yes_or_no("Whether letter case matters in comparisons."))
            .property(
                "mutability",
                one_of(
                    &["readOnly", "readWrite", "immutable", "writeOnly"],
                    "When it may be written. What is added can't be writeOnly.",
                ),
            )
            .property("returned", one_of(&["always", "never", "default", "request"], "When it is answered."))
            .property("uniqueness", one_of(&["none", "server", "global"], "How far it is unique."))
            .property("referenceTypes", texts("For references: names of resource types, external or uri."))
            .property(
                "subAttributes",
                ArrayBuilder::new()
                    .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
                    .items(reference("AttributeDefinition"))
                    .max_items(Some(MAX_ATTRIBUTES))
                    .description(Some("For complex attributes.")),
            )
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .required("name")
            .into()
    }
}

impl ToSchema for AttributeDefinition {
    fn name() -> std::borrow::Cow<'static, str> {
        "AttributeDefinition".into()
    }
}

impl PartialSchema for TypeDefinition {
    fn schema() -> RefOr<Schema> {
        let extension = ObjectBuilder::new()
            .property("schema", text("The URN of the extension."))
            .property("required", yes_or_no("Whether a resource without it is refused."))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .required("schema");
        of_resource(ObjectBuilder::new())
            .description(Some("A resource type (RFC 7643 §6) with the paths that are searchable in it."))
            .property("id", text_or_null("The name, where it is given."))
            .property("name", text("Its name, as in meta.resourceType.").max_length(Some(200)))
            .property("description", text("What it is for."))
            .property("endpoint", text("The path below the base URL, such as /Devices."))
            .property("schema", text("The URN of the base schema."))
            .property("schemaExtensions", ArrayBuilder::new().items(extension))
            .property(
                "searchable",
                texts("Paths that are to be found by an index, beside those that always are: addresses.locality."),
            )
            .into()
    }
}

impl ToSchema for TypeDefinition {
    fn name() -> std::borrow::Cow<'static, str> {
        "TypeDefinition".into()
    }
}
