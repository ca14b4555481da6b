//! An editor as far as the server sees it: messages over pipes to the built program.

// What is sent is made where it is sent.
#![allow(clippy::needless_pass_by_value)]

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::stackctl;

/// So long an answer may take on the slowest machine; nothing else depends on it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a modern editor says it can do.
pub fn modern() -> Value {
    json!({
        "textDocument": {
            "publishDiagnostics": {"relatedInformation": true, "tagSupport": {"valueSet": [1, 2]}},
            "hover": {"contentFormat": ["markdown", "plaintext"]},
            "completion": {"completionItem": {"snippetSupport": true}},
            "documentSymbol": {"hierarchicalDocumentSymbolSupport": true},
            "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
        },
    })
}

/// A session with a folder of its own.
pub struct Client {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<Value>,
    notices: VecDeque<Value>,
    /// Answers that nobody has waited for yet.
    answers: Vec<Value>,
    folder: TempDir,
    asked: i64,
    /// Whether characters count bytes; units of 16 bits otherwise.
    bytes: bool,
    /// Texts and versions of the open documents.
    open: HashMap<String, (String, i64)>,
    /// What the server answered to `initialize`.
    pub hello: Value,
}

impl Client {
    /// A session that is not initialized yet.
    pub fn raw() -> Self {
        let mut child = stackctl()
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let (sender, output) = channel();
        let stdout = child.stdout.take().expect("a pipe");
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Some(message) = read(&mut stdout) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let input = child.stdin.take();
        Self {
            child,
            input,
            output,
            notices: VecDeque::new(),
            answers: Vec::new(),
            folder: TempDir::new().expect("a folder"),
            asked: 0,
            bytes: false,
            open: HashMap::new(),
            hello: Value::Null,
        }
    }

    /// A session of a modern editor, initialized.
    pub fn new() -> Self {
        Self::with(modern(), Value::Null)
    }

    /// A session with these capabilities and options.
    pub fn with(capabilities: Value, options: Value) -> Self {
        let mut client = Self::raw();
        let params = json!({
            "processId": std::process::id(),
            "rootUri": null,
            "capabilities": capabilities,
            "initializationOptions": options,
        });
        client.hello = client.ask("initialize", params).expect("it is taken");
        client.bytes = client.hello["capabilities"]["positionEncoding"] == "utf-8";
        client.notify("initialized", json!({}));
        client
    }

