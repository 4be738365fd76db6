//! Attributes that clients send and no schema knows, with what their values look like: what an
//! administrator needs to add them to the schemas.

use serde_json::{Map, Value, json};

use crate::{
    Object, date_time, deviation,
    path::{AttributePath, Name, is_name, is_urn},
    resource_type::ResourceType,
    schema::Attribute,
};

/// How many are looked for in one request, and how many sub-attributes of one.
const MOST: usize = 50;
/// The longest path, in bytes.
const LONGEST: usize = 300;

/// An attribute that no schema of a type knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown {
    /// Its path: a name, a sub-attribute's behind a dot, or a name behind the URN of its extension.
    pub path: String,
    /// What its values look like: an attribute definition of RFC 7643 §7.
    pub shape: Value,
}

/// The unknown attributes of a resource as a client sends it in POST and PUT.
pub fn of_resource(body: &Object, resource_type: &ResourceType) -> Vec<Unknown> {
    let mut found = Finding { resource_type, found: Vec::new() };
    for (name, value) in body {
        found.look(name, value);
    }
    found.found
}

/// The unknown attributes of a PATCH request.
pub fn of_patch(body: &Object, resource_type: &ResourceType) -> Vec<Unknown> {
    let mut found = Finding { resource_type, found: Vec::new() };
    let member = |object: &Object, wanted: &str| {
        object.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.clone())
    };
    let Some(Value::Array(operations)) = member(body, "Operations") else { return Vec::new() };
    for operation in operations.iter().filter_map(Value::as_object).take(MOST) {
        let value = member(operation, "value").unwrap_or(Value::Null);
        match member(operation, "path") {
            Some(Value::String(path)) if !path.trim().is_empty() => found.look(path.trim(), &value),
            _ => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    found.look(name, value);
                }
            }
        }
    }
    found.found
}

struct Finding<'a> {
    resource_type: &'a ResourceType,
    found: Vec<Unknown>,
}

impl Finding<'_> {
    fn look(&mut self, name: &str, value: &Value) {
        match Name::resolve(name, self.resource_type) {
            Ok(Name::Attribute(path)) => self.look_inside(&path, value),
            Ok(Name::Extension(schema)) => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match schema.attribute(name) {
                        Some(attribute) => {
                            let path = AttributePath {
                                extension: Some(schema.clone()),
                                ..AttributePath::core(attribute.clone())
                            };
                            self.look_inside(&path, value);
                        }
                        None => self.add(format!("{}:{name}", schema.id), name, value),
                    }
                }
            }
            Ok(Name::Foreign(text)) => match value {
                Value::Object(members) if is_urn(&text) => {
                    for (name, value) in members {
                        self.add(format!("{text}:{name}"), name, value);
                    }
                }
                value => {
                    if let Some((_, name)) = text.rsplit_once(':') {
                        self.add(text.clone(), name, value);
                    }
                }
            },
            Err(_) if is_urn(name) && value.is_object() => {
                for (inner, value) in value.as_object().into_iter().flatten() {
                    self.add(format!("{name}:{inner}"), inner, value);
                }
            }
            Err(_) => {
                // Behind the URN of a schema that the type has: as the path of that schema.
                let (urn, rest) = name.rsplit_once(':').unwrap_or(("", name));
                let path = match Name::resolve(urn, self.resource_type) {
                    Ok(Name::Extension(schema)) => format!("{}:{rest}", schema.id),
                    _ if urn.is_empty() || deviation::spells(&self.resource_type.schema.id, urn) => {
                        rest.to_owned()
                    }
                    _ => return,
                };
                let last = rest.rsplit('.').next().unwrap_or(rest);
                if rest.split('.').count() <= 2 && rest.split('.').all(is_name) {
                    self.add(path, last, value);
                }
            }
        }
    }

    /// Sub-attributes that a known attribute doesn't have.
    fn look_inside(&mut self, path: &AttributePath, value: &Value) {
        let attribute: &Attribute = path.leaf();
        if !attribute.is_complex() {
            return;
        }
        let elements = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for (name, value) in elements.iter().take(MOST).filter_map(Value::as_object).flatten() {
            if attribute.sub_attribute(name).is_none() {
                self.add(format!("{path}.{name}"), name, value);
            }
        }
    }

    fn add(&mut self, path: String, name: &str, value: &Value) {
        let known = self.found.iter().any(|unknown| unknown.path.eq_ignore_ascii_case(&path));
        if known || self.found.len() >= MOST || path.len() > LONGEST || !is_name(name) {
            return;
        }
        if let Some(shape) = shape(name, value) {
            self.found.push(Unknown { path, shape });
        }
    }
}

