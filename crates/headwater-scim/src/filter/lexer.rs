//! Tokens of a filter or of a PATCH path, each with its byte position.

use super::FilterError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// A run of characters that are neither blank nor one of `()[]"`.
    Word(&'a str),
    /// A JSON string, decoded.
    Text(String),
    OpenParenthesis,
    CloseParenthesis,
    OpenBracket,
    CloseBracket,
}

impl TokenKind<'_> {
    /// The token as an error message shows it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Text(_) => "a quoted value".to_owned(),
            Self::OpenParenthesis => "\"(\"".to_owned(),
            Self::CloseParenthesis => "\")\"".to_owned(),
            Self::OpenBracket => "\"[\"".to_owned(),
            Self::CloseBracket => "\"]\"".to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) position: usize,
}

pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, FilterError> {
    let mut tokens = Vec::new();
    let mut position = 0;
    while let Some(next) = text[position..].chars().next() {
        let kind = match next {
            blank if blank.is_whitespace() => {
                position += blank.len_utf8();
                continue;
            }
            '(' => TokenKind::OpenParenthesis,
            ')' => TokenKind::CloseParenthesis,
            '[' => TokenKind::OpenBracket,
            ']' => TokenKind::CloseBracket,
            '"' => {
                let length = string_length(&text[position..])
                    .ok_or_else(|| FilterError::new(position, "the string has no closing quote"))?;
                let decoded = serde_json::from_str(&text[position..position + length])
                    .map_err(|_| FilterError::new(position, "the string is not a valid JSON string"))?;
                tokens.push(Token { kind: TokenKind::Text(decoded), position });
                position += length;
                continue;
            }
            _ => {
                let rest = &text[position..];
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"'))
                    .unwrap_or(rest.len());
                tokens.push(Token { kind: TokenKind::Word(&rest[..end]), position });
                position += end;
                continue;
            }
        };
        tokens.push(Token { kind, position });
        position += 1;
    }
    Ok(tokens)
}

/// Whether a text in a filter has the character U+0000, escaped as in JSON.
pub fn has_null_character(filter: &str) -> bool {
    let mut escaped = false;
    filter.bytes().enumerate().any(|(index, byte)| {
        let begins = escaped && filter.as_bytes()[index..].starts_with(b"u0000");
        escaped = byte == b'\\' && !escaped;
        begins || byte == 0
    })
}

/// The length of the JSON string that `text` starts with, quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}
