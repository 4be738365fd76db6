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
    Compare(Operand, &'static str, Value),
    /// A value is present.
    Present(Operand),
    /// One and the same element of an attribute meets it all.
    Element(&'static str, Box<Model>),
    /// The same, and a comparison of a sub-attribute of those elements: what Entra ID makes of it,
    /// `emails[type eq "work"].value eq "x"`.
    Among(Box<Model>, Operand, &'static str, Value),
}

/// Where values are: attribute, sub-attribute, and what is compared there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operand {
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

const fn operand(extension: bool, attribute: &'static str, sub: Option<&'static str>, kind: Kind) -> Operand {
    Operand { extension, attribute, sub, kind }
}

const OPERANDS: [Operand; 26] = [
    operand(false, "userName", None, Kind::Text),
    operand(false, "externalId", None, Kind::Exact),
    operand(false, "title", None, Kind::Text),
    operand(false, "displayName", None, Kind::Text),
    operand(false, "profileUrl", None, Kind::Reference),
    operand(false, "active", None, Kind::Boolean),
    operand(false, "name", None, Kind::Complex),
    operand(false, "name", Some("givenName"), Kind::Text),
    operand(false, "name", Some("familyName"), Kind::Text),
    operand(false, "emails", None, Kind::Complex),
    operand(false, "emails", Some("value"), Kind::Text),
    operand(false, "emails", Some("value"), Kind::Text),
    operand(false, "emails", Some("type"), Kind::Text),
    operand(false, "emails", Some("primary"), Kind::Boolean),
    operand(false, "photos", Some("value"), Kind::Reference),
    operand(false, "photos", Some("type"), Kind::Text),
    operand(false, "addresses", None, Kind::Complex),
    operand(false, "addresses", Some("locality"), Kind::Text),
    operand(false, "addresses", Some("country"), Kind::Text),
    operand(false, "addresses", Some("primary"), Kind::Boolean),
    operand(false, "x509Certificates", Some("value"), Kind::Binary),
    operand(false, "x509Certificates", Some("primary"), Kind::Boolean),
    operand(true, "department", None, Kind::Text),
    operand(true, "costCenter", None, Kind::Text),
    operand(true, "manager", None, Kind::Complex),
    operand(true, "manager", Some("value"), Kind::Exact),
];

/// The attributes whose elements filters look at one by one.
const LISTS: [&str; 4] = ["emails", "photos", "addresses", "x509Certificates"];

/// Random filters.
pub fn filter() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        6 => comparison(OPERANDS.to_vec()),
        2 => select(OPERANDS.to_vec()).prop_map(Model::Present),
        3 => element(),
        1 => among(),
    ];
    combined(leaf, 4)
}

/// Random paths of PATCH operations, as some client may write them.
pub fn path() -> impl Strategy<Value = String> {
    let plain = (select(OPERANDS.to_vec()), Spelling::any())
        .prop_map(|(operand, spelling)| operand.written(false, false, &spelling));
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
        (elements_of(list), comparison(operands_of(list))).prop_filter_map(
            "a comparison",
            |(inside, comparison)| match comparison {
                Model::Compare(operand, operator, literal) => {
                    Some(Model::Among(Box::new(inside), operand, operator, literal))
                }
                _ => None,
            },
        )
    })
}

fn elements_of(list: &'static str) -> impl Strategy<Value = Model> {
    let operands = operands_of(list);
    let leaf = prop_oneof![
        5 => comparison(operands.clone()),
        1 => select(operands).prop_map(Model::Present),
    ];
    combined(leaf, 2)
}

fn operands_of(list: &str) -> Vec<Operand> {
    OPERANDS.into_iter().filter(|operand| operand.attribute == list && operand.sub.is_some()).collect()
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

/// A comparison at one of the operands, with an operator and a value that go with its type.
fn comparison(operands: Vec<Operand>) -> impl Strategy<Value = Model> {
    let equal = || select(vec!["eq", "ne"]).boxed();
    let text_operators = || select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]).boxed();
    select(operands).prop_flat_map(move |operand| {
        let (operators, literals) = match operand.kind {
            Kind::Text | Kind::Exact => (text_operators(), text().prop_map(Value::from).boxed()),
            Kind::Reference => (text_operators(), select(URLS.to_vec()).prop_map(Value::from).boxed()),
            Kind::Binary => (equal(), select(CERTIFICATES.to_vec()).prop_map(Value::from).boxed()),
            Kind::Boolean => (equal(), any::<bool>().prop_map(Value::from).boxed()),
            Kind::Complex => (equal(), Just(Value::Null).boxed()),
        };
        let compared = (operators, literals)
            .prop_map(move |(operator, literal)| Model::Compare(operand, operator, literal));
        let with_null = equal().prop_map(move |operator| Model::Compare(operand, operator, Value::Null));
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
            Self::Compare(operand, operator, literal) => {
                let operand = operand.written(inside, !literal.is_null(), spelling);
                format!("{operand}{}", comparison_text(operator, literal, spelling))
            }
            Self::Present(operand) => {
                let operand = operand.written(inside, false, spelling);
                format!("{operand}{}{}", spelling.blank(), spelling.keyword("pr"))
            }
            Self::Element(attribute, inner) => element_text(attribute, inner, spelling),
            Self::Among(inner, operand, operator, literal) => {
                let sub = spelling.name(operand.sub.unwrap_or("value"));
                format!(
                    "{}.{sub}{}",
                    element_text(operand.attribute, inner, spelling),
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
            Self::Compare(operand, operator, literal) => {
                compare(*operand, operator, literal, &operand.values(user))
            }
            Self::Present(operand) => operand.values(user).iter().any(present),
            Self::Element(attribute, inner) => {
                // A user who has just this one element.
                elements(user, attribute).any(|element| inner.holds(&with_one(attribute, &element)))
            }
            Self::Among(inner, operand, operator, literal) => {
                let values: Vec<Value> = elements(user, operand.attribute)
                    .map(|element| with_one(operand.attribute, &element))
                    .filter(|user| inner.holds(user))
                    .flat_map(|user| operand.values(&user))
                    .collect();
                compare(*operand, operator, literal, &values)
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

impl Operand {
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

fn compare(operand: Operand, operator: &str, literal: &Value, values: &[Value]) -> bool {
    if operator == "ne" {
        return !compare(operand, "eq", literal, values);
    }
    if literal.is_null() {
        return !values.iter().any(present);
    }
    values.iter().any(|value| match (value, literal) {
        (Value::Bool(value), Value::Bool(literal)) => value == literal,
        (Value::Null, Value::Bool(literal)) => operand.sub == Some("primary") && !literal,
        (Value::String(value), Value::String(literal)) => {
            let form =
                |text: &str| if operand.kind == Kind::Text { text.to_lowercase() } else { text.to_owned() };
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
