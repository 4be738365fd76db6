//! The error message of RFC 7644 §3.12 and the one place where refusals get status and scimType.

use std::fmt;

use serde_json::json;

/// The detail error keyword of a 400 or 409 (RFC 7644 §3.12, table 9; RFC 9865 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    /// The filter is malformed, or an attribute and an operator in it don't go together.
    InvalidFilter,
    /// The filter asks for more than the server is willing to process.
    TooMany,
    /// A unique value is already in use.
    Uniqueness,
    /// The attribute can't be changed in this way.
    Mutability,
    /// The request body is not a message of the kind that is expected here.
    InvalidSyntax,
    /// The path of a PATCH operation is malformed or names no attribute.
    InvalidPath,
    /// The path of a PATCH operation selects nothing to operate on.
    NoTarget,
    /// A value is missing or is not of the attribute's type.
    InvalidValue,
    /// The cursor is not one that the server has given out for this query (RFC 9865 §2.1).
    InvalidCursor,
    /// The cursor is too old.
    ExpiredCursor,
    /// The count is not a number, in a query by cursor.
    InvalidCount,
    /// The protocol version in the URL is not supported.
    InvalidVersion,
}

impl ScimType {
    /// The keyword as it stands in the message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidFilter => "invalidFilter",
            Self::TooMany => "tooMany",
            Self::Uniqueness => "uniqueness",
            Self::Mutability => "mutability",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidPath => "invalidPath",
            Self::NoTarget => "noTarget",
            Self::InvalidValue => "invalidValue",
            Self::InvalidCursor => "invalidCursor",
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
            Self::InvalidVersion => "invalidVers",
        }
    }
}

/// A refusal, ready to be answered: HTTP status, scimType and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status code.
    pub status: u16,
    /// The keyword, where table 9 of RFC 7644 has one.
    pub scim_type: Option<ScimType>,
    /// What was refused and why, naming attribute and operation; never a secret.
    pub detail: String,
    /// The position of the operation of a PATCH that is refused, from 0, where it is one.
    pub operation: Option<usize>,
}

/// How much of a detail is answered; names in it come from the request and may be long.
const MAX_DETAIL: usize = 1_000;

fn shortened(detail: &str) -> String {
    match detail.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => format!("{}…", &detail[..end]),
        None => detail.to_owned(),
    }
}

impl ScimError {
    /// A refusal with any status and no scimType.
    pub fn with_status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: None, detail: detail.into(), operation: None }
    }

    /// 400 with a scimType.
    pub fn bad_request(scim_type: ScimType, detail: impl Into<String>) -> Self {
        Self { status: 400, scim_type: Some(scim_type), detail: detail.into(), operation: None }
    }

    /// 400 invalidSyntax.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidSyntax, detail)
    }

    /// 400 invalidValue.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidValue, detail)
    }

    /// 400 invalidPath.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::InvalidPath, detail)
    }

    /// 400 mutability.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::Mutability, detail)
    }

    /// 400 noTarget.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad_request(ScimType::NoTarget, detail)
    }

    /// 409 uniqueness: on POST, PUT and PATCH alike (AMB-34).
    pub fn uniqueness(detail: impl Into<String>) -> Self {
        Self { status: 409, scim_type: Some(ScimType::Uniqueness), detail: detail.into(), operation: None }
    }

    /// The same refusal with `context` in front of its detail.
    pub fn in_context(mut self, context: impl fmt::Display) -> Self {
        self.detail = format!("{context}: {}", self.detail);
        self
    }

    /// The same refusal, as one of the operation at this position of a PATCH.
    pub fn of_operation(mut self, position: usize) -> Self {
        self.operation = Some(position);
        self
    }

    /// The message body; `status` is a string there (RFC 7644 §3.12).
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = json!({
            "schemas": [crate::message::ERROR],
            "status": self.status.to_string(),
        });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = scim_type.as_str().into();
        }
        body["detail"] = shortened(&self.detail).into();
        body
    }
}
