//! Inputs made to take memory or time: each is worked off, or refused, with memory in proportion
//! to its length, and four times the length takes about four times the work.

mod laws;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use allocation_counter::measure;

/// What may be in memory at a time for each byte of an input: a JSON value takes 32 bytes and may
/// be written with two, and the laws keep copies to compare with.
const MEMORY_PER_BYTE: u64 = 160;
/// What may be in memory whatever the input.
const MEMORY: u64 = 64 << 10;
/// How many times the work of an input that of one four times as long may be: 4 is linear, 16 goes
/// with the square.
const MOST_WORK: u64 = 5;
/// The same for time, which other programs disturb.
const MOST_TIME: u32 = 10;
/// How often time is taken, the shortest counts.
const TRIES: usize = 8;
/// What the operations of one request may allocate in all.
const MOST_ALLOCATED: u64 = 1 << 30;
/// Times below tell nothing: they are the allocator's, which takes long blocks from the system.
const SHORT: Duration = Duration::from_millis(150);

/// An input that grows with a number, and what it is put into.
struct Hostile {
    name: &'static str,
    put_into: fn(&[u8]),
    /// The smaller of the two sizes.
    size: usize,
    make: fn(usize) -> String,
}

fn filters() -> Vec<Hostile> {
    let filter = |name, size, make| Hostile { name, put_into: laws::filter, size, make };
    vec![
        filter("parentheses", 10_000, |n| format!("{}id pr{}", "(".repeat(n), ")".repeat(n))),
        filter("open parentheses", 250_000, |n| "(".repeat(n)),
        filter("nots", 40_000, |n| format!("{}id pr{}", "not (".repeat(n), ")".repeat(n))),
        filter("brackets", 250_000, |n| "emails[".repeat(n / 7)),
        filter("terms", 10_000, |n| vec!["id eq \"1\""; n].join(" or ")),
        filter("a long word", 250_000, |n| "a".repeat(n)),
        filter("a long text", 250_000, |n| format!("userName eq \"{}\"", "x".repeat(n))),
        filter("escapes", 40_000, |n| format!("userName eq \"{}\"", "\\u00e9".repeat(n))),
        filter("an open text", 250_000, |n| format!("userName eq \"{}", "\\\"".repeat(n / 2))),
        filter("dots", 250_000, |n| format!("name{}", ".givenName".repeat(n / 10))),
        filter("a long URN", 250_000, |n| format!("urn:{} eq 1", "a:".repeat(n / 2))),
        filter("a long number", 250_000, |n| format!("userName eq 1{}", "0".repeat(n))),
        filter("blanks", 250_000, |n| format!("id{}pr", " ".repeat(n))),
    ]
}

/// As long as is looked at.
fn filters_within_bounds() -> Vec<Hostile> {
    let filter = |name, size, make| Hostile { name, put_into: laws::filter, size, make };
    vec![
        filter("parentheses", 16, |n| format!("{}id pr{}", "(".repeat(n), ")".repeat(n))),
        filter("nots", 16, |n| format!("{}id pr{}", "not (".repeat(n), ")".repeat(n))),
        filter("terms", 200, |n| vec!["id pr"; n].join(" or ")),
        filter("terms in brackets", 200, |n| format!("emails[{}]", vec!["type pr"; n].join(" or "))),
        filter("groups", 120, |n| vec!["(id pr)"; n].join(" and ")),
        filter("a long word", 2_000, |n| "a".repeat(n)),
        filter("a long text", 2_000, |n| format!("userName eq \"{}\"", "x".repeat(n))),
        filter("letters of other scripts", 700, |n| format!("userName eq \"{}\"", "İé".repeat(n / 2))),
        filter("marks", 700, |n| format!("userName eq \"a{}\"", "\u{301}\u{323}".repeat(n / 2))),
        filter("escapes", 320, |n| format!("userName eq \"{}\"", "\\u00e9".repeat(n))),
        filter("a long number", 2_000, |n| format!("userName eq 1{}", "0".repeat(n))),
    ]
}

fn paths() -> Vec<Hostile> {
    let path = |name, size, make| Hostile { name, put_into: laws::path, size, make };
    vec![
        path("brackets", 250_000, |n| format!("emails{}", "[".repeat(n))),
        path("closed brackets", 250_000, |n| format!("emails[type pr{}", "]".repeat(n))),
        path("a long text", 250_000, |n| format!("emails[value eq \"{}\"].type", "x".repeat(n))),
        path("a long name", 250_000, |n| "a".repeat(n)),
        path("a long URN", 250_000, |n| format!("urn:example:{}", "a:".repeat(n / 2))),
        path("parts of a URN", 250_000, |n| format!("urn:example:foreign:1.0:a{}", ".a".repeat(n / 2))),
    ]
}

