//! Many operations in one request (RFC 7644 §3.7): the message read, its `bulkId` references followed,
//! and the order in which the operations can be done.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, HashSet},
};

use serde_json::Value;

use crate::{
    Object,
    discovery::MAX_BULK_OPERATIONS,
    error::{ScimError, ScimType},
    message,
};

/// What a reference to another operation of the request begins with.
const PREFIX: &str = "bulkId:";

/// A bulk request whose structure is right; single operations in it may still be wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkRequest {
    /// After how many errors the rest is not done; `None` does as much as can be done.
    pub fail_on_errors: Option<usize>,
    /// The operations, in the order of the request.
    pub operations: Vec<BulkOperation>,
}

/// One operation, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkOperation {
    /// The method as it was sent, in capitals; what is no method too.
    pub method: String,
    /// What the client calls the resource to be made.
    pub bulk_id: Option<String>,
    /// The endpoint and the id that its path has, where it has the form of one.
    pub place: Option<(String, Option<String>)>,
    /// What is to be done, or why that can't be told.
    pub task: Result<Task, ScimError>,
}

/// What an operation is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The kind.
    pub kind: TaskKind,
    /// The endpoint of the resource type, without a slash.
    pub endpoint: String,
    /// The id of the resource, or a reference to one; `None` for a creation.
    pub id: Option<String>,
    /// The body; `None` for a deletion.
    pub data: Option<Object>,
    /// The version that the resource has to have.
    pub version: Option<String>,
    /// The bulkIds that it refers to as it was sent, in its path and in its data.
    pub references: Vec<String>,
}

/// The kinds of operations in a bulk request (RFC 7644 §3.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// POST.
    Create,
    /// PUT.
    Replace,
    /// PATCH.
    Modify,
    /// DELETE.
    Delete,
}

impl BulkRequest {
    /// Reads a request body. What is wrong with a single operation is kept with it.
    ///
    /// # Errors
    /// 400 invalidSyntax for a message of another kind or structure; 413 for more than
    /// [`MAX_BULK_OPERATIONS`].
    pub fn read(body: Object) -> Result<Self, ScimError> {
        let mut fail_on_errors = None;
        let mut operations = None;
        for (name, value) in body {
            match name.to_ascii_lowercase().as_str() {
                "schemas" => check_schemas(&value)?,
                "failonerrors" => fail_on_errors = read_fail_on_errors(&value)?,
                "operations" => operations = Some(value),
                _ => {}
            }
        }
        let Some(Value::Array(operations)) = operations else {
            return Err(ScimError::invalid_syntax("Operations: expected a list of operations"));
        };
        if operations.len() > MAX_BULK_OPERATIONS {
            let detail = format!(
                "the request has {} operations, which exceeds maxOperations ({MAX_BULK_OPERATIONS})",
                operations.len()
            );
            return Err(ScimError {
                scim_type: Some(ScimType::TooMany),
                ..ScimError::with_status(413, detail)
            });
        }
        let mut operations: Vec<BulkOperation> = operations.into_iter().map(BulkOperation::read).collect();
        refuse_repeated_ids(&mut operations);
        Ok(Self { fail_on_errors, operations })
    }

    /// The operations in an order in which each comes behind those that it needs: the resources that
    /// it refers to by `bulkId`, and earlier operations on the same resource; for a deletion, earlier
    /// ones that name the resource in their data too. What needs nothing stays
    /// in its place. Creations that need each other form one group, to be done together.
    pub fn order(&self) -> Vec<Vec<usize>> {
        let needs = self.needs();
        let groups = circles(&needs);
        let mut group_of = vec![0; needs.len()];
        for (number, group) in groups.iter().enumerate() {
            for operation in group {
                group_of[*operation] = number;
            }
        }
        let mut waiting = vec![0_usize; groups.len()];
        let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
        for (number, group) in groups.iter().enumerate() {
            let needed =
                group.iter().flat_map(|operation| &needs[*operation]).map(|needed| group_of[*needed]);
            let needed: BTreeSet<usize> = needed.filter(|needed| *needed != number).collect();
            waiting[number] = needed.len();
            for needed in needed {
                needed_by[needed].push(number);
            }
        }
        let ready = |number: usize| Reverse((groups[number][0], number));
        let mut heap: BinaryHeap<_> =
            (0..groups.len()).filter(|number| waiting[*number] == 0).map(ready).collect();
        let mut order = Vec::with_capacity(groups.len());
        while let Some(Reverse((_, number))) = heap.pop() {
            for dependent in &needed_by[number] {
                waiting[*dependent] -= 1;
                if waiting[*dependent] == 0 {
                    heap.push(ready(*dependent));
                }
            }
            order.push(groups[number].clone());
        }
        order
    }

