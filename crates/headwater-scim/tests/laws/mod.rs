//! What holds for any input.

use std::{collections::HashMap, sync::Arc};

use headwater_scim::{
    Object,
    bulk::{BulkRequest, TaskKind},
    definition, deviation,
    error::{ScimError, ScimType},
    filter::{self, Filter},
    index, json,
    patch::{self, Outcome, PatchRequest, Target},
    path::AttributePath,
    projection::Projection,
    registry::{Additions, Registry},
    resource::{self, Draft},
    resource_type::ResourceType,
};
use serde_json::{Value, json};

/// How long the detail of a refusal may be, in characters, the mark of what was cut off included.
const MAX_DETAIL: usize = 1_001;

fn types() -> [Arc<ResourceType>; 2] {
    let registry = Registry::built_in();
    ["User", "Group"].map(|name| Arc::clone(registry.resource_type(name).expect("built in")))
}

/// Resources that have a value in most attributes.
fn sample(resource_type: &ResourceType) -> Object {
    let sample = if &*resource_type.name == "User" {
        json!({
            "userName": "Ada", "externalId": "e", "displayName": "Ada L", "active": true, "title": "",
            "profileUrl": "http://x.example/", "name": {"givenName": "Ada", "familyName": "L"},
            "emails": [{"value": "w@x", "type": "work", "primary": true}, {"value": "h@x", "type": "home"}, {"display": "d"}],
            "addresses": [{"type": "work", "country": "UK"}],
            "x509Certificates": [{"value": "AA=="}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "D", "manager": {"value": "m"}},
            "urn:example:foreign:1.0": {"a": 1, "list": [1, 2]}
        })
    } else {
        json!({"displayName": "G", "externalId": "e"})
    };
    object(sample)
}

fn object(value: Value) -> Object {
    let Value::Object(object) = value else { unreachable!("it was written as an object") };
    object
}

/// What only the server says of a resource.
fn server_side(resource_type: &ResourceType) -> Object {
    object(json!({
        "id": "the-id",
        "meta": {"resourceType": resource_type.name.to_string(), "created": "2026-01-31T12:00:00Z", "version": "W/\"1\""},
        "groups": [{"value": "g", "type": "direct"}],
    }))
}

/// A refusal is one that can be answered.
fn is_refusal(error: &ScimError) {
    assert!(matches!(error.status, 400 | 413), "{error:?}");
    let body = error.to_json();
    let detail = body["detail"].as_str().expect("a detail");
    assert!(!detail.is_empty() && detail.chars().count() <= MAX_DETAIL, "{detail}");
}

pub(crate) fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for resource_type in types() {
        match Filter::parse(text, &resource_type) {
            Ok(filter) => filter_laws(&filter, &resource_type),
            Err(error) => {
                assert!((1..=text.len() + 1).contains(&error.position), "{error}");
                assert!(
                    text.is_char_boundary(error.position - 1) || text.len() > filter::MAX_LENGTH,
                    "{error}"
                );
                let error = ScimError::from(error);
                assert_eq!(error.scim_type, Some(ScimType::InvalidFilter));
                is_refusal(&error);
            }
        }
    }
}

fn filter_laws(filter: &Filter, resource_type: &ResourceType) {
    assert!(filter.terms() <= filter::MAX_TERMS + 1, "one more, where a sub-attribute follows the brackets");
    let printed = filter.to_string();
    match Filter::parse(&printed, resource_type) {
        Ok(again) => assert_eq!(&again, filter, "{printed}"),
        // URNs written out and `not` around brackets may lead beyond what is looked at.
        Err(error) => {
            let longer = ["longer", "deeper", "more than"].iter().any(|limit| error.message.contains(limit));
            assert!(longer, "{printed}: {error}");
        }
    }
    let mut resource = parsed(&resource::document(resource_type, "the-id", &sample(resource_type)));
    resource.extend(server_side(resource_type));
    let holds = filter.matches(&resource);
    assert_eq!(Filter::Not(Box::new(filter.clone())).matches(&resource), !holds);
    filter.matches(&Object::new());
}

