//! The endpoints of resources: `/Users`, `/Groups` and what is below them.

use std::sync::Arc;

use axum::body::HttpBody;
use bytes::Bytes;
use headwater_scim::{error::ScimError, json, message, projection::Projection, resource_type::ResourceType};
use serde_json::Value;

use super::{Answered, Exchange, Failure, body, body::Sent, conditions, query::Parameters, respond};
use crate::provisioning::{BulkRequest, ListRequest, Provisioning, Refusal};

/// From which length on, in bytes, a bulk request is parsed on a thread of its own, and needs a place while it
/// arrives.
const LONG: usize = 256 * 1024;

impl Exchange<'_> {
    fn parameters(&self) -> Result<Parameters, ScimError> {
        Parameters::read(self.head.uri.query())
    }

    async fn body(&mut self) -> Result<Bytes, Refusal> {
        body::check_headers(&self.head.headers, self.caller.source.profile)?;
        let configuration = &self.context.configuration;
        let read =
            body::read(self.body, &self.head.headers, configuration.max_body_bytes, configuration).await?;
        self.caller.noted.body(&read);
        self.caller.check_let_in(self.context).await?;
        Ok(read)
    }

    fn asked_projection(&self, resource_type: &ResourceType) -> Result<Projection, ScimError> {
        self.parameters()?.projection(resource_type)
    }

    pub(super) async fn create(mut self, resource_type: &Arc<ResourceType>) -> Answered {
        let projection = self.asked_projection(resource_type)?;
        let body = json::parse(&self.body().await?)?;
        let provisioning = Provisioning::new(self.context, &self.caller);
        let answer = provisioning.create(resource_type, body, &projection).await?;
        Ok(respond::resource(201, answer, self.context, self.caller.source.id))
    }

    pub(super) async fn read(self, resource_type: &Arc<ResourceType>, id: &str) -> Answered {
        let asked = self.asked_projection(resource_type);
        let projection =
            settle(&Provisioning::new(self.context, &self.caller), asked, resource_type, id).await?;
        let provisioning = Provisioning::new(self.context, &self.caller);
        let answer = provisioning.read(resource_type, id, &projection).await?;
        if conditions::is_ruled_out(&self.head.headers, &answer.version) {
            let detail = "the resource is not, or no longer, of a version that If-Match names";
            return Err(ScimError::with_status(412, detail).into());
        }
        if conditions::is_none_match(&self.head.headers, &answer.version) {
            return Ok(respond::empty(304, Some(&answer.version)));
        }
        Ok(respond::resource(200, answer, self.context, self.caller.source.id))
    }

    pub(super) async fn replace(mut self, resource_type: &Arc<ResourceType>, id: &str) -> Answered {
        let asked = self.asked_projection(resource_type);
        let projection =
            settle(&Provisioning::new(self.context, &self.caller), asked, resource_type, id).await?;
        let body = self.body().await?;
        let precondition = conditions::of_change(&self.head.headers);
        let provisioning = Provisioning::new(self.context, &self.caller);
        let answer =
            provisioning.replace(resource_type, id, || json::parse(&body), precondition, &projection).await?;
        Ok(respond::resource(200, answer, self.context, self.caller.source.id))
    }

    pub(super) async fn patch(mut self, resource_type: &Arc<ResourceType>, id: &str) -> Answered {
        let asked = self.asked_projection(resource_type);
        let projection =
            settle(&Provisioning::new(self.context, &self.caller), asked, resource_type, id).await?;
        let body = self.body().await?;
        let precondition = conditions::of_change(&self.head.headers);
        let provisioning = Provisioning::new(self.context, &self.caller);
        let (answer, version) =
            provisioning.patch(resource_type, id, || json::parse(&body), precondition, &projection).await?;
        Ok(match answer {
            Some(answer) => respond::resource(200, answer, self.context, self.caller.source.id),
            None => respond::empty(204, Some(&version)),
        })
    }

    pub(super) async fn delete(self, resource_type: &Arc<ResourceType>, id: &str) -> Answered {
        let precondition = conditions::of_change(&self.head.headers);
        Provisioning::new(self.context, &self.caller).delete(resource_type, id, precondition).await?;
        Ok(respond::empty(204, None))
    }

    pub(super) async fn list(self, resource_type: &Arc<ResourceType>) -> Answered {
        let parameters = self.parameters()?;
        self.query(std::slice::from_ref(resource_type), &parameters).await
    }

    /// POST to `/.search` (RFC 7644 §3.4.3): the query stands in the body.
    pub(super) async fn search(mut self, resource_types: &[Arc<ResourceType>]) -> Answered {
        let body = json::parse(&self.body().await?)?;
        let parameters = search_request(body)?;
        self.query(resource_types, &parameters).await
    }

    /// POST to `/Bulk` (RFC 7644 §3.7).
    pub(super) async fn bulk(self) -> Answered {
        body::check_headers(&self.head.headers, self.caller.source.profile)?;
        let (room, source) = (&self.context.room, self.caller.source.id);
        let arriving = if is_long(self.body) {
            Some(room.arriving.take(source).await.map_err(Refusal::from)?)
        } else {
            None
        };
        let configuration = &self.context.configuration;
        let most = configuration.max_bulk_bytes;
        let read =
            body::read(self.body, &self.head.headers, most, configuration).await.map_err(|mut error| {
                if error.status == 413 {
                    error.detail = format!("the size of the bulk request exceeds maxPayloadSize ({most})");
                }
                error
            })?;
        self.caller.noted.body(&read);
        // It is read but once: as long as it is, it is not to be kept while it is carried out.
        *self.body = Sent::Gone;
        let _place = room.bulk.take(source).await.map_err(Refusal::from)?;
        drop(arriving);
        let length = read.len();
        let request = parsed(read).await?;
        let provisioning = Provisioning::new(self.context, &self.caller);
        // By itself: it is larger than what all other requests need, which would carry its room along.
        let answer = Box::pin(provisioning.bulk(request, length)).await?;
        Ok(respond::json(200, &answer))
    }

    /// GET on the base URL, with a query: all types at once (RFC 7644 §3.4.2.1).
    pub(super) async fn list_all(self) -> Answered {
        let parameters = self.parameters()?;
        let resource_types = self.caller.registry.resource_types.clone();
        self.query(&resource_types, &parameters).await
    }

    async fn query(self, resource_types: &[Arc<ResourceType>], parameters: &Parameters) -> Answered {
        let projections: Vec<Projection> = resource_types
            .iter()
            .map(|resource_type| parameters.projection(resource_type))
            .collect::<Result<_, _>>()?;
        let request: ListRequest = parameters.list_request()?;
        let provisioning = Provisioning::new(self.context, &self.caller);
        let answer = provisioning.list(resource_types, &request, &projections).await?;
        Ok(respond::resource(200, answer, self.context, self.caller.source.id))
    }
}

