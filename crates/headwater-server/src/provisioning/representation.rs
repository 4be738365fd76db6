//! Answers: stored resources with what the server adds, in the projection that was asked for.
//!
//! A document that is answered whole is copied as it is, without being parsed; members beyond the
//! first page are read while the answer is being sent.

use std::{collections::HashMap, fmt::Write, sync::Arc};

use headwater_scim::{
    Object, date_time, message, projection::Projection, registry::Registry, resource,
    resource_type::ResourceType, schema::Attribute,
};
use headwater_store::{MemberId, Named, Related, ResourceId, StoreError, StoredResource, places};
use serde_json::{Value, json};

use super::plan;

/// The body of an answer, in order.
#[derive(Debug)]
pub enum Segment {
    /// JSON text.
    Text(String),
    /// The members of a group that come after one.
    Members {
        /// Whether elements stand before it, so that the first one needs a comma.
        continued: bool,
        /// The group.
        group: ResourceId,
        /// The last member before.
        after: MemberId,
        /// What of each is shown.
        elements: Elements,
    },
}

/// An answer that carries resources.
#[derive(Debug)]
pub struct Answer {
    /// The body.
    pub segments: Vec<Segment>,
    /// The version of the resource; empty for a list.
    pub version: String,
    /// The URI of the resource; empty for a list.
    pub location: String,
    /// The place of a large one, which it keeps until it is written.
    pub place: Option<places::Place>,
}

impl Answer {
    /// How long it is without what is still to be read, in bytes.
    pub(super) fn length(&self) -> usize {
        let length = |segment: &Segment| match segment {
            Segment::Text(text) => text.len(),
            Segment::Members { .. } => 0,
        };
        self.segments.iter().map(length).sum()
    }
}

/// What resources are called.
pub type Names = HashMap<ResourceId, Named>;

/// A resource on its way into an answer.
pub struct Shape<'a> {
    /// Its type.
    pub resource_type: &'a Arc<ResourceType>,
    /// The resource.
    pub stored: StoredResource,
    /// What of it is wanted.
    pub projection: &'a Projection,
    /// What the resources are called that it refers to, and maybe others.
    pub names: &'a Names,
    /// The types of the source.
    pub registry: &'a Arc<Registry>,
    /// The base URL of the source.
    pub base_url: &'a str,
}

/// Which sub-attributes are shown of the elements of a relation, and what their URLs start with.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "one for each sub-attribute that may be shown")]
pub struct Elements {
    registry: Arc<Registry>,
    base_url: String,
    value: bool,
    reference: bool,
    kind: bool,
    display: bool,
    inverse: bool,
}

impl Elements {
    fn new(shape: &Shape<'_>, attribute: &Attribute, inverse: bool) -> Self {
        let shown = |name: &str| shape.projection.includes_sub_attribute(attribute, name);
        Self {
            registry: Arc::clone(shape.registry),
            base_url: shape.base_url.to_owned(),
            value: shown("value"),
            reference: shown("$ref"),
            kind: shown("type"),
            display: shown("display"),
            inverse,
        }
    }

    /// Writes elements, each with a comma before it; those of which nothing is shown are left out.
    pub fn write(&self, out: &mut String, related: &[Related]) {
        for one in related {
            self.write_one(out, one);
        }
    }

    /// `display` is what the other side is called now, not what a client said (AMB-13).
    fn write_one(&self, out: &mut String, related: &Related) {
        let mut open = ",{";
        let mut member = |out: &mut String, name: &str, value: &str| {
            out.push_str(std::mem::replace(&mut open, ","));
            out.push('"');
            out.push_str(name);
            out.push_str("\":");
            write_text(out, value);
        };
        let id = related.id.to_text();
        if self.value {
            member(out, "value", &id);
        }
        if let Some(named) = &related.named {
            if self.reference
                && let Some(url) = location(&self.registry, &self.base_url, &named.resource_type, &id)
            {
                member(out, "$ref", &url);
            }
            if self.kind {
                let kind = match (self.inverse, related.direct) {
                    (false, _) => &*named.resource_type,
                    (true, true) => "direct",
                    (true, false) => "indirect",
                };
                member(out, "type", kind);
            }
            if self.display
                && let Some(display) = &named.display
            {
                member(out, "display", display);
            }
        }
        if open == "," {
            out.push('}');
        }
    }
}

/// About how long it is what the server adds to a resource that is in no group.
const USUAL_ADDITIONS: usize = 400;

