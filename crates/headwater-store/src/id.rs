//! Identifiers.

use std::fmt;

use uuid::Uuid;

/// The number of a source, which every key starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub i64);

/// The `id` of a resource: a version 7 UUID in lower case, case-exact (RFC 7643 §3.1). Its first
/// part is the moment of its creation, so that ids in order are resources in order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub Uuid);

impl ResourceId {
    /// Reads an id. Just the one form that the server writes is an id: 36 characters, lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if !canonical {
            return None;
        }
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The bytes, as the store keeps them.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        Uuid::from_slice(bytes).ok().map(Self)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a membership names: a resource, or a text that is no resource's id (AMB-04: kept, as
/// clients and a public suite expect it).
///
/// Held as it is stored: 16 bytes are a resource's id, more are 16 zero bytes, a one and the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(Vec<u8>);

/// What a text that is no resource's id has before it.
const FOREIGN: [u8; 17] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

impl MemberId {
    /// Below every member in order.
    pub fn lowest() -> Self {
        Self(Vec::new())
    }

    /// The member that a client names by this text.
    pub fn from_text(text: &str) -> Self {
        match ResourceId::parse(text) {
            Some(id) => Self(id.as_bytes().to_vec()),
            None => Self([&FOREIGN[..], text.as_bytes()].concat()),
        }
    }

    /// The resource's id, unless the text can't be one.
    pub fn resource_id(&self) -> Option<ResourceId> {
        ResourceId::from_slice(&self.0)
    }

    /// The text that clients see.
    pub fn to_text(&self) -> String {
        match self.resource_id() {
            Some(id) => id.to_string(),
            None => String::from_utf8_lossy(self.0.get(FOREIGN.len()..).unwrap_or_default()).into_owned(),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<ResourceId> for MemberId {
    fn from(id: ResourceId) -> Self {
        Self(id.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::{MemberId, ResourceId};

    /// Shows COM-010.
    #[test]
    fn only_the_form_that_is_written_is_an_id() {
        let text = "0198c0de-7b1a-7c3d-8e5f-0123456789ab";
        assert_eq!(ResourceId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        for other in [&text.to_uppercase(), &text.replace('-', ""), &format!("{{{text}}}"), "", "x"] {
            assert_eq!(ResourceId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_member_keeps_its_text() {
        for text in ["0198c0de-7b1a-7c3d-8e5f-0123456789ab", "fake-member-id", "", "sixteen bytes ok", "ü\0"]
        {
            assert_eq!(MemberId::from_text(text).to_text(), text);
        }
    }
}
