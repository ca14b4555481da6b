//! Messages on a stream: a header with their length, then JSON.

use std::io::{self, BufRead, Read, Write};

use serde_json::{Value, json};

/// A message may have this many bytes; what is longer is no text that anybody edits.
const MAX_BYTES: usize = 256 << 20;

/// The codes of JSON-RPC and of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ErrorCode {
    /// Not JSON.
    Parse = -32700,
    /// No request, or none that is taken now.
    InvalidRequest = -32600,
    /// A method that the server does not have.
    MethodNotFound = -32601,
    /// Parameters that the method does not take.
    InvalidParams = -32602,
    /// The server made a mistake.
    Internal = -32603,
    /// `initialize` has to come first.
    NotInitialized = -32002,
    /// The client does not want the answer any more.
    Cancelled = -32800,
    /// It was well asked, and cannot be done.
    Failed = -32803,
}

/// An error as the answer to a request.
#[derive(Debug)]
pub struct Failure {
    /// What kind.
    pub code: ErrorCode,
    /// What is wrong.
    pub message: String,
}

impl Failure {
    /// An error with its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a client sends.
#[derive(Debug)]
pub enum Incoming {
    /// Wants an answer.
    Request {
        /// A number or a text that the answer repeats.
        id: Value,
        /// What is asked.
        method: String,
        /// With what.
        params: Value,
    },
    /// Wants none.
    Notification {
        /// What happened.
        method: String,
        /// With what.
        params: Value,
    },
    /// An answer to what the server asked.
    Response,
    /// No message: to be answered with an error, to the id where there is one.
    Malformed {
        /// The id, if it can be read.
        id: Value,
        /// What is wrong.
        failure: Failure,
    },
}

/// The next message; `None` when the stream ends.
pub fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let mut length = None;
    let mut any = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(64 << 10).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            // Blank lines between messages are nobody's header.
            if any {
                break;
            }
            continue;
        }
        any = true;
        if let Some((name, value)) = text.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse::<usize>().ok();
        }
    }
    let Some(length) = length else {
        return Ok(Some(malformed("a header without a Content-Length", Value::Null)));
    };
    if length > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message of more than 256 MB"));
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some(parse(&body)))
}

fn malformed(message: &str, id: Value) -> Incoming {
    let code = if id.is_null() { ErrorCode::Parse } else { ErrorCode::InvalidRequest };
    Incoming::Malformed { id, failure: Failure::new(code, message) }
}

fn parse(body: &[u8]) -> Incoming {
    let mut message = match serde_json::from_slice(body) {
        Ok(Value::Object(message)) => message,
        Ok(_) => {
            let failure = Failure::new(ErrorCode::InvalidRequest, "a message is an object");
            return Incoming::Malformed { id: Value::Null, failure };
        }
        Err(err) => return malformed(&format!("this is not JSON: {err}"), Value::Null),
    };
    let id = message.remove("id").filter(|id| id.is_number() || id.is_string());
    let params = message.remove("params").unwrap_or_default();
    match (message.remove("method"), id) {
        (Some(Value::String(method)), Some(id)) => Incoming::Request { id, method, params },
        (Some(Value::String(method)), None) => Incoming::Notification { method, params },
        (None, Some(_)) if message.contains_key("result") || message.contains_key("error") => {
            Incoming::Response
        }
        (_, id) => {
            let failure = Failure::new(ErrorCode::InvalidRequest, "a request names its method");
            Incoming::Malformed { id: id.unwrap_or_default(), failure }
        }
    }
}

/// Writes one message.
pub fn write(output: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(output, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    output.flush()
}

/// The answer to a request.
pub fn response(id: &Value, result: Result<Value, Failure>) -> Value {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(Failure { code, message }) => {
            let error = json!({"code": code as i32, "message": message});
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All messages of a stream, in a few words.
    fn check(stream: &str, expected: &[&str]) {
        let mut input = stream.as_bytes();
        let mut found = Vec::new();
        while let Ok(Some(message)) = read(&mut input) {
            found.push(match message {
                Incoming::Request { id, method, .. } => format!("{method} {id}"),
                Incoming::Notification { method, .. } => method,
                Incoming::Response => "response".to_owned(),
                Incoming::Malformed { id, failure } => format!("{:?} {id}", failure.code),
            });
        }
        assert_eq!(found, expected, "{stream}");
    }

    #[test]
    fn what_is_no_message_does_not_hide_the_next_one() {
        let framed = |body: &str| format!("Content-Length: {}\r\n\r\n{body}", body.len());
        let stream: String = [
            r#"{"id":1,"method":"a"}"#,
            r#"{"id":"x","method":"ä"}"#,
            r#"{"method":"n","params":{}}"#,
            r#"{"id":1,"result":null}"#,
            "{nonsense",
            "[]",
            r#"{"id":7}"#,
            r#"{"id":{},"method":"b"}"#,
        ]
        .into_iter()
        .map(framed)
        .collect();
        check(
            &format!("Content-Type: x\r\n\r\n{stream}Content-Length: 9\r\n\r\n{{"),
            &[
                "Parse null",
                "a 1",
                "ä \"x\"",
                "n",
                "response",
                "Parse null",
                "InvalidRequest null",
                "InvalidRequest 7",
                "b",
            ],
        );
    }
}