    /// What each operation needs to have been done before it.
    fn needs(&self) -> Vec<BTreeSet<usize>> {
        let created: HashMap<&str, usize> = self
            .operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| operation.task.as_ref().is_ok_and(|task| task.kind == TaskKind::Create))
            .filter_map(|(position, operation)| Some((operation.bulk_id.as_deref()?, position)))
            .collect();
        let deleted: HashSet<&str> = self
            .operations
            .iter()
            .filter_map(|operation| operation.task.as_ref().ok())
            .filter(|task| task.kind == TaskKind::Delete)
            .filter_map(|task| task.id.as_deref())
            .collect();
        let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut last_on: HashMap<(&str, &str), usize> = HashMap::new();
        let mut needs = Vec::with_capacity(self.operations.len());
        for (position, operation) in self.operations.iter().enumerate() {
            let mut needed = BTreeSet::new();
            if let Ok(task) = &operation.task {
                for reference in &task.references {
                    needed.extend(created.get(reference.as_str()).filter(|needed| **needed != position));
                }
                if let (TaskKind::Delete, Some(id)) = (task.kind, task.id.as_deref()) {
                    needed.extend(named.remove(id).into_iter().flatten());
                }
                if let Some(data) = task.data.as_ref().filter(|_| !deleted.is_empty()) {
                    each_text(data.values(), &mut |text| {
                        if let Some(id) = deleted.get(text) {
                            named.entry(id).or_default().push(position);
                        }
                    });
                }
                if let Some(id) = &task.id {
                    needed.extend(last_on.insert((task.endpoint.as_str(), id.as_str()), position));
                }
            }
            needs.push(needed);
        }
        needs
    }
}

/// Calls `visit` with every text in values.
fn each_text<'a>(values: impl Iterator<Item = &'a Value>, visit: &mut dyn FnMut(&'a str)) {
    for value in values {
        match value {
            Value::String(text) => visit(text),
            Value::Array(values) => each_text(values.iter(), visit),
            Value::Object(members) => each_text(members.values(), visit),
            _ => {}
        }
    }
}

/// Groups of those that need each other, each sorted; most are alone (Tarjan's strongly connected
/// components, without recursion).
fn circles(needs: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    struct Visit<'a> {
        operation: usize,
        rest: std::collections::btree_set::Iter<'a, usize>,
    }
    let mut number: Vec<Option<usize>> = vec![None; needs.len()];
    let mut lowest = vec![0; needs.len()];
    let mut open = vec![false; needs.len()];
    let (mut stack, mut groups, mut next) = (Vec::new(), Vec::new(), 0);
    for start in 0..needs.len() {
        if number[start].is_some() {
            continue;
        }
        let mut visits: Vec<Visit<'_>> = Vec::new();
        let mut entering = Some(start);
        loop {
            if let Some(operation) = entering.take() {
                number[operation] = Some(next);
                lowest[operation] = next;
                next += 1;
                stack.push(operation);
                open[operation] = true;
                visits.push(Visit { operation, rest: needs[operation].iter() });
            }
            let Some(visit) = visits.last_mut() else { break };
            let operation = visit.operation;
            if let Some(needed) = visit.rest.next() {
                match number[*needed] {
                    None => entering = Some(*needed),
                    Some(seen) if open[*needed] => lowest[operation] = lowest[operation].min(seen),
                    Some(_) => {}
                }
                continue;
            }
            visits.pop();
            if let Some(parent) = visits.last() {
                lowest[parent.operation] = lowest[parent.operation].min(lowest[operation]);
            }
            if number[operation] == Some(lowest[operation]) {
                let from = stack.iter().rposition(|one| *one == operation).unwrap_or(0);
                let mut group = stack.split_off(from);
                for one in &group {
                    open[*one] = false;
                }
                group.sort_unstable();
                groups.push(group);
            }
        }
    }
    groups
}

