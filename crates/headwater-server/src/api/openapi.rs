//! The OpenAPI document: what is said once for all endpoints.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
        Required, Response, ResponseBuilder, SecurityRequirement,
        path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::{
    directory::{GroupSort, Order, UserSort},
    problem::Problem,
};

const DESCRIPTION: &str = "Everything that administrators do with Headwater: the web UI and the command line use the \
same functions. Refusals are problem details (RFC 9457) with a `code` for programs. Lists come page by page: pass the \
`next` of one as the `cursor` of the next. A parameter without a value (`?to=`) is one that was not chosen. \
A POST that creates takes an `Idempotency-Key`. Scripts send an API token as \
`Authorization: Bearer hwa_…`; the web UI has a session cookie, and sends its `csrf_token` as `X-CSRF-Token` with \
everything that is not a GET.";

const TAGS: [(&str, &str); 11] = [
    ("Session", "Signing in and out, and one's own account"),
    ("Sources", "The places that identity providers provision into"),
    ("Tokens", "What the clients of a source show"),
    ("Schemas", "The schemas and resource types of a source, and attributes that no schema knows"),
    ("Users", "Users of all sources, as their identity providers have written them"),
    ("Groups", "Groups and their members"),
    ("Changes", "The journal: what happened, by whom, before and after"),
    ("Requests", "The log of what the clients of a source have sent and got"),
    ("Administrators", "Who may sign in here"),
    ("API tokens", "Tokens for scripts"),
    ("System", "Settings, version, storage and health"),
];

pub(super) fn about() -> OpenApi {
    let mut components = Components::new();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-headwater_session")));
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("session", cookie);
    components.add_security_scheme("api_token", bearer);
    let named = [
        (Problem::name(), Problem::schema()),
        // Those that parameters alone refer to are not found by themselves.
        (Order::name(), Order::schema()),
        (UserSort::name(), UserSort::schema()),
        (GroupSort::name(), GroupSort::schema()),
    ];
    components.schemas.extend(named.map(|(name, schema)| (name.into_owned(), schema)));
    let info = InfoBuilder::new()
        .title("Headwater admin API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(
            LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build(),
        ))
        .build();
    let tags =
        TAGS.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    OpenApiBuilder::new().info(info).components(Some(components)).tags(Some(tags)).build()
}

/// Adds to each operation what may be answered to any of its kind.
pub(super) fn completed(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                complete(path, &method, operation);
            }
        }
    }
    document
}

fn complete(path: &str, method: &HttpMethod, operation: &mut Operation) {
    operation.operation_id = Some(operation_id(path, method));
    let is_public =
        path.starts_with("/api/v1/links/") || path == "/api/v1/session" && *method == HttpMethod::Post;
    let mut problems = vec![("503", "The directory can't be reached at the moment")];
    if !is_public {
        operation.security = Some(vec![
            SecurityRequirement::new("session", [""; 0]),
            SecurityRequirement::new("api_token", [""; 0]),
        ]);
        problems.push(("401", "Nobody is signed in, and there is no valid API token"));
    }
    if *method != HttpMethod::Get || path == "/api/v1/session" {
        problems.push(("403", "One may not, or the request may be forged by another site"));
    }
    let by_source =
        |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.name == "source");
    let names_source =
        operation.parameters.as_ref().is_some_and(|parameters| parameters.iter().any(by_source));
    if path.contains('{') || names_source {
        problems.push(("404", "There is no such thing"));
    }
    let in_query = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query);
    if operation.parameters.as_ref().is_some_and(|parameters| parameters.iter().any(in_query)) {
        problems.push(("400", "The cursor is not one of this list"));
        problems.push(("422", "A value can't be used"));
    }
    if operation.request_body.is_some() {
        problems.push(("400", "The body is not JSON"));
        problems.push(("408", "The body took too long to arrive"));
        problems.push(("413", "The body is too long"));
        problems.push(("415", "The body is not sent as JSON"));
        problems.push(("422", "A value can't be used"));
    }
    if *method == HttpMethod::Post && !is_public && !path.ends_with("/copy") {
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
        problems.push((
            "409",
            "It is in conflict with what is there, or in progress under the same Idempotency-Key",
        ));
        problems.push(("422", "A value can't be used, or the Idempotency-Key was used for another request"));
    }
    for (status, description) in problems {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| problem(description));
    }
}

/// A name for an operation that no other has, such as `post_sources_slug_tokens`.
fn operation_id(path: &str, method: &HttpMethod) -> String {
    let verb = match method {
        HttpMethod::Get => "get",
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Patch => "patch",
        _ => "delete",
    };
    let words = path.trim_start_matches("/api/v1/").split(['/', '-', '{', '}']);
    words.filter(|word| !word.is_empty()).fold(verb.to_owned(), |id, word| format!("{id}_{word}"))
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Sent again under the same key, the request is answered again and not done again, for a day.",
        ))
        .schema(Some(text))
        .build()
}

fn problem(description: &str) -> RefOr<Response> {
    let content =
        Content::new(Some(RefOr::<utoipa::openapi::Schema>::Ref(Ref::from_schema_name(Problem::name()))));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
        .into()
}