/// The definition of an attribute that would take a value; `None` where nothing can be told from it.
fn shape(name: &str, value: &Value) -> Option<Value> {
    let mut definition = simple_shape(value)?;
    definition.shift_remove("name");
    let mut named = Map::from_iter([("name".to_owned(), Value::from(name))]);
    named.extend(definition);
    Some(named.into())
}

fn simple_shape(value: &Value) -> Option<Object> {
    let of_type = |name: &str| Some(Object::from_iter([("type".to_owned(), name.into())]));
    match value {
        Value::Null => None,
        Value::Bool(_) => of_type("boolean"),
        Value::Number(number) if number.is_i64() || number.is_u64() => of_type("integer"),
        Value::Number(_) => of_type("decimal"),
        Value::String(text) if date_time::parse(text).is_some() => of_type("dateTime"),
        Value::String(_) => of_type("string"),
        Value::Object(members) => {
            let subs: Vec<Value> = members
                .iter()
                .filter(|(name, value)| is_name(name) && !matches!(value, Value::Object(_)))
                .filter(|(_, value)| !value.as_array().is_some_and(|all| all.iter().any(Value::is_object)))
                .filter_map(|(name, value)| shape(name, value))
                .take(MOST)
                .collect();
            if subs.is_empty() {
                return None;
            }
            let mut complex = of_type("complex")?;
            complex.insert("subAttributes".to_owned(), subs.into());
            Some(complex)
        }
        Value::Array(values) => {
            let shapes = values.iter().take(MOST).filter_map(simple_shape);
            let mut widest = shapes.reduce(|left, right| wider(&left, &right))?;
            widest.insert("multiValued".to_owned(), true.into());
            Some(widest)
        }
    }
}