impl BulkOperation {
    fn read(operation: Value) -> Self {
        let Value::Object(members) = operation else {
            let task = Err(ScimError::invalid_syntax("expected an object"));
            return Self { method: String::new(), bulk_id: None, place: None, task };
        };
        let mut parts: HashMap<String, Value> =
            members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let method = match parts.remove("method") {
            Some(Value::String(method)) => method.to_ascii_uppercase(),
            _ => String::new(),
        };
        let bulk_id = match parts.remove("bulkid") {
            Some(Value::String(id)) => Some(id),
            _ => None,
        };
        let place = match parts.get("path") {
            Some(Value::String(path)) => read_path(path),
            _ => None,
        };
        let task = Task::read(&method, bulk_id.as_deref(), place.clone(), parts);
        Self { method, bulk_id, place, task }
    }

    /// Whether it is to create something, be it well formed or not.
    pub fn is_creation(&self) -> bool {
        self.method == "POST"
    }
}

impl Task {
    fn read(
        method: &str,
        bulk_id: Option<&str>,
        place: Option<(String, Option<String>)>,
        mut parts: HashMap<String, Value>,
    ) -> Result<Self, ScimError> {
        let kind = match method {
            "POST" => TaskKind::Create,
            "PUT" => TaskKind::Replace,
            "PATCH" => TaskKind::Modify,
            "DELETE" => TaskKind::Delete,
            other => {
                let detail = format!("method: {other:?} is not POST, PUT, PATCH or DELETE");
                return Err(ScimError::invalid_syntax(detail));
            }
        };
        if kind == TaskKind::Create && bulk_id.is_none_or(str::is_empty) {
            return Err(ScimError::invalid_syntax("bulkId: a POST needs one"));
        }
        let Some(Value::String(path)) = parts.remove("path") else {
            return Err(ScimError::invalid_syntax("path: expected a path such as /Users"));
        };
        let (endpoint, id) = match place {
            Some((endpoint, id)) if id.is_none() == (kind == TaskKind::Create) => (endpoint, id),
            _ => {
                let wanted = if kind == TaskKind::Create { "/Users" } else { "/Users/<id>" };
                let detail =
                    format!("path: {path:?} is not a path such as {wanted}, relative to the base URL");
                return Err(ScimError::bad_request(ScimType::InvalidPath, detail));
            }
        };
        let data = match (kind, parts.remove("data")) {
            (TaskKind::Delete, _) => None,
            (_, Some(Value::Object(data))) => Some(data),
            _ => return Err(ScimError::invalid_syntax(format!("data: a {method} needs an object"))),
        };
        let version = match parts.remove("version") {
            Some(Value::String(version)) => Some(version),
            None | Some(Value::Null) => None,
            Some(_) => return Err(ScimError::invalid_syntax("version: expected text")),
        };
        let mut task = Self { kind, endpoint, id, data, version, references: Vec::new() };
        task.references = task.find_references();
        Ok(task)
    }

    fn find_references(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(id) = self.id.as_deref().and_then(|id| id.strip_prefix(PREFIX)) {
            found.push(id.to_owned());
        }
        let mut note = |id: &str, _: bool| {
            found.push(id.to_owned());
            Ok(None)
        };
        for (name, value) in self.data.iter_mut().flatten() {
            // Noting doesn't fail, and puts nothing in the place of anything.
            let _ = follow(value, name, &mut note);
        }
        found
    }

