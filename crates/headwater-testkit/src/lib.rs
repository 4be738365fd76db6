//! Random users and filters for property tests, and what a filter means in the plainest words
//! there are: written from RFC 7644 §3.4.2.2 alone, sharing no code with what it tests.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// The enterprise extension.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The attributes of a user, without `userName`. The values are few, so that filters hit.
pub fn attributes() -> impl Strategy<Value = Map<String, Value>> {
    let name = (option::of(text()), option::of(text())).prop_map(|(given, family)| {
        members([("givenName", given.map(Value::from)), ("familyName", family.map(Value::from))])
    });
    let enterprise = (option::of(text()), option::of(text())).prop_map(|(department, manager)| {
        members([
            ("department", department.map(Value::from)),
            ("manager", manager.filter(|id| !id.is_empty()).map(|id| json!({"value": id}))),
        ])
    });
    (
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(any::<bool>()),
        option::of(name),
        emails(),
        option::of(enterprise),
    )
        .prop_map(|(title, display, external, active, name, emails, enterprise)| {
            let some = |object: Option<Map<String, Value>>| {
                object.filter(|object| !object.is_empty()).map(Value::Object)
            };
            members([
                ("externalId", external.map(Value::from)),
                ("title", title.map(Value::from)),
                ("displayName", display.map(Value::from)),
                ("active", active.map(Value::from)),
                ("name", some(name)),
                ("emails", (!emails.is_empty()).then(|| Value::Array(emails.clone()))),
                (ENTERPRISE, some(enterprise)),
            ])
        })
}

fn emails() -> impl Strategy<Value = Vec<Value>> {
    let email = (text(), option::of(select(vec!["work", "home", "Work"])), option::of(any::<bool>()));
    vec(email, 0..4).prop_map(|emails| {
        let mut primary_seen = false;
        let mut seen = Vec::new();
        let mut values = Vec::new();
        for (value, kind, primary) in emails {
            if seen.contains(&(value, kind)) {
                continue;
            }
            seen.push((value, kind));
            let primary = primary.map(|primary| primary && !primary_seen);
            primary_seen |= primary == Some(true);
            values.push(Value::Object(members([
                ("value", Some(value.into())),
                ("type", kind.map(Value::from)),
                ("primary", primary.map(Value::from)),
            ])));
        }
        values
    })
}

fn text() -> impl Strategy<Value = &'static str> {
    select(vec!["", "a", "A", "ab", "aB%", "a_b", "b\"c\\", "é", "É", "日本", "zz top", "m-1"])
}

fn members<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Map<String, Value> {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A filter, as a tree.
#[derive(Debug, Clone)]
pub enum Model {
    /// All hold.
    And(Vec<Model>),
    /// Any holds.
    Or(Vec<Model>),
    /// It doesn't hold.
    Not(Box<Model>),
    /// A comparison.
    Compare(Place, &'static str, Value),
    /// A value is present.
    Present(Place),
    /// One and the same element of an attribute meets it all.
    Element(&'static str, Box<Model>),
}

/// Where values are: attribute, sub-attribute, and whether letter case counts.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    extension: bool,
    attribute: &'static str,
    sub: Option<&'static str>,
    exact: bool,
}

const fn place(extension: bool, attribute: &'static str, sub: Option<&'static str>, exact: bool) -> Place {
    Place { extension, attribute, sub, exact }
}

const PLACES: [Place; 10] = [
    place(false, "userName", None, false),
    place(false, "externalId", None, true),
    place(false, "title", None, false),
    place(false, "displayName", None, false),
    place(false, "name", Some("givenName"), false),
    place(false, "name", Some("familyName"), false),
    place(false, "emails", Some("value"), false),
    place(false, "emails", Some("type"), false),
    place(true, "department", None, false),
    place(true, "manager", Some("value"), true),
];
const BOOLEANS: [Place; 2] =
    [place(false, "active", None, false), place(false, "emails", Some("primary"), false)];
const TEXT_OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// Random filters.
pub fn filter() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        6 => comparison(PLACES.to_vec(), BOOLEANS.to_vec()),
        1 => select(PLACES.to_vec()).prop_map(Model::Present),
        1 => select(BOOLEANS.to_vec()).prop_map(Model::Present),
        3 => element(),
    ];
    combined(leaf, 4)
}

fn element() -> impl Strategy<Value = Model> {
    let inside = comparison(
        PLACES.iter().copied().filter(|place| place.attribute == "emails").collect(),
        BOOLEANS.iter().copied().filter(|place| place.attribute == "emails").collect(),
    );
    combined(inside, 2).prop_map(|inside| Model::Element("emails", Box::new(inside)))
}