fn bodies() -> Vec<Hostile> {
    let body = |name, size, make| Hostile { name, put_into: laws::resource, size, make };
    vec![
        body("nested lists", 250_000, |n| format!("{{\"a\":{}{}}}", "[".repeat(n / 2), "]".repeat(n / 2))),
        body("nested objects", 50_000, |n| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n))),
        body("many digits", 10_000, |n| {
            format!("{{\"userName\":\"a\",\"urn:example:n:1\":{{\"n\":1{}}}}}", "0".repeat(n))
        }),
        body("many decimals", 50_000, |n| format!("{{\"urn:example:n:1\":{{\"n\":0.{}1}}}}", "0".repeat(n))),
        body("a long exponent", 50_000, |n| format!("{{\"userName\":\"a\",\"n\":1e{}}}", "9".repeat(n))),
        body("a long text", 500_000, |n| format!("{{\"userName\":\"{}\"}}", "x".repeat(n))),
        body("letters of other scripts", 100_000, |n| format!("{{\"userName\":\"{}\"}}", "İé".repeat(n))),
        body("marks", 50_000, |n| format!("{{\"userName\":\"a{}\"}}", "\u{301}\u{323}".repeat(n))),
        body("escapes", 50_000, |n| format!("{{\"userName\":\"{}\"}}", "\\u00e9".repeat(n))),
        body("a long unknown name", 250_000, |n| format!("{{\"userName\":\"a\",\"{}\":1}}", "x".repeat(n))),
        body("many unknown names", 10_000, |n| members(n, |number| format!("\"x{number}\":1"))),
        body("one name many times", 25_000, |n| members(n, |_| "\"name\":1".to_owned())),
        body("one name at the end again", 10_000, |n| {
            members(n, |number| format!("\"x{}\":1", if number + 1 == n { 0 } else { number }))
        }),
        body("many unknown sub-attributes", 10_000, |n| {
            format!("{{\"userName\":\"a\",\"name\":{}}}", members(n, |number| format!("\"x{number}\":1")))
        }),
        body("many extensions", 4_000, |n| {
            members(n, |number| format!("\"urn:example:x{number}:1\":{{\"a\":1}}"))
        }),
        body("many URN keys of one extension", 4_000, |n| {
            members(n, |number| format!("\"urn:example:x:1:a{number}\":1"))
        }),
        body("a large extension", 10_000, |n| {
            format!(
                "{{\"userName\":\"a\",\"urn:example:x:1\":{}}}",
                members(n, |number| format!("\"a{number}\":1"))
            )
        }),
        body("many e-mails", 10_000, |n| list("emails", n, |number| format!("{{\"value\":\"{number}@x\"}}"))),
        body("many nulls", 50_000, |n| list("emails", n, |_| "null".to_owned())),
        body("many texts for e-mails", 10_000, |n| list("emails", n, |number| format!("\"{number}\""))),
        body("many members", 10_000, |n| list("members", n, |number| format!("{{\"value\":\"{number}\"}}"))),
        body("many equal members", 10_000, |n| list("members", n, |_| "{\"value\":\"1\"}".to_owned())),
        body("many schemas", 10_000, |n| list("schemas", n, |number| format!("\"urn:x:{number}\""))),
    ]
}

