//! A reader of Server-Sent Events.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

use super::{Request, Server};

pub(crate) struct Events {
    stream: BufReader<TcpStream>,
    /// The status of the answer.
    pub(crate) status: u16,
    /// Its media type.
    pub(crate) media_type: String,
}

/// One event.
#[derive(Debug, Default, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl Events {
    /// Sends a request and reads the head of the answer.
    pub(crate) fn open(server: &Server, request: &Request) -> Self {
        let mut stream = TcpStream::connect(server.address()).expect("connected");
        let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", request.target, server.address());
        for (name, value) in &request.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        let mut events = Self { stream: BufReader::new(stream), status: 0, media_type: String::new() };
        let patience = Duration::from_secs(10);
        let status = events.line(patience).expect("a status line");
        events.status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        while let Some(line) = events.line(patience).filter(|line| !line.is_empty()) {
            if let Some(value) = line.strip_prefix("content-type: ") {
                value.clone_into(&mut events.media_type);
            }
        }
        events
    }

    /// The next event, or `None` when the stream has ended.
    ///
    /// Each event is a chunk of its own, so that the lines of an event are whole; the sizes of the
    /// chunks stand between them and are passed over.
    pub(crate) fn next(&mut self, patience: Duration) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let line = self.line(patience)?;
            if line == "0" {
                return None;
            }
            if let Some((field, value)) = line.split_once(':') {
                let value = value.trim_start();
                match field {
                    "event" => value.clone_into(&mut event.name),
                    "id" => value.clone_into(&mut event.id),
                    "data" => event.data = serde_json::from_str(value).expect("JSON"),
                    _ => {}
                }
            } else if line.is_empty() && !event.name.is_empty() {
                return Some(event);
            }
        }
    }

    /// A line; `None` at the end. Panics when nothing comes for too long.
    fn line(&mut self, patience: Duration) -> Option<String> {
        self.stream.get_ref().set_read_timeout(Some(patience)).expect("a timeout");
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing came within {patience:?}: {error}"),
        }
    }
}
