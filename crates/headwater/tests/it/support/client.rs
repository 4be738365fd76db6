//! A small HTTP/1.1 client: one connection, kept alive, no headers of its own but Host and length.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is empty.
    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&self.body)))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Asserts a SCIM error of this status and scimType (empty for none) and returns its detail.
    #[track_caller]
    pub(crate) fn expect_error(self, status: u16, scim_type: &str) -> String {
        let body = self.expect(status).json();
        assert_eq!(body["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error", "{body}");
        assert_eq!(body["status"], status.to_string(), "{body}");
        assert_eq!(body["scimType"].as_str().unwrap_or_default(), scim_type, "{body}");
        body["detail"].as_str().expect("an error has a detail").to_owned()
    }

    /// Asserts problem details (RFC 9457) of this status and code, and returns them.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["type"], "about:blank", "{problem}");
        for text in ["title", "detail"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }

    /// Asserts that a value can't be used, and which.
    #[track_caller]
    pub(crate) fn expect_invalid(self, field: &str) {
        let problem = self.expect_problem(422, "invalid");
        assert_eq!(problem["field"], field, "{problem}");
    }
}

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    pub(crate) fn connect(host: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self::over(stream, host))
    }

    /// A client on a connection that is open already.
    pub(crate) fn over(stream: TcpStream, host: &str) -> Self {
        Self { stream: BufReader::new(stream), host: host.to_owned() }
    }

    pub(crate) fn send(&mut self, request: &Request) -> std::io::Result<Response> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, self.host);
        for (name, value) in &request.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if let Some(body) = &request.body {
            head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(request.body.iter().flatten());
        self.send_raw(&bytes, request.method == "HEAD")
    }

    /// Sends bytes as they are and reads one answer.
    pub(crate) fn send_raw(&mut self, bytes: &[u8], without_body: bool) -> std::io::Result<Response> {
        self.stream.get_mut().write_all(bytes)?;
        self.read(without_body)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn read(&mut self, without_body: bool) -> std::io::Result<Response> {
        let status = self.line()?;
        let status: u16 =
            status.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        if without_body || matches!(status, 204 | 304) {
            return Ok(response);
        }
        if response.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).expect("a chunk size");
                let mut chunk = vec![0; size];
                self.stream.read_exact(&mut chunk)?;
                self.line()?;
                if size == 0 {
                    return Ok(response);
                }
                response.body.extend(chunk);
            }
        }
        let length = response.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        response.body = vec![0; length];
        self.stream.read_exact(&mut response.body)?;
        Ok(response)
    }
}

/// Sends the head of a request, and its body only when it has been let in (the server asks for the body then,
/// RFC 9110, 10.1.1), something has been done, and somewhat longer has passed than a request goes on without being
/// looked at again. Returns the status.
pub(crate) fn send_around(address: &str, request: &Request, meanwhile: impl FnOnce()) -> u16 {
    let body = request.body.as_deref().expect("a body");
    let mut head =
        format!("{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        write!(head, "{name}: {value}\r\n").expect("room");
    }
    write!(head, "Content-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len()).expect("room");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut asked = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut asked).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&asked), "HTTP/1.1 100 Continue\r\n\r\n");
    meanwhile();
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(body).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}