fn patches() -> Vec<Hostile> {
    let patch = |name, size, make| Hostile { name, put_into: laws::patch, size, make };
    vec![
        patch("operations", 250, |n| operations(n, "{\"op\":\"add\",\"path\":\"title\",\"value\":\"x\"}")),
        patch("too many operations", 10_000, |n| operations(n, "{\"op\":\"add\"}")),
        patch("unknown paths", 250, |n| {
            operations(n, "{\"op\":\"add\",\"path\":\"urn:example:a\",\"value\":1}")
        }),
        patch("a large value", 10_000, |n| {
            let value = members(n, |number| format!("\"x{number}\":1"));
            operations(1, &format!("{{\"op\":\"add\",\"value\":{value}}}"))
        }),
        patch("many members", 10_000, |n| {
            let values: Vec<String> = (0..n).map(|number| format!("{{\"value\":\"{number}\"}}")).collect();
            operations(
                1,
                &format!("{{\"op\":\"add\",\"path\":\"members\",\"value\":[{}]}}", values.join(",")),
            )
        }),
        patch("many e-mails", 10_000, |n| {
            let values: Vec<String> = (0..n).map(|number| format!("{{\"value\":\"{number}\"}}")).collect();
            operations(1, &format!("{{\"op\":\"add\",\"path\":\"emails\",\"value\":[{}]}}", values.join(",")))
        }),
        patch("many values to remove", 250, |n| {
            let values: Vec<String> = (0..n).map(|number| format!("{{\"value\":\"{number}\"}}")).collect();
            operations(
                1,
                &format!("{{\"op\":\"remove\",\"path\":\"emails\",\"value\":[{}]}}", values.join(",")),
            )
        }),
        patch("a foreign list", 250, |n| {
            let values: Vec<String> = (0..n).map(|number| number.to_string()).collect();
            let path = "urn:example:foreign:1.0:list";
            operations(1, &format!("{{\"op\":\"add\",\"path\":\"{path}\",\"value\":[{}]}}", values.join(",")))
        }),
        patch("a long path", 250_000, |n| {
            operations(1, &format!("{{\"op\":\"add\",\"path\":\"{}\",\"value\":1}}", "a".repeat(n)))
        }),
        patch("a long op", 250_000, |n| operations(1, &format!("{{\"op\":\"{}\"}}", "a".repeat(n)))),
    ]
}

fn bulks() -> Vec<Hostile> {
    let bulk = |name, size, make| Hostile { name, put_into: laws::bulk, size, make };
    vec![
        bulk("a chain", 200, |n| bulk_of(n, |id| reference(id + 1))),
        bulk("a circle", 200, |n| bulk_of(n, |id| reference((id + 1) % n))),
        bulk("references to one", 200, |n| bulk_of(n, |_| reference(n - 1))),
        bulk("many references", 10_000, |n| {
            bulk_of(1, |_| (0..n).map(reference).collect::<Vec<_>>().join(","))
        }),
        bulk("too many operations", 10_000, |n| bulk_of(n, |_| String::new())),
        bulk("a long bulkId", 100_000, |n| {
            bulk_of(1, |_| format!("{{\"value\":\"bulkId:{}\"}}", "x".repeat(n)))
        }),
        bulk("one bulkId many times", 200, |n| {
            let one = "{\"method\":\"POST\",\"path\":\"/Users\",\"bulkId\":\"a\",\"data\":{}}";
            format!("{{\"Operations\":[{}]}}", vec![one; n].join(","))
        }),
    ]
}

fn reference(id: usize) -> String {
    format!("{{\"value\":\"bulkId:{id}\"}}")
}

/// Groups, each with the members that are made for it.
fn bulk_of(count: usize, members: impl Fn(usize) -> String) -> String {
    let operations: Vec<String> = (0..count)
        .map(|id| {
            let members = members(id);
            format!(
                "{{\"method\":\"POST\",\"path\":\"/Groups\",\"bulkId\":\"{id}\",\"data\":{{\"members\":[{members}]}}}}"
            )
        })
        .collect();
    format!("{{\"Operations\":[{}]}}", operations.join(","))
}

fn definitions() -> Vec<Hostile> {
    let definition = |name, size, make| Hostile { name, put_into: laws::definition, size, make };
    vec![
        definition("attributes", 60, |n| definition_of(n, |number| format!("{{\"name\":\"a{number}\"}}"))),
        definition("too many attributes", 10_000, |n| {
            definition_of(n, |number| format!("{{\"name\":\"a{number}\"}}"))
        }),
        definition("sub-attributes", 10_000, |n| {
            let subs: Vec<String> = (0..n).map(|number| format!("{{\"name\":\"a{number}\"}}")).collect();
            definition_of(1, |_| {
                format!("{{\"name\":\"a\",\"type\":\"complex\",\"subAttributes\":[{}]}}", subs.join(","))
            })
        }),
        definition("a long name", 250_000, |n| {
            definition_of(1, |_| format!("{{\"name\":\"{}\"}}", "a".repeat(n)))
        }),
        definition("a long URN", 250_000, |n| {
            format!("{{\"id\":\"urn:x:{}\",\"attributes\":[{{\"name\":\"a\"}}]}}", "a".repeat(n))
        }),
    ]
}

fn definition_of(count: usize, attribute: impl Fn(usize) -> String) -> String {
    let attributes: Vec<String> = (0..count).map(attribute).collect();
    format!("{{\"id\":\"urn:example:2.0:Badge\",\"attributes\":[{}]}}", attributes.join(","))
}