/// Whether a bulk request is long, or doesn't say how long it is.
fn is_long(sent: &Sent) -> bool {
    match sent {
        Sent::Unread(body) => body.size_hint().upper().is_none_or(|most| most >= LONG as u64),
        Sent::Read(_) | Sent::Gone => false,
    }
}

/// Parses a bulk request; a long one where that holds up nobody.
async fn parsed(body: Bytes) -> Result<BulkRequest, ScimError> {
    let is_long = body.len() >= LONG;
    let parse = move || BulkRequest::read(json::parse(&body)?);
    if !is_long {
        return parse();
    }
    match tokio::task::spawn_blocking(parse).await {
        Ok(parsed) => parsed,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(ScimError::with_status(503, "the server is stopping")),
    }
}

/// What the answer is to carry. That a resource isn't there is said before what is wrong with the
/// question.
async fn settle(
    provisioning: &Provisioning<'_>,
    asked: Result<Projection, ScimError>,
    resource_type: &ResourceType,
    id: &str,
) -> Result<Projection, Failure> {
    if asked.is_err() {
        provisioning.exists(resource_type, id).await?;
    }
    Ok(asked?)
}

/// A number as it stands in a URL: one beyond 64 bits is as good as any other that large.
fn whole(number: &serde_json::Number) -> String {
    let huge = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() >= 1e18);
    match huge {
        Some(value) if !number.is_i64() => format!("{value:.0}"),
        _ => number.to_string(),
    }
}

fn search_request(body: headwater_scim::Object) -> Result<Parameters, ScimError> {
    let mut parameters = Parameters::default();
    let mut schemas = None;
    for (name, value) in body {
        let lower = name.to_ascii_lowercase();
        if lower == "schemas" {
            schemas = Some(value);
            continue;
        }
        let Some(slot) = parameters.slot(&lower) else { continue };
        *slot = match (lower.as_str(), value) {
            (_, Value::Null) => None,
            ("filter" | "sortby" | "sortorder" | "cursor", Value::String(text)) => Some(text),
            ("startindex" | "count", Value::Number(number)) => Some(whole(&number)),
            ("attributes" | "excludedattributes", Value::Array(names)) => {
                let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
                let names = names
                    .ok_or_else(|| ScimError::invalid_syntax(format!("{name}: expected a list of names")))?;
                Some(names.join(","))
            }
            _ => return Err(ScimError::invalid_syntax(format!("{name}: the value has the wrong type"))),
        };
    }
    let named = match &schemas {
        Some(Value::Array(urns)) => urns.iter().any(|urn| urn.as_str() == Some(message::SEARCH_REQUEST)),
        _ => false,
    };
    if named {
        return Ok(parameters);
    }
    Err(ScimError::invalid_syntax(format!("schemas: a search has the schema {}", message::SEARCH_REQUEST)))
}