    /// Puts ids in the place of references. `resolve` gives the id of what is created under a bulkId,
    /// or says why there is none; `None` for a bulkId that no operation of the request has.
    ///
    /// # Errors
    /// What `resolve` says; 400 invalidValue for a reference to nothing.
    pub fn resolve(
        &mut self,
        resolve: &dyn Fn(&str) -> Option<Result<String, ScimError>>,
    ) -> Result<(), ScimError> {
        let unknown =
            |id: &str| ScimError::invalid_value(format!("no operation of the request has the bulkId {id:?}"));
        let mut put = |id: &str, certain: bool| match resolve(id) {
            Some(resolved) => resolved.map(Some),
            None if certain => Err(unknown(id)),
            None => Ok(None),
        };
        if let Some(id) = &mut self.id
            && let Some(reference) = id.strip_prefix(PREFIX)
            && let Some(resolved) = put(reference, true)?
        {
            *id = resolved;
        }
        if let Some(data) = &mut self.data {
            let mut value = Value::Object(std::mem::take(data));
            let followed = follow(&mut value, "", &mut put);
            if let Value::Object(object) = value {
                *data = object;
            }
            followed?;
        }
        Ok(())
    }
}

/// What is to stand in the place of a bulkId; the flag says that it can be nothing but a reference.
type Put<'a> = &'a mut dyn FnMut(&str, bool) -> Result<Option<String>, ScimError>;

/// Calls `put` with each bulkId that is referred to, and whether it can be nothing but a reference;
/// puts what it returns in its place.
fn follow(value: &mut Value, name: &str, put: Put<'_>) -> Result<(), ScimError> {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                follow(value, name, put)?;
            }
        }
        Value::Array(values) => {
            for value in values {
                follow(value, name, put)?;
            }
        }
        Value::String(text) if text.contains(PREFIX) => {
            let is_reference = name.eq_ignore_ascii_case("value") || name.eq_ignore_ascii_case("$ref");
            if let Some(id) = text.strip_prefix(PREFIX) {
                if let Some(resolved) = put(id, is_reference)? {
                    *text = resolved;
                }
            } else if name.eq_ignore_ascii_case("$ref")
                && let Some((start, id)) = text.rsplit_once('/')
                && let Some(id) = id.strip_prefix(PREFIX)
            {
                if let Some(resolved) = put(id, true)? {
                    *text = format!("{start}/{resolved}");
                }
            } else if name.eq_ignore_ascii_case("path") {
                *text = follow_in_path(text, put)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// The path of a PATCH operation, whose filter may compare with references: `members[value eq
/// "bulkId:x"]`.
fn follow_in_path(path: &str, put: Put<'_>) -> Result<String, ScimError> {
    let mut followed = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(start) = rest.find('"') {
        followed.push_str(&rest[..start]);
        let mut literals = serde_json::Deserializer::from_str(&rest[start..]).into_iter::<String>();
        let Some(Ok(literal)) = literals.next() else { break };
        let end = start + literals.byte_offset();
        let resolved = match literal.strip_prefix(PREFIX) {
            Some(id) => put(id, true)?,
            None => None,
        };
        match resolved {
            Some(resolved) => followed.push_str(&Value::from(resolved).to_string()),
            None => followed.push_str(&rest[start..end]),
        }
        rest = &rest[end..];
    }
    // What is no text any more is for the filter's parser to say.
    if let Some(start) = rest.find('"') {
        rest = &rest[start..];
    }
    followed.push_str(rest);
    Ok(followed)
}

/// `/Users`, `/Users/<id>`; the version of the protocol may stand before it (RFC 7644 §3.13).
fn read_path(path: &str) -> Option<(String, Option<String>)> {
    let segments = path.trim_start_matches('/');
    let segments = segments.strip_prefix("v2/").unwrap_or(segments);
    // A bulkId may have any character in it.
    if let Some((endpoint, id)) = segments.split_once('/')
        && id.starts_with(PREFIX)
        && !endpoint.is_empty()
        && !endpoint.contains(':')
    {
        return Some((endpoint.to_owned(), Some(id.to_owned())));
    }
    let mut segments = segments.trim_end_matches('/').split('/');
    let endpoint = segments.next().filter(|endpoint| !endpoint.is_empty() && !endpoint.contains(':'))?;
    let id = segments.next().filter(|id| !id.is_empty());
    segments.next().is_none().then(|| (endpoint.to_owned(), id.map(str::to_owned)))
}

fn check_schemas(value: &Value) -> Result<(), ScimError> {
    let named = match value {
        Value::Null => true,
        Value::Array(urns) => {
            urns.is_empty()
                || urns.iter().any(|urn| {
                    urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(message::BULK_REQUEST))
                })
        }
        _ => false,
    };
    if named {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "schemas: a bulk request has the schema {}",
        message::BULK_REQUEST
    )))
}