pub(crate) fn path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for resource_type in types() {
        let target = match Target::parse(text, &resource_type) {
            Ok(target) => target,
            Err(error) => {
                assert!(matches!(error.scim_type, Some(ScimType::InvalidPath | ScimType::InvalidFilter)));
                is_refusal(&error);
                continue;
            }
        };
        match &target {
            Target::Attribute(path) => {
                assert_eq!(AttributePath::parse(&path.to_string(), &resource_type).as_ref(), Ok(path));
            }
            Target::Elements { path, filter } => {
                let element = Filter::Element { path: path.parent(), filter: Box::new(filter.clone()) };
                filter_laws(&element, &resource_type);
            }
            Target::Extension(schema) => assert!(resource_type.extension(&schema.id).is_some()),
            Target::Foreign(name) => assert_eq!(name, text),
        }
        for (op, value) in [
            ("add", json!("x")),
            ("add", json!({"value": "n@x", "type": "work"})),
            ("replace", json!([{"value": "n@x", "primary": true}])),
            ("replace", Value::Null),
            ("remove", Value::Null),
        ] {
            let body = object(json!({"Operations": [{"op": op, "path": text, "value": value}]}));
            match PatchRequest::read(body, &resource_type, &mut Vec::new()) {
                Ok(request) => patch_laws(request, &resource_type),
                Err(error) => is_refusal(&error),
            }
        }
    }
}

pub(crate) fn patch(bytes: &[u8]) {
    let Some(body) = body(bytes) else { return };
    for resource_type in types() {
        match PatchRequest::read(body.clone(), &resource_type, &mut Vec::new()) {
            Ok(request) => patch_laws(request, &resource_type),
            Err(error) => is_refusal(&error),
        }
    }
}

/// The body, when it is one JSON object; that it is kept as it is, is a law too.
fn body(bytes: &[u8]) -> Option<Object> {
    match json::parse(bytes) {
        Ok(body) => {
            let written = serde_json::to_vec(&body).expect("JSON can be written");
            assert_eq!(json::parse(&written).as_ref(), Ok(&body), "{}", String::from_utf8_lossy(&written));
            Some(body)
        }
        Err(error) => {
            assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax));
            is_refusal(&error);
            None
        }
    }
}

fn patch_laws(request: PatchRequest, resource_type: &ResourceType) {
    let before = sample(resource_type);
    let operations = request.operations.len();
    let server_side = server_side(resource_type);
    let patched = match patch::apply(request, before.clone(), &server_side, resource_type, &mut Vec::new()) {
        Ok(patched) => patched,
        Err(error) => return is_refusal(&error),
    };
    assert_eq!(patched.outcomes.len(), operations);
    if !patched.outcomes.contains(&Outcome::Applied) {
        assert_eq!(patched.attributes, before, "nothing was applied");
    } else if operations == 1 {
        assert_ne!(patched.attributes, before, "something was applied");
    }
    is_resource(&patched.attributes, resource_type);
}

pub(crate) fn resource(bytes: &[u8]) {
    let Some(body) = body(bytes) else { return };
    for resource_type in types() {
        let mended = deviation::mend_resource(body.clone(), &resource_type, &mut Vec::new());
        match resource::read(mended, &resource_type) {
            Ok(draft) => is_resource(&draft.attributes, &resource_type),
            Err(error) => is_refusal(&error),
        }
    }
}

fn parsed(document: &str) -> Object {
    serde_json::from_str(document).expect("a JSON object")
}

/// What is in the directory is what a client may send, and stays the same when it does.
fn is_resource(attributes: &Object, resource_type: &ResourceType) {
    resource::require(resource_type, attributes).expect("what is required is there");
    let document = parsed(&resource::document(resource_type, "the-id", attributes));
    assert_eq!(&resource::attributes(document.clone()), attributes);
    let mut notes = Vec::new();
    let mended = deviation::mend_resource(document.clone(), resource_type, &mut notes);
    assert_eq!(notes, Vec::<String>::new(), "a resource has no deviations");
    let draft = resource::read(mended, resource_type).unwrap_or_else(|error| panic!("{error}: {document:?}"));
    let Draft { attributes: mut again, ignored, .. } = draft;
    for (name, value) in &resource_type.defaults {
        if !attributes.contains_key(name) && again.get(name) == Some(value) {
            again.shift_remove(name);
        }
    }
    assert_eq!(&again, attributes);
    assert_eq!(ignored, Vec::<String>::new(), "nothing in a resource is unknown");
    index::keys(resource_type, attributes);
    for (only, except) in PROJECTIONS {
        let projection = Projection::read(only, except, resource_type).expect("a projection");
        let mut shown = document.clone();
        projection.apply(&mut shown, resource_type);
        assert!(shown.contains_key("id") && shown.contains_key("schemas"), "{only:?} {except:?}");
        assert!(shown.keys().all(|name| document.contains_key(name)), "{only:?} {except:?}");
        let once = shown.clone();
        projection.apply(&mut shown, resource_type);
        assert_eq!(shown, once, "what was shaped keeps its shape");
    }
}

