//! Query parameters, as clients write them.

use headwater_scim::{
    error::{ScimError, ScimType},
    projection::Projection,
    resource_type::ResourceType,
};
use percent_encoding::percent_decode_str;

use crate::provisioning::{ListRequest, SortOrder};

/// The parameters that SCIM knows; others are passed over (RFC 7644 §3.4.2).
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parameters {
    pub(super) filter: Option<String>,
    pub(super) start_index: Option<String>,
    pub(super) count: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) excluded_attributes: Option<String>,
    pub(super) sort_by: Option<String>,
    pub(super) sort_order: Option<String>,
    pub(super) cursor: Option<String>,
}

impl Parameters {
    /// Reads a query: `+` and `%20` are blanks, `%2B` is a plus (AMB-28); a stray `?` or `&` at
    /// the end is passed over (OneLogin).
    ///
    /// # Errors
    /// 400 when a value is not UTF-8.
    pub(super) fn read(query: Option<&str>) -> Result<Self, ScimError> {
        let mut parameters = Self::default();
        let query = query.unwrap_or_default().trim_end_matches(['?', '&']);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = name.trim_start_matches('?').to_ascii_lowercase();
            let Some(slot) = parameters.slot(&name) else { continue };
            let spaced = value.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8();
            let decoded = decoded.map_err(|_| {
                let detail = format!("{name}: the value is not UTF-8");
                match name.as_str() {
                    "filter" => ScimError::bad_request(ScimType::InvalidFilter, detail),
                    _ => ScimError::invalid_value(detail),
                }
            })?;
            match slot {
                // A repeated list of names goes on; of anything else the last one counts.
                Some(names) if name.ends_with("attributes") => {
                    names.push(',');
                    names.push_str(&decoded);
                }
                slot => *slot = Some(decoded.into_owned()),
            }
        }
        Ok(parameters)
    }

    /// Where the value of a parameter belongs, by its name in lower case; nowhere for one that SCIM
    /// doesn't know.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        Some(match name {
            "filter" => &mut self.filter,
            "startindex" => &mut self.start_index,
            "count" => &mut self.count,
            "attributes" => &mut self.attributes,
            "excludedattributes" => &mut self.excluded_attributes,
            "sortby" => &mut self.sort_by,
            "sortorder" => &mut self.sort_order,
            "cursor" => &mut self.cursor,
            _ => return None,
        })
    }

    /// What the answer is to carry.
    ///
    /// # Errors
    /// 400 invalidValue when both lists of names are given.
    pub(super) fn projection(&self, resource_type: &ResourceType) -> Result<Projection, ScimError> {
        Projection::read(self.attributes.as_deref(), self.excluded_attributes.as_deref(), resource_type)
    }

    /// What of a list is wanted.
    ///
    /// # Errors
    /// 400 invalidValue for a number that is none, and an order that is none.
    pub(super) fn list_request(&self) -> Result<ListRequest, ScimError> {
        let count = number("count", self.count.as_deref());
        let count = match &self.cursor {
            // RFC 9865 §2.1 has a keyword of its own for it (AMB-31).
            Some(_) => count.map_err(|error| ScimError::bad_request(ScimType::InvalidCount, error.detail))?,
            None => count?,
        };
        Ok(ListRequest {
            filter: self.filter.clone(),
            sort_by: self.sort_by.clone().filter(|path| !path.trim().is_empty()),
            sort_order: sort_order(self.sort_order.as_deref())?,
            start_index: number("startIndex", self.start_index.as_deref())?,
            count,
            cursor: self.cursor.clone(),
        })
    }

    /// Whether it asks for a list at all.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// RFC 7644 §3.4.2.3: `ascending`, which is the default, or `descending`.
fn sort_order(text: Option<&str>) -> Result<SortOrder, ScimError> {
    match text.map(str::trim) {
        None | Some("") => Ok(SortOrder::Ascending),
        Some(text) if text.eq_ignore_ascii_case("ascending") => Ok(SortOrder::Ascending),
        Some(text) if text.eq_ignore_ascii_case("descending") => Ok(SortOrder::Descending),
        Some(text) => {
            Err(ScimError::invalid_value(format!("sortOrder: {text:?} is neither ascending nor descending")))
        }
    }
}

/// A whole number; one beyond 64 bits is as good as the largest or smallest.
fn number(name: &str, text: Option<&str>) -> Result<Option<i64>, ScimError> {
    let Some(text) = text.map(str::trim) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::invalid_value(format!("{name}: {text:?} is not a whole number")));
    }
    Ok(Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })))
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    /// Shows END-009, FLT-045, ATR-006, AMB-28.
    #[test]
    fn queries_as_clients_write_them() {
        let filter = |query: &str| Parameters::read(Some(query)).expect("readable").filter;
        let expected = Some("userName eq \"a+b@c.d\"".to_owned());
        assert_eq!(filter("filter=userName+eq+%22a%2Bb@c.d%22"), expected);
        assert_eq!(filter("filter=userName%20eq%20%22a%2Bb%40c.d%22&"), expected);
        assert_eq!(filter("&foo=bar&aadOptscim062020&filter=userName%20eq%20%22a%2Bb%40c.d%22?"), expected);
        assert_eq!(filter(""), None);
        assert_eq!(filter("filter="), Some(String::new()));
        let names = Parameters::read(Some("attributes=a,b&attributes=c")).expect("readable").attributes;
        assert_eq!(names.as_deref(), Some("a,b,c"));
        assert!(Parameters::read(Some("filter=%ff")).is_err());
    }

    /// Shows PAG-008.
    #[test]
    fn numbers_are_bounded_or_refused() {
        let read = |query: &str| {
            Parameters::read(Some(query)).expect("readable").list_request().map(|request| request.count)
        };
        assert_eq!(read("count=0"), Ok(Some(0)));
        assert_eq!(read("count=-1"), Ok(Some(-1)));
        assert_eq!(read("count=99999999999999999999"), Ok(Some(i64::MAX)));
        for bad in ["count=abc", "count=", "count=1.5", "startIndex=x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
