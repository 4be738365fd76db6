//! Query parameters, as clients write them.

use headwater_scim::{error::ScimError, projection::Projection, resource_type::ResourceType};
use percent_encoding::percent_decode_str;

use crate::provisioning::ListRequest;

/// The parameters that SCIM knows; others are passed over (RFC 7644 §3.4.2).
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parameters {
    pub(super) filter: Option<String>,
    pub(super) start_index: Option<String>,
    pub(super) count: Option<String>,
    pub(super) attributes: Option<String>,
    pub(super) excluded_attributes: Option<String>,
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
            let slot = match name.trim_start_matches('?').to_ascii_lowercase().as_str() {
                "filter" => &mut parameters.filter,
                "startindex" => &mut parameters.start_index,
                "count" => &mut parameters.count,
                "attributes" => &mut parameters.attributes,
                "excludedattributes" => &mut parameters.excluded_attributes,
                _ => continue,
            };
            let spaced = value.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8();
            let decoded =
                decoded.map_err(|_| ScimError::invalid_value(format!("{name}: the value is not UTF-8")))?;
            match slot {
                // A repeated list of names goes on; of anything else the last one counts.
                Some(names) if name.to_ascii_lowercase().ends_with("attributes") => {
                    names.push(',');
                    names.push_str(&decoded);
                }
                slot => *slot = Some(decoded.into_owned()),
            }
        }
        Ok(parameters)
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
    /// 400 invalidValue for a number that is none.
    pub(super) fn list_request(&self) -> Result<ListRequest, ScimError> {
        Ok(ListRequest {
            filter: self.filter.clone(),
            start_index: number("startIndex", self.start_index.as_deref())?,
            count: number("count", self.count.as_deref())?,
        })
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