const PROJECTIONS: [(Option<&str>, Option<&str>); 6] = [
    (None, None),
    (Some("emails.value,userName"), None),
    (Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User,urn:example:foreign:1.0:a"), None),
    (Some("nothing"), None),
    (None, Some("emails.value,name,department")),
    (None, Some("urn:example:foreign:1.0,id,members")),
];

/// Every operation comes once, behind what it needs, and references lead somewhere or are refused.
pub(crate) fn bulk(bytes: &[u8]) {
    let request = match json::parse(bytes).and_then(BulkRequest::read) {
        Ok(request) => request,
        Err(error) => return is_refusal(&error),
    };
    let order = request.order();
    let mut seen: Vec<usize> = order.iter().flatten().copied().collect();
    let positions = seen.clone();
    seen.sort_unstable();
    assert_eq!(seen, (0..request.operations.len()).collect::<Vec<_>>(), "each once");
    let mut at = vec![(0, 0); positions.len()];
    for (number, group) in order.iter().enumerate() {
        for operation in group {
            at[*operation] = (number, 0);
        }
    }
    for (place, operation) in positions.iter().enumerate() {
        at[*operation].1 = place;
    }
    let mut created: HashMap<&str, usize> = HashMap::new();
    for (position, operation) in request.operations.iter().enumerate() {
        if operation.task.as_ref().is_ok_and(|task| task.kind == TaskKind::Create) {
            created.extend(operation.bulk_id.as_deref().map(|id| (id, position)));
        }
    }
    for (position, operation) in request.operations.iter().enumerate() {
        let mut task = match &operation.task {
            Ok(task) => task.clone(),
            Err(error) => {
                is_refusal(error);
                continue;
            }
        };
        for reference in &task.references {
            if let Some(needed) = created.get(reference.as_str()) {
                let (own, needed) = (at[position], at[*needed]);
                assert!(needed.1 < own.1 || needed.0 == own.0, "{reference}");
            }
        }
        let known = |bulk_id: &str| {
            (bulk_id.len() < 3).then(|| Ok("0198c0de-7b1a-7c3d-8e5f-0123456789ab".to_owned()))
        };
        if let Err(error) = task.resolve(&known) {
            is_refusal(&error);
        }
    }
}

/// A definition is refused with its place, or makes a registry that is the same when it is read again.
pub(crate) fn definition(bytes: &[u8]) {
    let Ok(body) = json::parse(bytes) else { return };
    let body = Value::Object(body);
    if let Ok(read) = definition::read_resource_type(&body) {
        assert_eq!(definition::read_resource_type(&read.to_json()).as_ref(), Ok(&read));
        let additions = Additions { resource_types: vec![read], ..Additions::default() };
        drop(Registry::with(&additions));
    }
    let schema = match definition::read_schema(&body) {
        Ok(schema) => schema,
        Err(error) => {
            assert!(!error.at.is_empty() && !error.message.is_empty());
            return;
        }
    };
    let written = json!({"id": schema.id, "name": schema.name, "description": schema.description, "attributes": schema.attributes});
    assert_eq!(definition::read_schema(&written).as_ref(), Ok(&schema), "{written}");
    let additions = Additions { schemas: vec![schema], ..Additions::default() };
    if let Ok(registry) = Registry::with(&additions) {
        for resource_type in &registry.resource_types {
            for searchable in &resource_type.searchable {
                let path = AttributePath::parse(&searchable.name, resource_type);
                assert_eq!(path.as_ref(), Ok(&searchable.path));
            }
        }
    }
}
