//! What identity providers do, as data: each file of `tests/scenarios` runs, step by step, against
//! a source of its own.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use serde_json::{Map, Value};

use crate::support::{Request, Response, Server, Source, percent};

#[test]
fn every_scenario_of_every_identity_provider() {
    let (files, steps) = run_all("tests/scenarios");
    assert!(files >= 12 && steps >= 1_000, "{files} scenarios with {steps} requests: some are missing");
}

#[test]
fn every_requirement_that_is_shown_by_a_request() {
    let (files, _) = run_all("tests/conformance");
    assert!(files >= 1, "the scenarios are missing");
}

/// Runs every scenario of a folder, or the one that `HEADWATER_SCENARIO` names; returns how many files
/// and requests that were.
fn run_all(folder: &str) -> (usize, u64) {
    let server = Server::start();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the scenarios").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    if let Ok(only) = std::env::var("HEADWATER_SCENARIO") {
        files.retain(|path| path.file_stem().is_some_and(|stem| stem == only.as_str()));
    }
    let (mut steps, mut failures) = (0, Vec::new());
    for file in &files {
        let text = fs::read_to_string(file).expect("a readable scenario");
        let scenario: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let name = file.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_lowercase();
        let mut run = Run::new(server.source(&name));
        if let Some(others) = scenario["otherSources"].as_array() {
            for other in others.iter().filter_map(Value::as_str) {
                run.others.insert(other.to_owned(), server.source(&format!("{name}-{other}")));
            }
        }
        run.name_others();
        for step in scenario["steps"].as_array().expect("steps") {
            if step.get("command").is_some() {
                run.command(&server, step, &name, &mut failures);
            } else {
                steps += run.step(step, &name, &mut failures);
            }
        }
    }
    assert!(failures.is_empty(), "{} of {steps} requests:\n\n{}", failures.len(), failures.join("\n\n"));
    (files.len(), steps)
}

struct Run {
    source: Source,
    /// Further sources of the scenario, by the names that it gives them.
    others: BTreeMap<String, Source>,
    variables: BTreeMap<String, String>,
}

impl Run {
    fn new(source: Source) -> Self {
        let variables = BTreeMap::from([
            ("base".to_owned(), source.base_url()),
            ("token".to_owned(), source.token.clone()),
            ("slug".to_owned(), source.slug.clone()),
            ("path".to_owned(), source.path.clone()),
            ("random".to_owned(), "qwmzkvjxpt".to_owned()),
            ("RANDOM".to_owned(), "QWMZKVJXPT".to_owned()),
        ]);
        Self { source, others: BTreeMap::new(), variables }
    }

    /// Makes `${other:base}` and `${other:token}` known for each further source.
    fn name_others(&mut self) {
        for (name, source) in &self.others {
            self.variables.insert(format!("{name}:base"), source.base_url());
            self.variables.insert(format!("{name}:token"), source.token.clone());
        }
    }

