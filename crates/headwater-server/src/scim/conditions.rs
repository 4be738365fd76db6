//! Conditional requests (RFC 9110 §13; RFC 7644 §3.14). Tags are compared by what is in their
//! quotes, weak or strong: all of ours are weak, and the RFC shows them in If-Match (AMB-50).

use hyper::{HeaderMap, header};

use super::header_list;
use crate::provisioning::{Precondition, opaque_tags};

/// The versions that `If-Match` allows. A tag that we never gave out matches nothing.
fn if_match(headers: &HeaderMap) -> Option<Precondition> {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    lines.peek()?;
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    if lines.iter().any(|line| line.trim() == "*") {
        return Some(Precondition::Any);
    }
    Some(Precondition::matching(&lines.join(",")))
}

/// What a change has to meet: `If-Match`, or else `If-None-Match`.
pub(super) fn of_change(headers: &HeaderMap) -> Option<Precondition> {
    if_match(headers).or_else(|| {
        let value = header_list(headers, header::IF_NONE_MATCH)?;
        Some(Precondition::not_matching(&value))
    })
}

/// Whether `If-Match` rules out a resource of this version that is to be read (RFC 9110 §13.1.1).
pub(super) fn is_ruled_out(headers: &HeaderMap, version: &str) -> bool {
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return false;
    }
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let value = lines.join(",");
    let current = opaque_tags(version).next();
    value.trim() != "*" && !opaque_tags(&value).any(|tag| Some(tag) == current)
}

/// Whether `If-None-Match` names this version.
pub(super) fn is_none_match(headers: &HeaderMap, version: &str) -> bool {
    let Some(value) = header_list(headers, header::IF_NONE_MATCH) else { return false };
    let mut current = opaque_tags(version);
    let current = current.next();
    value.trim() == "*" || opaque_tags(&value).any(|tag| Some(tag) == current)
}

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, header};

    use super::{if_match, is_none_match, is_ruled_out};
    use crate::provisioning::Precondition;

    fn with(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header value"))])
    }

    /// Shows VER-004, VER-005, AMB-50.
    #[test]
    fn tags_are_compared_without_their_weakness() {
        assert_eq!(
            if_match(&with(header::IF_MATCH, "W/\"3\", \"4-00ff\" ,zz")),
            Some(Precondition::OneOf(vec![3, 4]))
        );
        assert_eq!(if_match(&with(header::IF_MATCH, "*")), Some(Precondition::Any));
        assert_eq!(if_match(&HeaderMap::new()), None);
        for (value, matches) in
            [("W/\"3\"", true), ("\"3\"", true), ("\"2\", \"3\"", true), ("*", true), ("W/\"33\"", false)]
        {
            assert_eq!(is_none_match(&with(header::IF_NONE_MATCH, value), "W/\"3\""), matches, "{value}");
            assert_eq!(is_ruled_out(&with(header::IF_MATCH, value), "W/\"3\""), !matches, "{value}");
        }
    }
}
