//! The grammar of RFC 7644 figure 1 by precedence climbing, with what clients really send:
//! `emails[type eq "work"].value eq "x"`, `manager eq "x"`, `not(`, operators in any case.

use std::sync::Arc;

use serde_json::Number;

use super::{
    Comparison, Filter, Literal, MAX_DEPTH, MAX_LENGTH, MAX_TERMS, Operator,
    lexer::{Token, TokenKind, tokens},
};
use crate::{
    comparison, date_time,
    error::{ScimError, ScimType},
    path::AttributePath,
    resource_type::ResourceType,
    schema::{Attribute, AttributeType},
};

/// Why a text is not a filter of a resource type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at position {position})")]
pub struct FilterError {
    /// The byte of the filter, counted from 1, where it goes wrong.
    pub position: usize,
    /// The reason, for people.
    pub message: String,
}

impl FilterError {
    /// `offset` counts from 0.
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { position: offset + 1, message: message.into() }
    }
}

impl From<FilterError> for ScimError {
    fn from(error: FilterError) -> Self {
        Self::bad_request(ScimType::InvalidFilter, format!("filter: {error}"))
    }
}

pub(super) fn parse(
    text: &str,
    resource_type: &ResourceType,
    others: &[Arc<ResourceType>],
) -> Result<Filter, FilterError> {
    let mut parser = Parser { others, ..Parser::new(text, resource_type)? };
    let filter = parser.disjunction()?;
    parser.expect_end()?;
    Ok(filter)
}

/// Parses `attribute[filter]` or `attribute[filter].subAttribute`, the valuePath of a PATCH.
pub(crate) fn parse_value_path(
    text: &str,
    resource_type: &ResourceType,
) -> Result<(AttributePath, Filter), FilterError> {
    let mut parser = Parser::new(text, resource_type)?;
    let word = match parser.next() {
        Some(Token { kind: TokenKind::Word(word), position }) => (word, position),
        _ => return Err(FilterError::new(0, "expected an attribute")),
    };
    let path = parser.attribute(word.0, word.1)?;
    let (path, filter, sub) = parser.elements(path)?;
    parser.expect_end()?;
    Ok((AttributePath { sub_attribute: sub, ..path }, filter))
}

