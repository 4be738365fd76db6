//! Random filters, and a plain model of what they mean.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value};

use crate::{
    ENTERPRISE, Spelling,
    users::{CERTIFICATES, URLS, text},
};

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
    /// The same, and a comparison of a sub-attribute of those elements: what Entra ID makes of it,
    /// `emails[type eq "work"].value eq "x"`.
    Among(Box<Model>, Place, &'static str, Value),
}

/// Where values are: attribute, sub-attribute, and what is compared there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(crate) extension: bool,
    pub(crate) attribute: &'static str,
    pub(crate) sub: Option<&'static str>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text in which letter case doesn't count.
    Text,
    /// Text in which it does.
    Exact,
    Reference,
    Binary,
    Boolean,
    Complex,
}

const fn place(extension: bool, attribute: &'static str, sub: Option<&'static str>, kind: Kind) -> Place {
    Place { extension, attribute, sub, kind }
}

const PLACES: [Place; 26] = [
    place(false, "userName", None, Kind::Text),
    place(false, "externalId", None, Kind::Exact),
    place(false, "title", None, Kind::Text),
    place(false, "displayName", None, Kind::Text),
    place(false, "profileUrl", None, Kind::Reference),
    place(false, "active", None, Kind::Boolean),
    place(false, "name", None, Kind::Complex),
    place(false, "name", Some("givenName"), Kind::Text),
    place(false, "name", Some("familyName"), Kind::Text),
    place(false, "emails", None, Kind::Complex),
    place(false, "emails", Some("value"), Kind::Text),
    place(false, "emails", Some("value"), Kind::Text),
    place(false, "emails", Some("type"), Kind::Text),
    place(false, "emails", Some("primary"), Kind::Boolean),
    place(false, "photos", Some("value"), Kind::Reference),
    place(false, "photos", Some("type"), Kind::Text),
    place(false, "addresses", None, Kind::Complex),
    place(false, "addresses", Some("locality"), Kind::Text),
    place(false, "addresses", Some("country"), Kind::Text),
    place(false, "addresses", Some("primary"), Kind::Boolean),
    place(false, "x509Certificates", Some("value"), Kind::Binary),
    place(false, "x509Certificates", Some("primary"), Kind::Boolean),
    place(true, "department", None, Kind::Text),
    place(true, "costCenter", None, Kind::Text),
    place(true, "manager", None, Kind::Complex),
    place(true, "manager", Some("value"), Kind::Exact),
];

/// The attributes whose elements filters look at one by one.
const LISTS: [&str; 4] = ["emails", "photos", "addresses", "x509Certificates"];

/// Random filters.
pub fn filter() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        6 => comparison(PLACES.to_vec()),
        2 => select(PLACES.to_vec()).prop_map(Model::Present),
        3 => element(),
        1 => among(),
    ];
    combined(leaf, 4)
}

/// Random paths of PATCH operations, as some client may write them.
pub fn path() -> impl Strategy<Value = String> {
    let plain = (select(PLACES.to_vec()), Spelling::any())
        .prop_map(|(place, spelling)| place.written(false, false, &spelling));
    let subs = vec(select(vec!["value", "type", "primary", "display", "country"]), 0..2);
    let elements = (element(), subs, Spelling::any()).prop_map(|(element, subs, spelling)| {
        let subs = subs.iter().map(|sub| format!(".{}", spelling.name(sub)));
        element.spelled(&spelling) + &subs.collect::<String>()
    });
    prop_oneof![plain, elements]
}

fn element() -> impl Strategy<Value = Model> {
    select(LISTS.to_vec()).prop_flat_map(|list| {
        elements_of(list).prop_map(move |inside| Model::Element(list, Box::new(inside)))
    })
}

fn among() -> impl Strategy<Value = Model> {
    select(LISTS.to_vec()).prop_flat_map(|list| {
        (elements_of(list), comparison(places_of(list))).prop_filter_map(
            "a comparison",
            |(inside, comparison)| match comparison {
                Model::Compare(place, operator, literal) => {
                    Some(Model::Among(Box::new(inside), place, operator, literal))
                }
                _ => None,
            },
        )
    })
}

fn elements_of(list: &'static str) -> impl Strategy<Value = Model> {
    let places = places_of(list);
    let leaf = prop_oneof![
        5 => comparison(places.clone()),
        1 => select(places).prop_map(Model::Present),
    ];
    combined(leaf, 2)
}

