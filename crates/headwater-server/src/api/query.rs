//! What may stand in the query of a URL: what the document of the API says of the path.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hyper::Method;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
};

use super::Problem;

/// The names of the parameters of each path, by method.
pub(super) struct Queries(HashMap<String, HashMap<Method, HashSet<String>>>);

impl Queries {
    pub(super) fn of(document: &OpenApi) -> Self {
        let of_paths = document.paths.paths.iter().map(|(path, item)| {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            let known = operations
                .into_iter()
                .filter_map(|(method, operation)| Some((method, in_query(operation.as_ref()?))));
            (path.clone(), known.collect())
        });
        Self(of_paths.collect())
    }

    fn of_request(&self, request: &Request) -> Option<&HashSet<String>> {
        let path = request.extensions().get::<MatchedPath>()?;
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.0.get(path.as_str())?.get(method)
    }
}

fn in_query(operation: &Operation) -> HashSet<String> {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None, // the document has none
    });
    let of_query = parameters.filter(|parameter| matches!(parameter.parameter_in, ParameterIn::Query));
    of_query.map(|parameter| parameter.name.clone()).collect()
}

/// Refuses what nobody would look at: its sender thinks that it has an effect.
pub(super) async fn refuse_unknown(
    State(queries): State<Arc<Queries>>,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let unknown = queries.of_request(&request).and_then(|known| {
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        names.find(|name| !known.contains(&**name)).map(std::borrow::Cow::into_owned)
    });
    match unknown {
        Some(name) => {
            let detail = format!("The query can't be used: there is no parameter {name:?}.");
            Problem::invalid(&name, detail).into_response()
        }
        None => next.run(request).await,
    }
}
