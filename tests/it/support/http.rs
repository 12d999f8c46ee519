//! HTTP/1.1 over a unix socket, as raw as a test wants it.

use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Status and body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The body, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error that a refusal tells.
    #[track_caller]
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// Sends bytes and reads until the other end closes; the connection may also break.
pub fn raw(socket: &Path, request: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(socket).unwrap();
    // The service may answer, and close, before it has read everything.
    let _ = stream.write_all(request);
    read(stream)
}

/// Reads an answer to its end.
pub fn read(mut stream: UnixStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, body: body.to_owned() }
}

/// One request with these headers.
pub fn ask(socket: &Path, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    raw(socket, &[request.as_bytes(), body].concat())
}

/// `GET`
pub fn get(socket: &Path, path: &str) -> Answer {
    ask(socket, "GET", path, &[], b"")
}

/// `POST` of JSON
pub fn post(socket: &Path, path: &str, body: &Value) -> Answer {
    ask(socket, "POST", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}