fn combined(leaf: impl Strategy<Value = Model> + 'static, depth: u32) -> impl Strategy<Value = Model> {
    leaf.prop_recursive(depth, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Model::And),
            vec(inner.clone(), 2..4).prop_map(Model::Or),
            inner.prop_map(|inner| Model::Not(Box::new(inner))),
        ]
    })
}

fn comparison(texts: Vec<Place>, booleans: Vec<Place>) -> impl Strategy<Value = Model> {
    prop_oneof![
        8 => (select(texts.clone()), select(TEXT_OPERATORS.to_vec()), text())
            .prop_map(|(place, operator, text)| Model::Compare(place, operator, text.into())),
        2 => (select(booleans), select(vec!["eq", "ne"]), any::<bool>())
            .prop_map(|(place, operator, value)| Model::Compare(place, operator, value.into())),
        1 => (select(texts), select(vec!["eq", "ne"]))
            .prop_map(|(place, operator)| Model::Compare(place, operator, Value::Null)),
    ]
}

impl Model {
    /// The filter as a client writes it.
    pub fn text(&self) -> String {
        self.written(false)
    }

    fn written(&self, inside: bool) -> String {
        let joined = |terms: &[Self], with: &str| {
            let terms: Vec<String> = terms.iter().map(|term| format!("({})", term.written(inside))).collect();
            terms.join(with)
        };
        match self {
            Self::And(terms) => joined(terms, " and "),
            Self::Or(terms) => joined(terms, " or "),
            Self::Not(inner) => format!("not ({})", inner.written(inside)),
            Self::Compare(place, operator, literal) => {
                format!("{} {operator} {literal}", place.written(inside))
            }
            Self::Present(place) => format!("{} pr", place.written(inside)),
            Self::Element(attribute, inner) => format!("{attribute}[{}]", inner.written(true)),
        }
    }

    /// Whether a user meets the filter.
    pub fn holds(&self, user: &Map<String, Value>) -> bool {
        match self {
            Self::And(terms) => terms.iter().all(|term| term.holds(user)),
            Self::Or(terms) => terms.iter().any(|term| term.holds(user)),
            Self::Not(inner) => !inner.holds(user),
            Self::Compare(place, operator, literal) => {
                compare(*place, operator, literal, &place.values(user))
            }
            Self::Present(place) => place.values(user).iter().any(present),
            Self::Element(attribute, inner) => {
                let elements = user.get(*attribute).and_then(Value::as_array).cloned().unwrap_or_default();
                elements.into_iter().any(|element| {
                    // A user who has just this one element.
                    inner.holds(&Map::from_iter([((*attribute).to_owned(), Value::Array(vec![element]))]))
                })
            }
        }
    }
}

impl Place {
    fn written(self, inside: bool) -> String {
        match (inside, self.sub) {
            (true, Some(sub)) => sub.to_owned(),
            (_, sub) => {
                let urn = if self.extension { format!("{ENTERPRISE}:") } else { String::new() };
                let sub = sub.map(|sub| format!(".{sub}")).unwrap_or_default();
                format!("{urn}{}{sub}", self.attribute)
            }
        }
    }

    /// The values; null for an element that lacks the sub-attribute.
    fn values(self, user: &Map<String, Value>) -> Vec<Value> {
        let holder =
            if self.extension { user.get(ENTERPRISE).and_then(Value::as_object) } else { Some(user) };
        let elements = match holder.and_then(|holder| holder.get(self.attribute)) {
            None => Vec::new(),
            Some(Value::Array(values)) => values.clone(),
            Some(value) => vec![value.clone()],
        };
        elements
            .into_iter()
            .map(|element| self.sub.map_or(element.clone(), |sub| element[sub].clone()))
            .collect()
    }
}

fn present(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn compare(place: Place, operator: &str, literal: &Value, values: &[Value]) -> bool {
    if operator == "ne" {
        return !compare(place, "eq", literal, values);
    }
    if literal.is_null() {
        return !values.iter().any(present);
    }
    values.iter().any(|value| match (value, literal) {
        (Value::Bool(value), Value::Bool(literal)) => value == literal,
        (Value::Null, Value::Bool(literal)) => place.sub == Some("primary") && !literal,
        (Value::String(value), Value::String(literal)) => {
            let form = |text: &str| if place.exact { text.to_owned() } else { text.to_lowercase() };
            let (value, literal) = (form(value), form(literal));
            match operator {
                "eq" => value == literal,
                "co" => value.contains(&literal),
                "sw" => value.starts_with(&literal),
                "ew" => value.ends_with(&literal),
                "gt" => value > literal,
                "ge" => value >= literal,
                "lt" => value < literal,
                _ => value <= literal,
            }
        }
        _ => false,
    })
}