    /// Runs a step, as often as it says; returns how many requests that were.
    fn step(&mut self, step: &Value, scenario: &str, failures: &mut Vec<String>) -> u64 {
        let times = step["repeat"]["times"].as_u64().unwrap_or(1);
        let from = step["repeat"]["from"].as_u64().unwrap_or(1);
        for turn in from..from + times {
            if let Some(variable) = step["repeat"]["var"].as_str() {
                self.variables.insert(variable.to_owned(), turn.to_string());
            }
            let request = self.request(step);
            let started = Instant::now();
            let response = self.to(step).send(&request).expect("an answer");
            let took = started.elapsed().as_millis();
            let mut wrong = self.check(&step["expect"], &response);
            if step["expect"]["maxMillis"].as_u64().is_some_and(|most| took > u128::from(most)) {
                wrong.push(format!("it took {took} ms"));
            }
            if !wrong.is_empty() {
                failures.push(format!(
                    "{scenario}: {}\n  {} {}\n  {}\n  -> {} {}\n  {}",
                    step["name"].as_str().unwrap_or_default(),
                    request.method,
                    request.target,
                    String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()),
                    response.status,
                    String::from_utf8_lossy(&response.body),
                    wrong.join("\n  ")
                ));
            }
            for (variable, pointer) in step["save"].as_object().into_iter().flatten() {
                let pointer = self.filled(pointer.as_str().expect("a pointer"));
                let saved = response.json().pointer(&pointer).cloned().unwrap_or(Value::Null);
                let saved = saved.as_str().map_or_else(|| saved.to_string(), str::to_owned);
                self.variables.insert(variable.clone(), saved);
            }
        }
        times
    }

    /// The source that a step is about.
    fn to(&self, step: &Value) -> &Source {
        step["source"].as_str().map_or(&self.source, |name| &self.others[name])
    }

    /// Runs `headwater` with the arguments of a step on the server's data.
    fn command(&self, server: &Server, step: &Value, scenario: &str, failures: &mut Vec<String>) {
        let arguments: Vec<String> = step["command"]
            .as_array()
            .expect("arguments")
            .iter()
            .map(|argument| self.filled(argument.as_str().expect("text")))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let input = step.get("input").map(|input| self.filled_value(input).to_string());
        let output = server.run(&arguments, input.as_deref().unwrap_or_default());
        let code = output.status.code().map(i64::from);
        if code != Some(step["expect"]["code"].as_i64().unwrap_or(0)) {
            failures.push(format!(
                "{scenario}: {}\n  headwater {}\n  -> {code:?} {}{}",
                step["name"].as_str().unwrap_or_default(),
                arguments.join(" "),
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }

    fn request(&self, step: &Value) -> Request {
        let (source, request) = (self.to(step), &step["request"]);
        let body = match &request["raw"] {
            Value::String(raw) => Some(self.filled(raw).into_bytes()),
            _ => (!request["body"].is_null())
                .then(|| self.filled_value(&request["body"]).to_string().into_bytes()),
        };
        let path = request["path"].as_str().expect("a path");
        let mut target = match path.strip_prefix("server:") {
            Some(path) => self.filled(path),
            None => format!("{}{}", source.path, self.filled(path)),
        };
        if let Some(query) = request["query"].as_str() {
            target.push('?');
            target.push_str(&self.filled_with(query, percent));
        }
        let mut headers = vec![("Accept".to_owned(), Some("application/scim+json".to_owned()))];
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), Some("application/scim+json".to_owned())));
        }
        let token = match &request["token"] {
            Value::String(token) => Some(format!("Bearer {}", self.filled(token))),
            Value::Null if request.get("token").is_some() => None,
            _ => Some(format!("Bearer {}", source.token)),
        };
        let authorization = request["authorization"].as_str().map(|text| self.filled(text)).or(token);
        headers.push(("Authorization".to_owned(), authorization));
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.as_str().map(|value| self.filled(value))));
        }
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        Request { method: request["method"].as_str().expect("a method").to_owned(), target, headers, body }
    }

    fn check(&self, expect: &Value, response: &Response) -> Vec<String> {
        let mut wrong = Vec::new();
        let expected: Vec<u64> = match &expect["status"] {
            Value::Array(statuses) => statuses.iter().filter_map(Value::as_u64).collect(),
            status => status.as_u64().into_iter().collect(),
        };
        if !expected.contains(&u64::from(response.status)) {
            wrong.push(format!("status: expected {expected:?}"));
        }
        for (name, matcher) in expect["headers"].as_object().into_iter().flatten() {
            let value = response.header(name).map(Value::from);
            if !self.matches(matcher, value.as_ref()) {
                wrong.push(format!("header {name}: expected {matcher}, found {value:?}"));
            }
        }
        if let Some(matcher) = expect.get("text") {
            let text = Value::from(String::from_utf8_lossy(&response.body));
            if !self.matches(matcher, Some(&text)) {
                wrong.push(format!("text: expected {matcher}"));
            }
        }
        let body = response.json();
        for (pointer, matcher) in expect["body"].as_object().into_iter().flatten() {
            let value = body.pointer(&self.filled(pointer));
            if !self.matches(matcher, value) {
                wrong.push(format!(
                    "{pointer}: expected {matcher}, found {}",
                    value.map_or("nothing".to_owned(), Value::to_string)
                ));
            }
        }
        wrong
    }

    fn matches(&self, matcher: &Value, value: Option<&Value>) -> bool {
        let special =
            matcher.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
        let Some((keyword, argument)) = special.filter(|(keyword, _)| keyword.starts_with('$')) else {
            return value == Some(&self.filled_value(matcher));
        };
        let argument = self.filled_value(argument);
        let elements = || value.and_then(Value::as_array).into_iter().flatten();
        let text = value.and_then(Value::as_str);
        match keyword.as_str() {
            "$absent" => value.is_none(),
            "$startsWith" => text.zip(argument.as_str()).is_some_and(|(text, start)| text.starts_with(start)),
            "$endsWith" => text.zip(argument.as_str()).is_some_and(|(text, end)| text.ends_with(end)),
            "$notContains" => match (value, &argument) {
                (Some(Value::String(text)), Value::String(part)) => !text.contains(part.as_str()),
                _ => !elements().any(|element| *element == argument),
            },
            "$not" => value.is_some_and(|value| *value != argument),
            // Each of a list has these members.
            "$each" => value.is_some_and(Value::is_array) && elements().all(|one| is_subset(&argument, one)),
            // What stands at a pointer in each of a list, in order.
            "$values" => {
                let of = argument["of"].as_str().expect("a pointer");
                let found: Vec<&Value> =
                    elements().map(|element| element.pointer(of).unwrap_or(&Value::Null)).collect();
                argument["are"].as_array().expect("values").iter().eq(found)
            }
            // The same value as one that was saved.
            "$json" => {
                let saved = argument.as_str().expect("a saved value");
                value.is_some_and(|value| {
                    serde_json::from_str(saved).unwrap_or_else(|_| Value::from(saved)) == *value
                })
            }
            "$present" => value.is_some(),
            "$notEmpty" => value.is_some_and(|value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(values) => !values.is_empty(),
                Value::Object(members) => !members.is_empty(),
                _ => true,
            }),
            "$number" => value.is_some_and(Value::is_number),
            "$length" => {
                value.and_then(Value::as_array).map(Vec::len)
                    == argument.as_u64().and_then(|length| usize::try_from(length).ok())
            }
            "$contains" => match (value, &argument) {
                (Some(Value::String(text)), Value::String(part)) => text.contains(part.as_str()),
                _ => elements().any(|element| *element == argument),
            },
            "$has" => elements().any(|element| is_subset(&argument, element)),
            "$hasNot" => {
                value.is_none_or(Value::is_array) && !elements().any(|element| is_subset(&argument, element))
            }
            "$subset" => value.is_some_and(|value| is_subset(&argument, value)),
            "$equalsIgnoringCase" => value
                .and_then(Value::as_str)
                .zip(argument.as_str())
                .is_some_and(|(left, right)| left.eq_ignore_ascii_case(right)),
            other => panic!("no matcher is called {other}"),
        }
    }

    fn filled(&self, text: &str) -> String {
        self.filled_with(text, str::to_owned)
    }

    fn filled_with(&self, text: &str, encode: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            let (name, after) = behind.split_once('}').expect("a variable ends with }");
            filled.push_str(before);
            filled
                .push_str(&encode(self.variables.get(name).unwrap_or_else(|| panic!("no variable {name}"))));
            rest = after;
        }
        filled + rest
    }

    fn filled_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.filled(text).into(),
            Value::Array(values) => values.iter().map(|value| self.filled_value(value)).collect(),
            Value::Object(members) => {
                let filled: Map<String, Value> = members
                    .iter()
                    .map(|(name, value)| (self.filled(name), self.filled_value(value)))
                    .collect();
                filled.into()
            }
            other => other.clone(),
        }
    }
}

/// Whether `value` has at least these members, with equal values.
fn is_subset(part: &Value, value: &Value) -> bool {
    match (part, value) {
        (Value::Object(part), Value::Object(members)) => {
            part.iter().all(|(name, wanted)| members.get(name).is_some_and(|value| is_subset(wanted, value)))
        }
        _ => part == value,
    }
}