fn members(count: usize, member: impl Fn(usize) -> String) -> String {
    let members: Vec<String> = (0..count).map(member).collect();
    format!("{{{},\"userName\":\"a\"}}", members.join(","))
}

fn list(name: &str, count: usize, element: impl Fn(usize) -> String) -> String {
    let elements: Vec<String> = (0..count).map(element).collect();
    format!("{{\"userName\":\"a\",\"displayName\":\"G\",\"{name}\":[{}]}}", elements.join(","))
}

fn operations(count: usize, operation: &str) -> String {
    format!("{{\"Operations\":[{}]}}", vec![operation; count].join(","))
}

/// How long this thread has worked: on Linux without the time that others had the processor.
fn time_worked() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let nanoseconds = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| BEGIN.elapsed(), Duration::from_nanos)
}

impl Hostile {
    /// Bytes allocated in all, and how long it takes.
    fn work(&self, input: &str) -> (u64, Duration) {
        let begun = time_worked();
        let memory = measure(|| (self.put_into)(input.as_bytes()));
        let took = time_worked().saturating_sub(begun);
        let length = u64::try_from(input.len()).expect("a length");
        let most = MEMORY + MEMORY_PER_BYTE * length;
        assert!(memory.bytes_max <= most, "{}: {} bytes for {length}", self.name, memory.bytes_max);
        (memory.bytes_total, took)
    }

    fn check(&self) {
        let (small, large) = ((self.make)(self.size), (self.make)(4 * self.size));
        self.work(&small[..0]); // what is made once
        let (work_of_small, mut time_of_small) = self.work(&small);
        let (work_of_large, mut time_of_large) = self.work(&large);
        assert!(
            work_of_large <= MOST_WORK * work_of_small + MEMORY,
            "{}: {work_of_small} bytes become {work_of_large}",
            self.name
        );
        let in_bounds = |small: Duration, large: Duration| large <= SHORT || large <= MOST_TIME * small;
        for _ in 1..TRIES {
            if in_bounds(time_of_small, time_of_large) {
                return;
            }
            time_of_small = time_of_small.min(self.work(&small).1);
            time_of_large = time_of_large.min(self.work(&large).1);
        }
        let name = self.name;
        assert!(
            in_bounds(time_of_small, time_of_large),
            "{name}: {time_of_small:?} become {time_of_large:?}"
        );
    }
}

#[test]
fn filters_longer_than_is_looked_at() {
    filters().iter().for_each(Hostile::check);
}

#[test]
fn filters_as_long_as_is_looked_at() {
    filters_within_bounds().iter().for_each(Hostile::check);
}

#[test]
fn paths_of_any_length() {
    paths().iter().for_each(Hostile::check);
}

#[test]
fn bodies_of_any_length() {
    bodies().iter().for_each(Hostile::check);
}

#[test]
fn patches_of_any_length() {
    patches().iter().for_each(Hostile::check);
}

#[test]
fn bulk_requests_of_any_length() {
    bulks().iter().for_each(Hostile::check);
}

#[test]
fn definitions_of_any_length() {
    definitions().iter().for_each(Hostile::check);
}

/// As many operations as there may be, with as many values as there may be: the product is bounded.
#[test]
fn operations_times_values_are_bounded() {
    let value = |length: usize| {
        let values: Vec<String> = (0..length).map(|number| format!("{{\"value\":\"{number}\"}}")).collect();
        values.join(",")
    };
    let filter = vec!["value eq \"x\""; 300].join(" or ").replace('"', "\\\"");
    let fill = format!("{{\"op\":\"add\",\"path\":\"emails\",\"value\":[{}]}}", value(1_000));
    for operation in [
        format!("{{\"op\":\"add\",\"path\":\"emails\",\"value\":[{}]}}", value(70)),
        format!("{{\"op\":\"remove\",\"path\":\"emails[{filter}]\"}}"),
        format!("{{\"op\":\"replace\",\"path\":\"emails[{filter}].display\",\"value\":\"x\"}}"),
    ] {
        let body = operations(
            1,
            &[fill.as_str()].into_iter().chain(vec![operation.as_str(); 999]).collect::<Vec<_>>().join(","),
        );
        let memory = measure(|| laws::patch(body.as_bytes()));
        let length = u64::try_from(body.len()).expect("a length");
        assert!(memory.bytes_max <= MEMORY + MEMORY_PER_BYTE * length, "{}", memory.bytes_max);
        assert!(memory.bytes_total <= MOST_ALLOCATED, "{}", memory.bytes_total);
    }
}