    /// Path of a file in the session's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there").join(name)
    }

    /// Its address.
    pub fn uri(&self, name: &str) -> String {
        format!("file://{}", self.path(name).display())
    }

    /// Writes a file to disk.
    pub fn save(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("written");
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("the pipe is open");
        input.write_all(bytes).expect("written");
        input.flush().expect("written");
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request without waiting; gives its id.
    pub fn begin(&mut self, method: &str, params: Value) -> i64 {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// The answer to a request; `Err` has the error.
    pub fn answer(&mut self, id: &Value) -> Result<Value, Value> {
        loop {
            if let Some(at) = self.answers.iter().position(|message| message["id"] == *id) {
                let message = self.answers.remove(at);
                return match message.get("error") {
                    Some(error) => Err(error.clone()),
                    None => Ok(message["result"].clone()),
                };
            }
            let message = self.output.recv_timeout(PATIENCE).expect("an answer");
            match message.get("method") {
                Some(_) => self.notices.push_back(message),
                None => self.answers.push(message),
            }
        }
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.begin(method, params);
        self.answer(&json!(id))
    }

    /// The next notification or request of the server with this method that fits.
    pub fn wait(&mut self, method: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let is_it = |message: &Value| message["method"] == method && fits(&message["params"]);
        if let Some(at) = self.notices.iter().position(is_it) {
            return self.notices.remove(at).expect("just found")["params"].clone();
        }
        loop {
            let message = self.output.recv_timeout(PATIENCE).expect("a notification");
            if is_it(&message) {
                return message["params"].clone();
            }
            match message.get("method") {
                Some(_) => self.notices.push_back(message),
                None => self.answers.push(message),
            }
        }
    }

    /// What was told so far with this method.
    pub fn told(&self, method: &str) -> Vec<&Value> {
        self.notices.iter().filter(|m| m["method"] == method).map(|m| &m["params"]).collect()
    }

    pub fn open(&mut self, name: &str, text: &str) {
        let uri = self.uri(name);
        let language = Path::new(name).extension().and_then(|e| e.to_str()).unwrap_or("");
        self.open.insert(name.to_owned(), (text.to_owned(), 1));
        self.notify(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}}),
        );
    }

    pub fn close(&mut self, name: &str) {
        self.open.remove(name);
        let uri = self.uri(name);
        self.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    }

    /// The text of an open document.
    pub fn text(&self, name: &str) -> &str {
        &self.open[name].0
    }

    /// Replaces bytes of an open document; gives the new version.
    pub fn edit(&mut self, name: &str, range: std::ops::Range<usize>, put: &str) -> i64 {
        let positions = json!({
            "start": self.position(name, range.start),
            "end": self.position(name, range.end),
        });
        let (text, version) = self.open.get_mut(name).expect("it is open");
        text.replace_range(range, put);
        *version += 1;
        let version = *version;
        let uri = self.uri(name);
        self.notify(
            "textDocument/didChange",
            json!({
                "textDocument": {"uri": uri, "version": version},
                "contentChanges": [{"range": positions, "text": put}],
            }),
        );
        version
    }

    /// Puts another text in the place of one that stands there once.
    pub fn replace(&mut self, name: &str, old: &str, new: &str) -> i64 {
        let at = self.text(name).find(old).expect("the text is there");
        self.edit(name, at..at + old.len(), new)
    }

    /// A byte offset as the protocol counts.
    pub fn position(&self, name: &str, offset: usize) -> Value {
        let text = &self.text(name)[..offset];
        let line = text.matches('\n').count();
        let start = text.rfind('\n').map_or(0, |at| at + 1);
        let character =
            if self.bytes { text.len() - start } else { text[start..].encode_utf16().count() };
        json!({"line": line, "character": character})
    }

    /// The text of a range that the server gave.
    pub fn covered(&self, name: &str, range: &Value) -> String {
        let text = self.text(name);
        let (from, to) = (self.offset(text, &range["start"]), self.offset(text, &range["end"]));
        text[from..to].to_owned()
    }

    fn offset(&self, text: &str, position: &Value) -> usize {
        let line = position["line"].as_u64().expect("a line") as usize;
        let character = position["character"].as_u64().expect("a character") as usize;
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        let mut at = 0;
        for (index, letter) in text[start..].char_indices() {
            if at >= character {
                return start + index;
            }
            at += if self.bytes { letter.len_utf8() } else { letter.len_utf16() };
        }
        text.len()
    }

    /// A text with the edits that the server gave.
    pub fn applied(&self, text: &str, edits: &Value) -> String {
        let mut edits: Vec<(usize, usize, String)> = edits
            .as_array()
            .expect("a list of edits")
            .iter()
            .map(|edit| {
                let range = &edit["range"];
                let put = edit["newText"].as_str().expect("a text").to_owned();
                (self.offset(text, &range["start"]), self.offset(text, &range["end"]), put)
            })
            .collect();
        edits.sort();
        let mut text = text.to_owned();
        for (from, to, put) in edits.into_iter().rev() {
            text.replace_range(from..to, &put);
        }
        text
    }

    /// The findings of a file at a version; `None` for one that is not open.
    pub fn findings(&mut self, name: &str, version: Option<i64>) -> Vec<Value> {
        let uri = self.uri(name);
        let params = self.wait("textDocument/publishDiagnostics", |params| {
            params["uri"] == uri.as_str() && params["version"].as_i64() == version
        });
        params["diagnostics"].as_array().expect("a list").clone()
    }

    /// Parameters for the place of `needle` in an open document, `behind` bytes further on.
    pub fn at(&self, name: &str, needle: &str, behind: usize) -> Value {
        let offset = self.text(name).find(needle).expect("the text is there") + behind;
        json!({
            "textDocument": {"uri": self.uri(name)},
            "position": self.position(name, offset),
        })
    }

    /// The text of a hover; empty where there is none.
    pub fn hover(&mut self, name: &str, needle: &str, behind: usize) -> String {
        let at = self.at(name, needle, behind);
        let found = self.ask("textDocument/hover", at).expect("an answer");
        found["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// What is offered behind `needle`.
    pub fn offers(&mut self, name: &str, needle: &str) -> Vec<Value> {
        let at = self.at(name, needle, needle.len());
        let found = self.ask("textDocument/completion", at).expect("an answer");
        found["items"].as_array().expect("a list").clone()
    }

    /// The names of what is offered behind `needle`.
    pub fn offered(&mut self, name: &str, needle: &str) -> Vec<String> {
        let label = |item: Value| item["label"].as_str().expect("a label").to_owned();
        self.offers(name, needle).into_iter().map(label).collect()
    }

    /// The actions for a place, of these kinds.
    pub fn actions(&mut self, name: &str, needle: &str, only: Option<&str>) -> Vec<Value> {
        let start = self.at(name, needle, 0)["position"].clone();
        let context = match only {
            Some(kind) => json!({"diagnostics": [], "only": [kind]}),
            None => json!({"diagnostics": []}),
        };
        let uri = self.uri(name);
        let params = json!({
            "textDocument": {"uri": uri},
            "range": {"start": start, "end": start},
            "context": context,
        });
        let found = self.ask("textDocument/codeAction", params).expect("an answer");
        found.as_array().expect("a list").clone()
    }

    /// Ends the session as the protocol wants it.
    pub fn end(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Ok(Value::Null));
        self.notify("exit", Value::Null);
        assert!(self.status().success());
    }

    /// Closes the pipe to the server.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Waits for the end of the server.
    pub fn status(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(input: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
