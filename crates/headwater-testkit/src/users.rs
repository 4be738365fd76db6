//! Random users.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

use crate::ENTERPRISE;

/// The attributes of a user, without `userName`. The values are few, so that filters hit.
pub fn attributes() -> impl Strategy<Value = Map<String, Value>> {
    let plain = (
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(select(URLS.to_vec())),
        option::of(any::<bool>()),
    )
        .prop_map(|(title, display, external, profile, active)| {
            members([
                ("externalId", external.map(Value::from)),
                ("title", title.map(Value::from)),
                ("displayName", display.map(Value::from)),
                ("profileUrl", profile.map(Value::from)),
                ("active", active.map(Value::from)),
            ])
        });
    let name = (option::of(text()), option::of(text())).prop_map(|(given, family)| {
        members([("givenName", given.map(Value::from)), ("familyName", family.map(Value::from))])
    });
    let enterprise = (option::of(text()), option::of(text())).prop_map(|(department, manager)| {
        members([
            ("department", department.map(Value::from)),
            ("manager", manager.filter(|id| !id.is_empty()).map(|id| json!({"value": id}))),
        ])
    });
    let lists = (
        elements("value", text(), 4),
        elements("value", select(URLS.to_vec()), 3),
        elements("locality", text(), 3),
        elements("value", select(CERTIFICATES.to_vec()), 2),
    );
    (plain, name, lists, enterprise).prop_map(|(mut user, name, lists, enterprise)| {
        let (emails, photos, addresses, certificates) = lists;
        let list = |values: Vec<Value>| (!values.is_empty()).then_some(Value::Array(values));
        let some = |object: Map<String, Value>| (!object.is_empty()).then_some(Value::Object(object));
        user.extend(members([
            ("name", some(name)),
            ("emails", list(emails)),
            ("photos", list(photos)),
            ("addresses", list(addresses)),
            ("x509Certificates", list(certificates)),
            (ENTERPRISE, some(enterprise)),
        ]));
        user
    })
}

/// Elements of a multi-valued attribute: no two share their text and type, one is primary at most.
fn elements(
    name: &'static str,
    texts: impl Strategy<Value = &'static str>,
    most: usize,
) -> impl Strategy<Value = Vec<Value>> {
    let element = (texts, option::of(select(vec!["work", "home", "Work"])), option::of(any::<bool>()));
    vec(element, 0..most).prop_map(move |elements| {
        let mut primary_seen = false;
        let mut seen = Vec::new();
        let mut values = Vec::new();
        for (value, kind, primary) in elements {
            if seen.contains(&(value, kind)) {
                continue;
            }
            seen.push((value, kind));
            let primary = primary.map(|primary| primary && !primary_seen);
            primary_seen |= primary == Some(true);
            values.push(Value::Object(members([
                (name, Some(value.into())),
                ("type", kind.map(Value::from)),
                ("primary", primary.map(Value::from)),
            ])));
        }
        values
    })
}

/// Some of them differ in letter case alone, which counts in references.
pub(crate) const URLS: [&str; 4] =
    ["https://x.example/a", "https://x.example/A", "../a", "https://é.example/"];

/// Base64, in which letter case counts.
pub(crate) const CERTIFICATES: [&str; 3] = ["QUJD", "qujd", "AA=="];

pub(crate) fn text() -> impl Strategy<Value = &'static str> {
    select(vec![
        "", "a", "A", "ab", "aB%", "a_b", "b\"c\\", "é", "É", "日本", "zz top", "m-1", "a\n", "(a) [b]", "😀",
    ])
}

fn members<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Map<String, Value> {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