fn read_fail_on_errors(value: &Value) -> Result<Option<usize>, ScimError> {
    match value {
        Value::Null => Ok(None),
        value => match value.as_u64() {
            // To accept no error is to stop at the first.
            Some(number) => Ok(Some(usize::try_from(number).unwrap_or(usize::MAX).max(1))),
            None => {
                Err(ScimError::invalid_syntax("failOnErrors: expected a whole number that is not negative"))
            }
        },
    }
}

/// RFC 7644 §3.7: a bulkId is unique within the request.
fn refuse_repeated_ids(operations: &mut [BulkOperation]) {
    let mut seen = HashSet::new();
    for operation in operations {
        let is_creation = operation.task.as_ref().is_ok_and(|task| task.kind == TaskKind::Create);
        if let Some(id) = operation.bulk_id.clone().filter(|_| is_creation)
            && !seen.insert(id.clone())
        {
            operation.task = Err(ScimError::invalid_value(format!("bulkId: {id:?} occurs twice")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::BulkRequest;
    use crate::error::ScimError;

    fn read(operations: &Value) -> BulkRequest {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations});
        BulkRequest::read(body.as_object().expect("an object").clone()).expect("a bulk request")
    }

    fn user(id: &str) -> Value {
        json!({"method": "POST", "path": "/Users", "bulkId": id, "data": {"userName": id}})
    }

    fn group(id: &str, member: &str) -> Value {
        json!({"method": "POST", "path": "/Groups", "bulkId": id,
            "data": {"displayName": id, "members": [{"value": format!("bulkId:{member}")}]}})
    }

    /// Shows BLK-015, BLK-018.
    #[test]
    fn operations_come_behind_what_they_need() {
        let table = [
            (json!([user("a"), user("b"), user("c")]), vec![vec![0], vec![1], vec![2]]),
            (
                json!([group("g", "u"), user("x"), user("u"), user("y")]),
                vec![vec![1], vec![2], vec![0], vec![3]],
            ),
            (json!([group("g", "h"), group("h", "i"), user("i")]), vec![vec![2], vec![1], vec![0]]),
            (
                json!([user("a"), group("g", "h"), group("h", "g"), user("b")]),
                vec![vec![0], vec![1, 2], vec![3]],
            ),
            (json!([group("x", "g"), group("g", "h"), group("h", "g")]), vec![vec![1, 2], vec![0]]),
            (json!([group("g", "g")]), vec![vec![0]]),
            (
                json!([
                    {"method": "PATCH", "path": "/Groups/1", "data": {"Operations": [
                        {"op": "add", "path": "members", "value": [{"value": "bulkId:u"}]}]}},
                    {"method": "DELETE", "path": "/Groups/1"},
                    user("u"),
                ]),
                vec![vec![2], vec![0], vec![1]],
            ),
            (
                json!([
                    {"method": "PATCH", "path": "/Groups/1", "data": {"Operations": [
                        {"op": "add", "path": "members", "value": [{"value": "7"}, {"value": "bulkId:u"}]}]}},
                    {"method": "DELETE", "path": "/Users/7"},
                    {"method": "DELETE", "path": "/Users/8"},
                    user("u"),
                ]),
                vec![vec![2], vec![3], vec![0], vec![1]],
            ),
            (
                json!([
                    {"method": "DELETE", "path": "/Users/bulkId:u"},
                    {"method": "GET", "path": "/Users"},
                    user("u"),
                ]),
                vec![vec![1], vec![2], vec![0]],
            ),
        ];
        for (operations, order) in table {
            assert_eq!(read(&operations).order(), order, "{operations}");
        }
    }

    /// Shows BLK-016, BLK-017.
    #[test]
    fn references_are_replaced_wherever_they_stand() {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let data = json!({
            "displayName": "bulkId:none",
            "members": [{"value": "bulkId:u"}, {"$ref": "../Users/bulkId:u"}],
            enterprise: {"manager": {"value": "bulkId:u"}},
            "Operations": [{"path": "members[value eq \"bulkId:\\u0075\" or display eq \"x\"].value", "value": "bulkId:u"}],
        });
        let operation = json!([{"method": "PUT", "path": "/Groups/bulkId:u", "data": data}]);
        let mut task = read(&operation).operations.remove(0).task.expect("a task");
        let known = |id: &str| (id == "u").then(|| Ok::<_, ScimError>("1234".to_owned()));
        task.resolve(&known).expect("resolved");
        assert_eq!(task.id.as_deref(), Some("1234"));
        let expected = json!({
            "displayName": "bulkId:none",
            "members": [{"value": "1234"}, {"$ref": "../Users/1234"}],
            enterprise: {"manager": {"value": "1234"}},
            "Operations": [{"path": "members[value eq \"1234\" or display eq \"x\"].value", "value": "1234"}],
        });
        assert_eq!(Value::Object(task.data.clone().expect("data")), expected);
        let unknown = json!([group("g", "nobody")]);
        let mut task = read(&unknown).operations.remove(0).task.expect("a task");
        assert_eq!(task.resolve(&known).expect_err("unknown").status, 400);
    }

    /// Shows BLK-003, BLK-004, BLK-005, BLK-006.
    #[test]
    fn what_is_wrong_with_one_operation_is_kept_with_it() {
        let table = [
            json!(7),
            json!({"method": "GET", "path": "/Users/1"}),
            json!({"path": "/Users/1"}),
            json!({"method": "POST", "path": "/Users", "data": {}}),
            json!({"method": "POST", "path": "/Users/1", "bulkId": "x", "data": {}}),
            json!({"method": "POST", "path": "https://x.example/Users", "bulkId": "x", "data": {}}),
            json!({"method": "POST", "path": "/Users", "bulkId": "x"}),
            json!({"method": "PUT", "path": "/Users", "data": {}}),
            json!({"method": "PATCH", "path": "/Users/1"}),
            json!({"method": "DELETE", "path": "/"}),
            json!({"method": "DELETE", "path": "/Users/1", "version": 3}),
        ];
        for operation in table {
            let read = read(&json!([operation, user("fine")]));
            assert!(read.operations[0].task.is_err(), "{operation}");
            assert!(read.operations[1].task.is_ok(), "{operation}");
        }
        let twice = read(&json!([user("a"), user("a")]));
        assert!(twice.operations[0].task.is_ok() && twice.operations[1].task.is_err());
    }

    /// Shows BLK-002, BLK-022, BLK-024.
    #[test]
    fn a_message_of_another_structure_is_refused() {
        let many: Vec<Value> = (0..1_001).map(|number| user(&number.to_string())).collect();
        let table = [
            (json!({}), 400),
            (json!({"Operations": {}}), 400),
            (json!({"schemas": ["urn:x:y"], "Operations": []}), 400),
            (json!({"failOnErrors": "1", "Operations": []}), 400),
            (json!({"failOnErrors": -1, "Operations": []}), 400),
            (json!({"failOnErrors": 1.5, "Operations": []}), 400),
            (json!({"Operations": many}), 413),
        ];
        for (body, status) in table {
            let error = BulkRequest::read(body.as_object().expect("an object").clone()).expect_err("refused");
            assert_eq!(error.status, status);
        }
    }
}
