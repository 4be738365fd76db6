//! Which headers are kept.

use super::MASK;

/// Headers of a request or an answer. Only names of a fixed list are taken, so that no cookie and
/// no key is ever among them; of `Authorization` it is kept that it was sent, and of which scheme.
#[derive(Clone, Default)]
pub struct Headers(String);

/// How much of one value is kept.
const MAX_VALUE: usize = 512;
/// How long the headers of most requests are.
const USUAL: usize = 256;
/// How much is kept in all, about.
const MAX_ALL: usize = 4 * 1024;

/// The names, in lower case.
fn is_kept(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "accept-language"
            | "allow"
            | "cache-control"
            | "connection"
            | "content-encoding"
            | "content-length"
            | "content-type"
            | "date"
            | "etag"
            | "expect"
            | "forwarded"
            | "host"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            | "location"
            | "retry-after"
            | "traceparent"
            | "transfer-encoding"
            | "user-agent"
            | "via"
            | "www-authenticate"
            | "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-prefix"
            | "x-forwarded-proto"
            | "x-http-method-override"
            | "x-request-id"
    )
}

impl Headers {
    /// Adds a header, if it is one that is kept. Names are in lower case.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        if self.0.len() > MAX_ALL {
            return;
        }
        if name == "authorization" {
            self.line(name, scheme(value));
            self.0.push_str(MASK);
        } else if is_kept(name) {
            let value = String::from_utf8_lossy(value);
            self.line(name, &value[..value.floor_char_boundary(MAX_VALUE)]);
        }
    }

    fn line(&mut self, name: &str, value: &str) {
        if self.0.is_empty() {
            self.0.reserve(USUAL);
        } else {
            self.0.push('\n');
        }
        self.0.push_str(name);
        self.0.push_str(": ");
        if value.contains(['\n', '\r']) {
            // HTTP allows none; it would read as another header.
            self.0.push('?');
        } else {
            self.0.push_str(value);
        }
    }

    /// The headers as lines of `name: value`, which is how they are stored.
    pub(crate) fn into_lines(self) -> String {
        self.0
    }

    /// The value of a header.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The scheme of an `Authorization`, if it is a known one: a client may send its secret alone.
fn scheme(value: &[u8]) -> &'static str {
    let known = ["Bearer ", "Basic ", "Digest "];
    let sent = |scheme: &&str| {
        value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    known.into_iter().find(sent).unwrap_or_default()
}

/// Headers as they are stored, taken apart.
pub(crate) fn pairs(lines: &str) -> Vec<(String, String)> {
    let pairs = lines.lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::{Headers, pairs};

    #[test]
    fn only_harmless_headers_are_kept() {
        let mut headers = Headers::default();
        headers.add("host", b"id.example.com");
        headers.add("authorization", b"bearer hw_geheim");
        headers.add("authorization", b"geheim");
        headers.add("cookie", b"session=geheim");
        headers.add("x-api-key", b"geheim");
        let pairs = pairs(&headers.into_lines());
        let expected =
            [("host", "id.example.com"), ("authorization", "Bearer •••"), ("authorization", "•••")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