fn places_of(list: &str) -> Vec<Place> {
    PLACES.into_iter().filter(|place| place.attribute == list && place.sub.is_some()).collect()
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

/// A comparison at one of the places, with an operator and a value that go with its type.
fn comparison(places: Vec<Place>) -> impl Strategy<Value = Model> {
    let equal = || select(vec!["eq", "ne"]).boxed();
    let text_operators = || select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]).boxed();
    select(places).prop_flat_map(move |place| {
        let (operators, literals) = match place.kind {
            Kind::Text | Kind::Exact => (text_operators(), text().prop_map(Value::from).boxed()),
            Kind::Reference => (text_operators(), select(URLS.to_vec()).prop_map(Value::from).boxed()),
            Kind::Binary => (equal(), select(CERTIFICATES.to_vec()).prop_map(Value::from).boxed()),
            Kind::Boolean => (equal(), any::<bool>().prop_map(Value::from).boxed()),
            Kind::Complex => (equal(), Just(Value::Null).boxed()),
        };
        let compared = (operators, literals)
            .prop_map(move |(operator, literal)| Model::Compare(place, operator, literal));
        let with_null = equal().prop_map(move |operator| Model::Compare(place, operator, Value::Null));
        prop_oneof![10 => compared, 1 => with_null]
    })
}

impl Model {
    /// The filter as a client writes it.
    pub fn text(&self) -> String {
        self.spelled(&Spelling::plain())
    }

    /// The filter as some client may write it: the same tree, in other letters.
    pub fn spelled(&self, spelling: &Spelling) -> String {
        self.written(false, spelling)
    }

    fn written(&self, inside: bool, spelling: &Spelling) -> String {
        let joined = |terms: &[Self], with: &str, bare: fn(&Self) -> bool| {
            let terms: Vec<String> = terms
                .iter()
                .map(|term| {
                    let text = term.written(inside, spelling);
                    if bare(term) && !spelling.parenthesizes() { text } else { spelling.grouped(&text) }
                })
                .collect();
            terms.join(&format!("{}{}{}", spelling.blank(), spelling.keyword(with), spelling.blank()))
        };
        match self {
            // A group of the same operator keeps its parentheses, so that the tree is the same.
            Self::And(terms) => joined(terms, "and", |term| !matches!(term, Self::And(_) | Self::Or(_))),
            Self::Or(terms) => joined(terms, "or", |term| !matches!(term, Self::Or(_))),
            Self::Not(inner) => {
                let inner = spelling.grouped(&inner.written(inside, spelling));
                format!("{}{}{inner}", spelling.keyword("not"), spelling.blank_after_not())
            }
            Self::Compare(place, operator, literal) => {
                let place = place.written(inside, !literal.is_null(), spelling);
                format!("{place}{}", comparison_text(operator, literal, spelling))
            }
            Self::Present(place) => {
                let place = place.written(inside, false, spelling);
                format!("{place}{}{}", spelling.blank(), spelling.keyword("pr"))
            }
            Self::Element(attribute, inner) => element_text(attribute, inner, spelling),
            Self::Among(inner, place, operator, literal) => {
                let sub = spelling.name(place.sub.unwrap_or("value"));
                format!(
                    "{}.{sub}{}",
                    element_text(place.attribute, inner, spelling),
                    comparison_text(operator, literal, spelling)
                )
            }
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
                // A user who has just this one element.
                elements(user, attribute).any(|element| inner.holds(&with_one(attribute, &element)))
            }
            Self::Among(inner, place, operator, literal) => {
                let values: Vec<Value> = elements(user, place.attribute)
                    .map(|element| with_one(place.attribute, &element))
                    .filter(|user| inner.holds(user))
                    .flat_map(|user| place.values(&user))
                    .collect();
                compare(*place, operator, literal, &values)
            }
        }
    }
}

fn elements(user: &Map<String, Value>, attribute: &str) -> impl Iterator<Item = Value> {
    user.get(attribute).and_then(Value::as_array).cloned().unwrap_or_default().into_iter()
}

fn with_one(attribute: &str, element: &Value) -> Map<String, Value> {
    Map::from_iter([(attribute.to_owned(), Value::Array(vec![element.clone()]))])
}

fn element_text(attribute: &str, inner: &Model, spelling: &Spelling) -> String {
    let inner = inner.written(true, spelling);
    let (before, after) = (spelling.maybe_blank(), spelling.maybe_blank());
    format!("{}[{before}{inner}{after}]", spelling.path(attribute, false))
}

fn comparison_text(operator: &str, literal: &Value, spelling: &Spelling) -> String {
    let (before, operator) = (spelling.blank(), spelling.keyword(operator));
    format!("{before}{operator}{}{}", spelling.blank_before_value(literal), spelling.literal(literal))
}

impl Place {
    /// `by_value`: whether the sub-attribute `value` may be left out (a complex attribute is
    /// compared by it).
    fn written(self, inside: bool, by_value: bool, spelling: &Spelling) -> String {
        match (inside, self.sub) {
            (true, Some(sub)) => spelling.name(sub),
            (_, Some("value")) if by_value && spelling.omits_value() => {
                spelling.path(self.attribute, self.extension)
            }
            (_, Some(sub)) => {
                format!("{}.{}", spelling.path(self.attribute, self.extension), spelling.name(sub))
            }
            (_, None) => spelling.path(self.attribute, self.extension),
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
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(members) => members.values().any(present),
        _ => true,
    }
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
            let form =
                |text: &str| if place.kind == Kind::Text { text.to_lowercase() } else { text.to_owned() };
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