/// The path of an attribute of another type. What stands in its base schema is named as if that were an
/// extension: so no resource of the type in hand has a value there, whatever its own attributes are called.
fn of_another(word: &str, other: &ResourceType) -> Option<AttributePath> {
    let path = AttributePath::parse(word, other).ok()?;
    let extension = path.extension.clone().or_else(|| Some(Arc::clone(&other.schema)));
    Some(AttributePath { extension, ..path })
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
    end: usize,
    resource_type: &'a ResourceType,
    /// Types whose attributes may be named too; a resource of `resource_type` has no value of them.
    others: &'a [Arc<ResourceType>],
    /// The attribute whose brackets we are in.
    inside: Option<AttributePath>,
    depth: usize,
    terms: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, resource_type: &'a ResourceType) -> Result<Self, FilterError> {
        if text.len() > MAX_LENGTH {
            return Err(FilterError::new(
                MAX_LENGTH,
                format!("the filter is longer than {MAX_LENGTH} bytes"),
            ));
        }
        Ok(Self {
            tokens: tokens(text)?.into_iter().peekable(),
            end: text.len(),
            resource_type,
            others: &[],
            inside: None,
            depth: 0,
            terms: 0,
        })
    }

    fn next(&mut self) -> Option<Token<'a>> {
        self.tokens.next()
    }

    fn position(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |token| token.position)
    }

    fn expect_end(&mut self) -> Result<(), FilterError> {
        match self.next() {
            None => Ok(()),
            Some(Token { kind, position }) => Err(FilterError::new(
                position,
                format!("expected \"and\", \"or\" or the end, found {}", kind.describe()),
            )),
        }
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.tokens.peek(), Some(Token { kind: TokenKind::Word(word), .. }) if word.eq_ignore_ascii_case(keyword));
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, wanted: &TokenKind<'static>) -> Result<(), FilterError> {
        let position = self.position();
        match self.next() {
            Some(token) if token.kind == *wanted => Ok(()),
            _ => Err(FilterError::new(position, format!("expected {}", wanted.describe()))),
        }
    }

    fn deeper<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FilterError::new(
                self.position(),
                format!("the filter nests deeper than {MAX_DEPTH} levels"),
            ));
        }
        let parsed = parse(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    // RFC 7644 §3.4.2.2: grouping, then comparisons, then not, then and, then or.
    fn disjunction(&mut self) -> Result<Filter, FilterError> {
        let mut terms = vec![self.conjunction()?];
        while self.take_keyword("or") {
            terms.push(self.conjunction()?);
        }
        Ok(one_or(terms, Filter::Or))
    }

    fn conjunction(&mut self) -> Result<Filter, FilterError> {
        let mut terms = vec![self.term()?];
        while self.take_keyword("and") {
            terms.push(self.term()?);
        }
        Ok(one_or(terms, Filter::And))
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        let position = self.position();
        let Some(token) = self.next() else {
            return Err(FilterError::new(position, "expected an attribute, \"not\" or \"(\", found the end"));
        };
        match token.kind {
            TokenKind::OpenParenthesis => self.deeper(|parser| {
                let inner = parser.disjunction()?;
                parser.expect(&TokenKind::CloseParenthesis)?;
                Ok(inner)
            }),
            TokenKind::Word(word) if word.eq_ignore_ascii_case("not") && self.at_parenthesis() => {
                self.expect(&TokenKind::OpenParenthesis)?;
                self.deeper(|parser| {
                    let inner = parser.disjunction()?;
                    parser.expect(&TokenKind::CloseParenthesis)?;
                    Ok(Filter::Not(Box::new(inner)))
                })
            }
            TokenKind::Word(word) if word.eq_ignore_ascii_case("not") && !self.at_bracket() => {
                Err(FilterError::new(self.position(), "\"not\" is followed by a filter in parentheses"))
            }
            TokenKind::Word(word) => self.expression(word, token.position),
            other => Err(FilterError::new(
                position,
                format!("expected an attribute, \"not\" or \"(\", found {}", other.describe()),
            )),
        }
    }

    fn at_parenthesis(&mut self) -> bool {
        matches!(self.tokens.peek(), Some(Token { kind: TokenKind::OpenParenthesis, .. }))
    }

    fn at_bracket(&mut self) -> bool {
        matches!(self.tokens.peek(), Some(Token { kind: TokenKind::OpenBracket, .. }))
    }

    fn expression(&mut self, word: &str, position: usize) -> Result<Filter, FilterError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(FilterError::new(position, format!("the filter has more than {MAX_TERMS} terms")));
        }
        let path = self.attribute(word, position)?;
        if !self.at_bracket() {
            return self.comparison(path, position);
        }
        let (path, filter, sub) = self.elements(path)?;
        let Some(sub) = sub else {
            return Ok(Filter::Element { path, filter: Box::new(filter) });
        };
        // Entra ID: `emails[type eq "work"].value eq "x"` asks for one element that meets both.
        let of_element = |term| {
            let mut terms = match filter {
                Filter::And(terms) => terms,
                other => vec![other],
            };
            terms.push(term);
            Filter::Element { path: path.clone(), filter: Box::new(Filter::And(terms)) }
        };
        // `ne` and `eq null` are opposites: they hold when no such element does otherwise.
        Ok(match self.comparison(path.child(&sub), position)? {
            Filter::Compare(Comparison { path, operator: Operator::Ne, literal: Literal::Null }) => {
                of_element(Filter::Present(path))
            }
            Filter::Compare(Comparison { path, operator: Operator::Eq, literal: Literal::Null }) => {
                Filter::Not(Box::new(of_element(Filter::Present(path))))
            }
            Filter::Compare(Comparison { path, operator: Operator::Ne, literal }) => {
                let equal = Filter::Compare(Comparison { path, operator: Operator::Eq, literal });
                Filter::Not(Box::new(of_element(equal)))
            }
            other => of_element(other),
        })
    }

    /// The rest of a valuePath, from its opening bracket on.
    fn elements(
        &mut self,
        path: AttributePath,
    ) -> Result<(AttributePath, Filter, Option<Arc<Attribute>>), FilterError> {
        let position = self.position();
        if self.inside.is_some() {
            return Err(FilterError::new(position, "brackets don't nest"));
        }
        if path.sub_attribute.is_some() || !(path.attribute.is_complex() || path.attribute.multi_valued) {
            return Err(FilterError::new(position, format!("{path} has no elements to filter")));
        }
        self.expect(&TokenKind::OpenBracket)?;
        self.inside = Some(path.clone());
        let filter = self.deeper(Self::disjunction)?;
        self.inside = None;
        self.expect(&TokenKind::CloseBracket)?;
        let Some(Token { kind: TokenKind::Word(word), position }) = self.tokens.peek() else {
            return Ok((path, filter, None));
        };
        let Some(name) = word.strip_prefix('.') else {
            return Ok((path, filter, None));
        };
        let sub = path.attribute.sub_attribute(name).cloned();
        let sub =
            sub.ok_or_else(|| FilterError::new(*position, format!("{path} has no sub-attribute {name:?}")))?;
        self.next();
        Ok((path, filter, Some(sub)))
    }

    fn attribute(&self, word: &str, position: usize) -> Result<AttributePath, FilterError> {
        let path = match &self.inside {
            None => {
                let own = AttributePath::parse(word, self.resource_type);
                let others = || self.others.iter().find_map(|other| of_another(word, other));
                own.or_else(|error| others().ok_or(error))
                    .map_err(|error| FilterError::new(position, error.to_string()))?
            }
            Some(parent) if parent.attribute.is_complex() => {
                let sub = parent.attribute.sub_attribute(word).ok_or_else(|| {
                    FilterError::new(position, format!("{parent} has no sub-attribute {word:?}"))
                })?;
                parent.child(sub)
            }
            // AMB-36: the elements of a list of plain values are called `value`.
            Some(parent) if word.eq_ignore_ascii_case("value") => parent.clone(),
            Some(parent) => {
                return Err(FilterError::new(
                    position,
                    format!("the elements of {parent} are called \"value\""),
                ));
            }
        };
        if path.leaf().is_never_returned() {
            return Err(FilterError::new(position, format!("{path} can't be used in a filter")));
        }
        Ok(path)
    }

    fn comparison(&mut self, path: AttributePath, position: usize) -> Result<Filter, FilterError> {
        let operator_position = self.position();
        let word = match self.next() {
            Some(Token { kind: TokenKind::Word(word), .. }) => word,
            Some(other) => {
                return Err(FilterError::new(
                    operator_position,
                    format!("expected an operator, found {}", other.kind.describe()),
                ));
            }
            None => return Err(FilterError::new(operator_position, "expected an operator, found the end")),
        };
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path));
        }
        let operator = operator(word).ok_or_else(|| {
            FilterError::new(
                operator_position,
                format!("{word:?} is not an operator; eq, ne, co, sw, ew, gt, ge, lt, le and pr are"),
            )
        })?;
        // AMB-22: null is about the attribute itself, not about its `value`.
        let at_null = matches!(self.tokens.peek(), Some(Token { kind: TokenKind::Word("null"), .. }));
        if at_null && path.leaf().is_complex() && matches!(operator, Operator::Eq | Operator::Ne) {
            self.next();
            let present = Filter::Present(path);
            return Ok(if operator == Operator::Ne { present } else { Filter::Not(Box::new(present)) });
        }
        let path = comparable(path).map_err(|message| FilterError::new(position, message))?;
        let value_position = self.position();
        let token =
            self.next().ok_or_else(|| FilterError::new(value_position, "expected a value, found the end"))?;
        let literal = literal(&path, operator, token.kind)
            .map_err(|message| FilterError::new(value_position, message))?;
        Ok(Filter::Compare(Comparison { path, operator, literal }))
    }
}