/// The shape that takes the values of both.
fn wider(left: &Object, right: &Object) -> Object {
    let type_of = |shape: &Object| shape.get("type").and_then(Value::as_str).unwrap_or("string").to_owned();
    let (one, other) = (type_of(left), type_of(right));
    let numbers = ["integer", "decimal"];
    let widest = match () {
        () if one == other => one.as_str(),
        () if numbers.contains(&one.as_str()) && numbers.contains(&other.as_str()) => "decimal",
        () if one == "complex" || other == "complex" => "complex",
        () => "string",
    };
    let mut shape = left.clone();
    shape.insert("type".to_owned(), widest.into());
    if [left, right].iter().any(|shape| shape.get("multiValued") == Some(&Value::Bool(true))) {
        shape.insert("multiValued".to_owned(), true.into());
    }
    if widest == "complex" {
        let subs = |shape: &Object| {
            shape.get("subAttributes").and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let mut joined = subs(left);
        for sub in subs(right) {
            let known = joined.iter().position(|known| known["name"] == sub["name"]);
            match (known, sub.as_object()) {
                (Some(position), Some(sub)) => {
                    let widened = joined[position].as_object().map(|known| wider(known, sub));
                    joined[position] = widened.unwrap_or_default().into();
                }
                (None, _) if joined.len() < MOST => joined.push(sub),
                _ => {}
            }
        }
        shape.insert("subAttributes".to_owned(), joined.into());
    }
    shape
}

/// Two shapes of one attribute as one that takes the values of both, each as JSON.
pub fn widened(left: &str, right: &str) -> String {
    let read = |text: &str| serde_json::from_str::<Object>(text).unwrap_or_default();
    let (left, right) = (read(left), read(right));
    if left == right {
        return json!(left).to_string();
    }
    json!(wider(&left, &right)).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{of_patch, of_resource, widened};
    use crate::registry::Registry;

    fn found(body: &Value) -> Vec<(String, Value)> {
        let registry = Registry::built_in();
        let user = registry.resource_type("User").expect("built in");
        let body = body.as_object().expect("an object");
        let unknown =
            if body.contains_key("Operations") { of_patch(body, user) } else { of_resource(body, user) };
        unknown.into_iter().map(|unknown| (unknown.path, unknown.shape)).collect()
    }

    #[test]
    fn what_no_schema_knows_is_found_with_its_shape() {
        assert_eq!(
            found(&json!({"schemas": [], "USERNAME": "a", "emails": [{"value": "x"}], "title": null})),
            []
        );
        let body = json!({
            "userName": "a", "shoeSize": 42, "since": "2026-01-01T00:00:00Z", "tags": ["a", "b"], "nothing": null,
            "emails": [{"value": "x", "verified": true}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"badge": 1.5, "department": "d"},
            "urn:example:2.0:Car": {"plate": "B-XY 1"},
            "car": {"brand": "x", "doors": 4, "engine": {"kW": 1}},
        });
        let expected = [
            ("shoeSize", json!({"name": "shoeSize", "type": "integer"})),
            ("since", json!({"name": "since", "type": "dateTime"})),
            ("tags", json!({"name": "tags", "type": "string", "multiValued": true})),
            ("emails.verified", json!({"name": "verified", "type": "boolean"})),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:badge",
                json!({"name": "badge", "type": "decimal"}),
            ),
            ("urn:example:2.0:Car:plate", json!({"name": "plate", "type": "string"})),
            (
                "car",
                json!({"name": "car", "type": "complex", "subAttributes": [
                    {"name": "brand", "type": "string"}, {"name": "doors", "type": "integer"}]}),
            ),
        ];
        assert_eq!(found(&body), expected.map(|(path, shape)| (path.to_owned(), shape)));
        let body = json!({"Operations": [
            {"op": "add", "path": "shoeSize", "value": 42},
            {"op": "add", "path": "urn:example:2.0:Car:plate", "value": "B-XY 1"},
            {"op": "replace", "value": {"hat": "x", "title": "y", "name.nick": "z"}},
            {"op": "remove", "path": "emails[type eq \"work\"]"},
            {"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user:badge", "value": 1},
            {"op": "add", "path": "urn:scim:schemas:core:2.0:User:glove", "value": 1},
            {"op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:name.nick", "value": "z"},
        ]});
        let paths: Vec<String> = found(&body).into_iter().map(|(path, _)| path).collect();
        let badge = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:badge";
        assert_eq!(paths, ["shoeSize", "urn:example:2.0:Car:plate", "hat", "name.nick", badge, "glove"]);
    }

    #[test]
    fn shapes_widen_until_they_take_all_that_was_seen() {
        let joined = |left: Value, right: Value| -> Value {
            serde_json::from_str(&widened(&left.to_string(), &right.to_string())).expect("JSON")
        };
        let of = |name: &str| json!({"name": "a", "type": name});
        assert_eq!(joined(of("integer"), of("decimal")), of("decimal"));
        assert_eq!(joined(of("dateTime"), of("string")), of("string"));
        assert_eq!(joined(of("boolean"), of("integer")), of("string"));
        let complex = |subs: Value| json!({"name": "a", "type": "complex", "subAttributes": subs});
        let both = joined(
            complex(json!([{"name": "x", "type": "integer"}])),
            complex(json!([{"name": "x", "type": "string"}, {"name": "y", "type": "boolean"}])),
        );
        assert_eq!(both, complex(json!([{"name": "x", "type": "string"}, {"name": "y", "type": "boolean"}])));
    }
}