/// A single resource.
pub(super) fn single(shape: &Shape<'_>) -> Result<Answer, StoreError> {
    let version = version_tag(&shape.stored);
    let location = own_location(shape);
    let mut writer = Writer::default();
    writer.text.reserve(shape.stored.document.len() + USUAL_ADDITIONS);
    writer.resource(shape)?;
    Ok(Answer { segments: writer.finish(), version, location, place: None })
}

/// What a list says of itself.
pub(super) struct ListHead {
    /// How many there are in all.
    pub(super) total: u64,
    /// The position of the first, where it is paged by index.
    pub(super) start_index: Option<u64>,
    /// The cursor of the next page, and of the one before (RFC 9865 §2.1).
    pub(super) next: Option<String>,
    pub(super) previous: Option<String>,
}

/// A ListResponse (RFC 7644 §3.4.2); `Resources` is always there (AMB-17).
pub(super) fn list(head: &ListHead, shapes: &[Shape<'_>]) -> Result<Answer, StoreError> {
    let mut writer = Writer::default();
    let items = shapes.len();
    // Writing to a String does not fail.
    let _ = write!(
        writer.text,
        "{{\"schemas\":[\"{}\"],\"totalResults\":{},\"itemsPerPage\":{items}",
        message::LIST_RESPONSE,
        head.total
    );
    if let Some(start_index) = head.start_index {
        let _ = write!(writer.text, ",\"startIndex\":{start_index}");
    }
    for (name, cursor) in [("previousCursor", &head.previous), ("nextCursor", &head.next)] {
        if let Some(cursor) = cursor {
            let _ = write!(writer.text, ",\"{name}\":\"{cursor}\"");
        }
    }
    writer.text.push_str(",\"Resources\":[");
    for (position, shape) in shapes.iter().enumerate() {
        if position > 0 {
            writer.text.push(',');
        }
        writer.resource(shape)?;
    }
    writer.text.push_str("]}");
    Ok(Answer { segments: writer.finish(), version: String::new(), location: String::new(), place: None })
}

#[derive(Default)]
struct Writer {
    done: Vec<Segment>,
    text: String,
}

impl Writer {
    fn finish(mut self) -> Vec<Segment> {
        self.done.push(Segment::Text(self.text));
        self.done
    }

    fn resource(&mut self, shape: &Shape<'_>) -> Result<(), StoreError> {
        let Shape { resource_type, stored, projection, .. } = shape;
        let whole = !stored.has_references && projection.keeps_document(resource_type);
        if whole {
            let open = stored.document.strip_suffix('}');
            let open =
                open.ok_or_else(|| StoreError::Damaged(format!("the document of {} has no end", stored.id)))?;
            self.text.push_str(open);
        } else {
            let shaped = Value::Object(shaped(shape)?).to_string();
            // `schemas` and `id` are always returned, so that the object is not empty.
            self.text.push_str(&shaped[..shaped.len() - 1]);
        }
        self.groups(shape);
        self.members(shape);
        if whole {
            self.meta(shape);
        }
        self.text.push('}');
        Ok(())
    }

    fn groups(&mut self, shape: &Shape<'_>) {
        let Some(attribute) = shape.resource_type.inverse() else { return };
        let Some(groups) = shape.stored.groups.as_ref().filter(|groups| !groups.is_empty()) else { return };
        if shape.projection.includes(attribute) {
            let elements = Elements::new(shape, attribute, true);
            self.list(attribute, &elements, groups);
        }
    }

    fn members(&mut self, shape: &Shape<'_>) {
        let Some(attribute) = shape.resource_type.relation() else { return };
        let Some(page) = shape.stored.members.as_ref() else { return };
        let Some(last) = page.members.last() else { return };
        if !shape.projection.includes(attribute) {
            return;
        }
        let elements = Elements::new(shape, attribute, false);
        let written = self.list(attribute, &elements, &page.members);
        if !page.more {
            return;
        }
        if written {
            self.text.pop(); // the bracket: the list goes on
        } else {
            // Nothing is shown of these; it may be of those to come.
            self.open(attribute);
        }
        self.done.push(Segment::Text(std::mem::take(&mut self.text)));
        let (group, after) = (shape.stored.id, last.id.clone());
        self.done.push(Segment::Members { continued: written, group, after, elements });
        self.text.push(']');
    }

    fn open(&mut self, attribute: &Attribute) {
        self.text.push_str(",\"");
        self.text.push_str(&attribute.name);
        self.text.push_str("\":[");
    }

    /// Writes an attribute and its elements, unless nothing is shown of any; says whether it did.
    fn list(&mut self, attribute: &Attribute, elements: &Elements, related: &[Related]) -> bool {
        let mut written = String::new();
        elements.write(&mut written, related);
        let Some(written) = written.strip_prefix(',') else { return false };
        self.open(attribute);
        self.text.push_str(written);
        self.text.push(']');
        true
    }

    fn meta(&mut self, shape: &Shape<'_>) {
        let stored = &shape.stored;
        let created = date_time::format_millis(stored.created);
        let last_modified = if stored.last_modified == stored.created {
            created.clone()
        } else {
            date_time::format_millis(stored.last_modified)
        };
        let members = [
            (",\"meta\":{\"resourceType\":", &*shape.resource_type.name),
            (",\"created\":", &created),
            (",\"lastModified\":", &last_modified),
            (",\"location\":", &own_location(shape)),
            (",\"version\":", &version_tag(stored)),
        ];
        for (name, value) in members {
            self.text.push_str(name);
            write_text(&mut self.text, value);
        }
        self.text.push('}');
    }
}

/// A resource without its relations, in its projection.
fn shaped(shape: &Shape<'_>) -> Result<Object, StoreError> {
    let mut resource = plan::parsed(&shape.stored)?;
    for path in shape.resource_type.references() {
        let id = path.values(&resource).filter_map(Value::as_str).find_map(ResourceId::parse);
        let named = id.and_then(|id| shape.names.get(&id));
        if let Some(named) = named {
            let url = location(shape.registry, shape.base_url, &named.resource_type, &named.id.to_string());
            resource::complete_reference(&mut resource, path, url, named.display.as_deref());
        }
    }
    resource.insert("meta".to_owned(), meta(shape.resource_type, &shape.stored, shape.base_url));
    shape.projection.apply(&mut resource, shape.resource_type);
    Ok(resource)
}

/// The readOnly attributes of a resource as a PATCH may name them.
pub(super) fn server_side(resource_type: &ResourceType, stored: &StoredResource, base_url: &str) -> Object {
    let mut values = Object::new();
    values.insert("id".to_owned(), stored.id.to_string().into());
    values.insert("meta".to_owned(), meta(resource_type, stored, base_url));
    if let (Some(inverse), Some(groups)) =
        (resource_type.inverse(), stored.groups.as_ref().filter(|groups| !groups.is_empty()))
    {
        let ids = groups.iter().map(|group| json!({"value": group.id.to_text()})).collect();
        values.insert(inverse.name.clone(), Value::Array(ids));
    }
    values
}

fn meta(resource_type: &ResourceType, stored: &StoredResource, base_url: &str) -> Value {
    json!({
        "resourceType": *resource_type.name,
        "created": date_time::format_millis(stored.created),
        "lastModified": date_time::format_millis(stored.last_modified),
        "location": format!("{base_url}{}/{}", resource_type.endpoint, stored.id),
        "version": version_tag(stored),
    })
}

/// The version as `meta.version` and ETag show it: weak (RFC 7644 §3.14). The number is the
/// resource's own; a user who is in groups has a mark of these behind it, so that no 304 hides a
/// change of groups (AMB-51).
pub(super) fn version_tag(stored: &StoredResource) -> String {
    match stored.groups.as_deref() {
        None | Some([]) => format!("W/\"{}\"", stored.version),
        Some(groups) => format!("W/\"{}-{:016x}\"", stored.version, mark(groups)),
    }
}

/// FNV-1a over what an answer shows of the groups.
fn mark(groups: &[Related]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes.iter().chain(&[0xff]) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for group in groups {
        feed(group.id.to_text().as_bytes());
        feed(&[u8::from(group.direct)]);
        feed(group.named.as_ref().and_then(|named| named.display.as_deref()).unwrap_or_default().as_bytes());
    }
    hash
}

fn own_location(shape: &Shape<'_>) -> String {
    let mut id = [0; uuid::fmt::Hyphenated::LENGTH];
    let id = shape.stored.id.0.hyphenated().encode_lower(&mut id);
    [shape.base_url, &shape.resource_type.endpoint, "/", id].concat()
}

fn location(registry: &Registry, base_url: &str, resource_type: &str, id: &str) -> Option<String> {
    let resource_type = registry.resource_type(resource_type)?;
    Some(format!("{base_url}{}/{id}", resource_type.endpoint))
}

fn write_text(out: &mut String, text: &str) {
    let plain = !text.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\'));
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}