fn one_or(mut terms: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        Some(last) => {
            terms.push(last);
            join(terms)
        }
        None => join(terms),
    }
}

fn operator(word: &str) -> Option<Operator> {
    const ALL: [Operator; 9] = [
        Operator::Eq,
        Operator::Ne,
        Operator::Co,
        Operator::Sw,
        Operator::Ew,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
    ];
    ALL.into_iter().find(|operator| word.eq_ignore_ascii_case(operator.as_str()))
}

/// A complex attribute is compared by its `value` (AMB-25; Entra ID: `manager eq "x"`).
fn comparable(path: AttributePath) -> Result<AttributePath, String> {
    if !path.leaf().is_complex() {
        return Ok(path);
    }
    match path.attribute.value_attribute() {
        Some(value) if path.sub_attribute.is_none() => {
            let value = Arc::clone(value);
            Ok(path.child(&value))
        }
        _ => Err(format!("{path} is complex; compare one of its sub-attributes")),
    }
}

fn literal(path: &AttributePath, operator: Operator, token: TokenKind<'_>) -> Result<Literal, String> {
    let attribute = path.leaf();
    let attribute_type = attribute.attribute_type;
    let unfit = || {
        format!("the operator {} doesn't fit {path}, which is of type {attribute_type:?}", operator.as_str())
    };
    let ordered = matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
    let substring = matches!(operator, Operator::Co | Operator::Sw | Operator::Ew);
    if substring && !matches!(attribute_type, AttributeType::String | AttributeType::Reference) {
        return Err(unfit()); // AMB-24
    }
    if ordered && matches!(attribute_type, AttributeType::Boolean | AttributeType::Binary) {
        return Err(unfit()); // RFC 7644 table 3
    }
    if matches!(token, TokenKind::Word("null")) {
        return if ordered || substring { Err(unfit()) } else { Ok(Literal::Null) };
    }
    let mismatch =
        |found: &str| Err(format!("{path} is of type {attribute_type:?} and can't be compared with {found}"));
    match (attribute_type, token) {
        (AttributeType::Boolean, TokenKind::Word(word)) if word.eq_ignore_ascii_case("true") => {
            Ok(Literal::Boolean(true))
        }
        (AttributeType::Boolean, TokenKind::Word(word)) if word.eq_ignore_ascii_case("false") => {
            Ok(Literal::Boolean(false))
        }
        // AMB-21; Entra ID: `roles[primary eq "True"]`
        (AttributeType::Boolean, TokenKind::Text(text)) if text.eq_ignore_ascii_case("true") => {
            Ok(Literal::Boolean(true))
        }
        (AttributeType::Boolean, TokenKind::Text(text)) if text.eq_ignore_ascii_case("false") => {
            Ok(Literal::Boolean(false))
        }
        (AttributeType::Integer | AttributeType::Decimal, TokenKind::Word(word)) => {
            word.parse::<Number>().map(Literal::Number).or_else(|_| mismatch(&format!("{word:?}")))
        }
        (AttributeType::DateTime, TokenKind::Text(text)) => match date_time::parse(&text) {
            Some(nanoseconds) => Ok(Literal::Instant { text, nanoseconds }),
            None => mismatch("a value that is not a dateTime"),
        },
        (AttributeType::String | AttributeType::Reference | AttributeType::Binary, TokenKind::Text(text)) => {
            let key = comparison::key(&text, attribute.compares_exactly()).into_owned();
            Ok(Literal::Text { text, key })
        }
        (_, TokenKind::Word(word)) => mismatch(&format!("{word}; text stands in double quotes")),
        (_, other) => mismatch(&other.describe()),
    }
}
