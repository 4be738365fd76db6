//! Schemas and attribute characteristics as data (RFC 7643 §2.2 and §7).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The data type of an attribute (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    /// Unicode text.
    #[default]
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with an optional fraction.
    Decimal,
    /// A whole number.
    Integer,
    /// An xsd:dateTime.
    DateTime,
    /// Base64.
    Binary,
    /// A URI reference.
    Reference,
    /// A set of sub-attributes.
    Complex,
}

/// When a value may be written (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Only by the service provider.
    ReadOnly,
    /// At any time.
    #[default]
    ReadWrite,
    /// Once.
    Immutable,
    /// At any time, and never read back.
    WriteOnly,
}

/// When a value is in an answer (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In every answer.
    Always,
    /// In no answer.
    Never,
    /// Unless the client asks for something else.
    #[default]
    Default,
    /// Only when the client asks for it.
    Request,
}

/// How far a value has to be unique (RFC 7643 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Not at all.
    #[default]
    None,
    /// Within one source.
    Server,
    /// Everywhere.
    Global,
}

/// One attribute with its characteristics. Defaults are those of RFC 7643 §2.2.
#[expect(clippy::struct_excessive_bools, reason = "the RFC's characteristics are booleans")]
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// The name in its canonical letter case.
    pub name: String,
    /// The data type.
    #[serde(rename = "type", default)]
    pub attribute_type: AttributeType,
    /// Whether the value is a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// What the attribute means, for people.
    #[serde(default)]
    pub description: String,
    /// Whether a resource without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Suggested values; others are taken as well (AMB-02).
    #[serde(default)]
    pub canonical_values: Vec<String>,
    /// Whether letter case matters in comparisons.
    #[serde(default)]
    pub case_exact: bool,
    /// When it may be written.
    #[serde(default)]
    pub mutability: Mutability,
    /// When it is answered.
    #[serde(default)]
    pub returned: Returned,
    /// How far it is unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// For references: resource type names, `external` or `uri`.
    #[serde(default)]
    pub reference_types: Vec<String>,
    /// For complex attributes.
    #[serde(default)]
    pub sub_attributes: Vec<Arc<Attribute>>,
    /// Whether the value is the id of a resource, as in `members.value`; see [`complete`].
    #[serde(skip)]
    names_resource: bool,
}

impl Attribute {
    /// The sub-attribute of this name, in any letter case (RFC 7643 §2.1).
    pub fn sub_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// The sub-attributes that keep a value once they have one (RFC 7643 §7).
    pub(crate) fn immutable_parts(&self) -> impl Iterator<Item = &Arc<Attribute>> {
        self.sub_attributes.iter().filter(|sub| sub.mutability == Mutability::Immutable)
    }

    /// The attribute's name in place of one that a client gave it, in another letter case maybe.
    pub(crate) fn named(&self, name: String) -> String {
        if name == self.name { name } else { self.name.clone() }
    }

    /// Whether the attribute has sub-attributes.
    pub fn is_complex(&self) -> bool {
        self.attribute_type == AttributeType::Complex
    }

    /// The sub-attribute `value`, which stands for the whole where a client names a complex
    /// attribute in a comparison or gives a plain value for it.
    pub fn value_attribute(&self) -> Option<&Arc<Attribute>> {
        self.sub_attribute("value")
    }

    /// Whether its values name other SCIM resources: it has a `$ref` to a resource type.
    pub fn refers_to_resources(&self) -> bool {
        self.sub_attribute("$ref").is_some_and(|reference| {
            reference.reference_types.iter().any(|name| name != "external" && name != "uri")
        })
    }

    /// Whether values are compared letter by letter. `caseExact` says so for text; ids of resources
    /// are case-exact wherever they stand (RFC 7643 §3.1; erratum 8472 says it for
    /// `manager.value`), and so is all that is not text (§2.3.6, §2.3.7).
    pub fn compares_exactly(&self) -> bool {
        self.case_exact || self.names_resource || self.attribute_type != AttributeType::String
    }

    /// Whether a value is to be left out of every answer.
    pub fn is_never_returned(&self) -> bool {
        self.returned == Returned::Never || self.mutability == Mutability::WriteOnly
    }
}

impl Serialize for Attribute {
    /// The JSON of RFC 7643 §7. Complex attributes have neither `caseExact` nor `uniqueness`
    /// (erratum 6004); `caseExact` is written where letters can have case.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("type", &self.attribute_type)?;
        map.serialize_entry("multiValued", &self.multi_valued)?;
        map.serialize_entry("description", &self.description)?;
        map.serialize_entry("required", &self.required)?;
        if !self.canonical_values.is_empty() {
            map.serialize_entry("canonicalValues", &self.canonical_values)?;
        }
        if !self.is_complex() {
            map.serialize_entry("caseExact", &self.case_exact)?;
        }
        map.serialize_entry("mutability", &self.mutability)?;
        map.serialize_entry("returned", &self.returned)?;
        if !self.is_complex() {
            map.serialize_entry("uniqueness", &self.uniqueness)?;
        }
        if !self.reference_types.is_empty() {
            map.serialize_entry("referenceTypes", &self.reference_types)?;
        }
        if self.is_complex() {
            map.serialize_entry("subAttributes", &self.sub_attributes)?;
        }
        map.end()
    }
}

/// A named set of attributes (RFC 7643 §7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// The URN.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its attributes.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// Reads a schema from its JSON.
    ///
    /// # Errors
    /// The text is not the JSON of a schema.
    pub fn read(text: &str) -> serde_json::Result<Self> {
        let mut schema: Self = serde_json::from_str(text)?;
        schema.attributes.iter_mut().for_each(complete);
        Ok(schema)
    }

    /// The attribute of this name, in any letter case (RFC 7643 §2.1).
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// Finds out which of an attribute's values are ids of resources, and gives a list of complex values
/// without sub-attributes the default set (RFC 7643 §2.4).
pub(crate) fn complete(attribute: &mut Arc<Attribute>) {
    if attribute.is_complex() && attribute.multi_valued && attribute.sub_attributes.is_empty() {
        let sub = |name: &str, attribute_type| {
            let case_exact = attribute_type == AttributeType::Reference;
            Arc::new(Attribute { name: name.to_owned(), attribute_type, case_exact, ..Attribute::default() })
        };
        Arc::make_mut(attribute).sub_attributes = vec![
            sub("value", AttributeType::String),
            sub("display", AttributeType::String),
            sub("type", AttributeType::String),
            sub("primary", AttributeType::Boolean),
            sub("$ref", AttributeType::Reference),
        ];
    }
    if attribute.refers_to_resources() {
        let subs = &mut Arc::make_mut(attribute).sub_attributes;
        if let Some(value) = subs.iter_mut().find(|sub| sub.name == "value") {
            Arc::make_mut(value).names_resource = true;
        }
    }
}
