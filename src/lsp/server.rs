//! The loop of the server: its life from `initialize` to `exit`, and who answers what.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, CodeActionProviderCapability,
    CompletionOptions, CompletionParams, DidChangeConfigurationParams, DidChangeTextDocumentParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DocumentFormattingParams,
    DocumentHighlightParams, DocumentSymbolParams, GotoDefinitionParams, HoverParams,
    InitializeParams, OneOf, Position, ReferenceParams, RenameOptions, RenameParams,
    ServerCapabilities, TextDocumentPositionParams, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::diagnostics::Published;
use super::documents::Document;
use super::position::Lines;
use super::settings::{Client, Wishes};
use super::transport::{self, ErrorCode, Failure, Incoming};
use super::uri::path_of;
use super::workspace::{View, Workspace};
use super::{actions, complete, format, hover, navigate, symbols};
use crate::manifest::Format;

/// After a keystroke the texts are looked at when so long nothing more came.
const PAUSE: Duration = Duration::from_millis(120);

/// Who never pauses still sees findings this often.
const LONGEST: Duration = Duration::from_secs(1);

/// How often the server looks whether the editor is still there.
const LOOK: Duration = Duration::from_secs(5);

/// Serves one client until it says `exit` or its stream ends. Whether it went as it should: `shutdown`
/// came first.
pub fn serve(
    input: impl Read + Send + 'static,
    output: impl Write,
    profile: Option<String>,
) -> bool {
    let (sender, receiver) = channel();
    // Not waited for: it may stand in a read that never ends.
    let _reader = thread::spawn(move || {
        let mut input = BufReader::new(input);
        while let Ok(Some(message)) = transport::read(&mut input) {
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    let mut server = Server {
        output,
        life: Life::New,
        client: Client::default(),
        profile,
        workspace: Workspace::default(),
        published: Published::default(),
        due: None,
        waiting: VecDeque::new(),
        asked: 0,
    };
    server.run(&receiver)
}

/// Where in its life the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    New,
    Running,
    ShutDown,
}

struct Server<W> {
    output: W,
    life: Life,
    client: Client,
    /// The profile of the command line.
    profile: Option<String>,
    workspace: Workspace,
    published: Published,
    /// When the texts are looked at next: after a pause, and at the latest.
    due: Option<(Instant, Instant)>,
    /// Messages that have come and that nobody has looked at.
    waiting: VecDeque<Incoming>,
    /// How many requests the server has sent.
    asked: u32,
}

type Answer = Result<Value, Failure>;

impl<W: Write> Server<W> {
    fn run(&mut self, receiver: &Receiver<Incoming>) -> bool {
        loop {
            self.gather(receiver);
            if let Some(message) = self.waiting.pop_front() {
                if let Some(orderly) = self.take(message) {
                    return orderly;
                }
                continue;
            }
            let now = Instant::now();
            let pause = match self.due {
                Some((due, latest)) if due.min(latest) <= now => {
                    self.due = None;
                    self.publish();
                    continue;
                }
                Some((due, latest)) => due.min(latest) - now,
                None => LOOK,
            };
            match receiver.recv_timeout(pause) {
                Ok(message) => self.waiting.push_back(message),
                Err(RecvTimeoutError::Timeout) => {
                    if self.due.is_none() && self.is_orphan() {
                        return false;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return self.life == Life::ShutDown,
            }
        }
    }

    /// Takes what has come; requests that are not wanted any more are answered at once.
    fn gather(&mut self, receiver: &Receiver<Incoming>) {
        while let Ok(message) = receiver.try_recv() {
            if let Incoming::Notification { method, params } = &message
                && method == "$/cancelRequest"
            {
                let wanted = params.get("id").cloned().unwrap_or_default();
                let is_it =
                    |one: &Incoming| matches!(one, Incoming::Request { id, .. } if *id == wanted);
                if let Some(at) = self.waiting.iter().position(is_it) {
                    self.waiting.remove(at);
                    let failure = Failure::new(ErrorCode::Cancelled, "not wanted any more");
                    self.send(&transport::response(&wanted, Err(failure)));
                }
                continue;
            }
            self.waiting.push_back(message);
        }
    }

    /// Whether the editor that started the server is gone.
    fn is_orphan(&self) -> bool {
        let process = self.client.process.and_then(|id| i32::try_from(id).ok());
        let Some(process) = process.and_then(rustix::process::Pid::from_raw) else { return false };
        rustix::process::test_kill_process(process) == Err(rustix::io::Errno::SRCH)
    }

    /// Deals with one message; the verdict at the end.
    fn take(&mut self, message: Incoming) -> Option<bool> {
        match message {
            Incoming::Response => {}
            Incoming::Malformed { id, failure } => {
                self.send(&transport::response(&id, Err(failure)));
            }
            Incoming::Notification { method, params } => {
                if method == "exit" {
                    return Some(self.life == Life::ShutDown);
                }
                if self.life == Life::Running {
                    match catch_unwind(AssertUnwindSafe(|| self.notice(&method, params))) {
                        Ok(Ok(())) => {}
                        Ok(Err(failure)) => self.log(&format!("{method}: {}", failure.message)),
                        Err(_) => self.log(&format!("{method}: a mistake in stackctl itself")),
                    }
                }
            }
            Incoming::Request { id, method, params } => {
                let answer = catch_unwind(AssertUnwindSafe(|| self.request(&method, params)));
                let answer = answer.unwrap_or_else(|_| {
                    let message = format!("a mistake in stackctl itself while answering {method}");
                    Err(Failure::new(ErrorCode::Internal, message))
                });
                self.send(&transport::response(&id, answer));
            }
        }
        None
    }

    fn send(&mut self, message: &Value) {
        // A client that does not listen any more will end the other stream as well.
        let _ = transport::write(&mut self.output, message);
    }

    fn notify(&mut self, method: &str, params: &impl Serialize) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn ask(&mut self, method: &str, params: &Value) {
        self.asked += 1;
        let id = format!("stackctl-{}", self.asked);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }

    /// A line in the editor's log.
    fn log(&mut self, message: &str) {
        self.notify("window/logMessage", &json!({"type": 2, "message": message}));
    }

    fn show(&mut self, message: &str) {
        self.notify("window/showMessage", &json!({"type": 2, "message": message}));
    }

    // -- what happens ------------------------------------------------------------------------------

    fn notice(&mut self, method: &str, params: Value) -> Result<(), Failure> {
        match method {
            "initialized" if self.client.watch => {
                let watchers = json!([{"globPattern": "**/*.{kdl,yaml,yml,json}"}]);
                let registration = json!({
                    "id": "files",
                    "method": "workspace/didChangeWatchedFiles",
                    "registerOptions": {"watchers": watchers},
                });
                let registrations = json!({"registrations": [registration]});
                self.ask("client/registerCapability", &registrations);
            }
            "textDocument/didOpen" => {
                let item = read::<DidOpenTextDocumentParams>(params)?.text_document;
                if let Some(path) = path_of(&item.uri) {
                    let document = Document {
                        uri: item.uri,
                        version: item.version,
                        text: item.text,
                        language: item.language_id,
                    };
                    self.workspace.documents.open(path.clone(), document);
                    self.touched(&path);
                }
            }
            "textDocument/didChange" => {
                let params = read::<DidChangeTextDocumentParams>(params)?;
                let encoding = self.client.encoding;
                if let Some(path) = path_of(&params.text_document.uri)
                    && let Some(document) = self.workspace.documents.get_mut(&path)
                {
                    document.apply(params.content_changes, encoding);
                    document.version = params.text_document.version;
                    self.touched(&path);
                }
            }
            "textDocument/didClose" => {
                let params = read::<DidCloseTextDocumentParams>(params)?;
                if let Some(path) = path_of(&params.text_document.uri)
                    && self.workspace.documents.close(&path).is_some()
                {
                    self.touched(&path);
                }
            }
            // Other files may have been written by whoever saved this one.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => {
                self.workspace.touch_all();
                self.soon();
            }
            "workspace/didChangeConfiguration" => {
                let settings = read::<DidChangeConfigurationParams>(params)?.settings;
                // Some editors send nothing and want to be asked; what was said stays.
                if !settings.is_null() {
                    self.wish(&settings);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn wish(&mut self, settings: &Value) {
        match Wishes::read(settings) {
            Ok(mut wishes) => {
                wishes.profile = wishes.profile.or_else(|| self.profile.clone());
                self.workspace.wish(wishes);
                self.soon();
            }
            Err(message) => self.show(&message),
        }
    }

    fn touched(&mut self, path: &Path) {
        self.workspace.touch(path);
        self.soon();
    }

    /// Findings are to be made after a pause.
    fn soon(&mut self) {
        let now = Instant::now();
        let latest = self.due.map_or(now + LONGEST, |(_, latest)| latest);
        self.due = Some((now + PAUSE, latest));
    }

    /// Makes findings, and sends those that are new.
    fn publish(&mut self) {
        let news = catch_unwind(AssertUnwindSafe(|| {
            self.workspace.check();
            self.published.news(&self.workspace, self.client)
        }));
        for note in self.workspace.notes() {
            self.show(&note);
        }
        match news {
            Ok(news) => {
                for params in news {
                    self.notify("textDocument/publishDiagnostics", &params);
                }
            }
            Err(_) => self.log("a mistake in stackctl itself while checking"),
        }
    }

    // -- what is asked -----------------------------------------------------------------------------

    fn request(&mut self, method: &str, params: Value) -> Answer {
        match (self.life, method) {
            (Life::New, "initialize") => return self.initialize(params),
            (Life::New, _) => {
                return Err(Failure::new(ErrorCode::NotInitialized, "`initialize` comes first"));
            }
            (Life::Running, "initialize") => {
                return Err(Failure::new(ErrorCode::InvalidRequest, "it is initialized already"));
            }
            (Life::ShutDown, _) => {
                return Err(Failure::new(ErrorCode::InvalidRequest, "it is shut down"));
            }
            (Life::Running, _) => {}
        }
        let client = self.client;
        match method {
            "shutdown" => {
                self.life = Life::ShutDown;
                self.due = None;
                Ok(Value::Null)
            }
            "textDocument/hover" => {
                let at = read::<HoverParams>(params)?.text_document_position_params;
                let found = self.look(&at)?.and_then(|(view, at)| hover::hover(&view, at, client));
                write(&found)
            }
            "textDocument/completion" => {
                let CompletionParams { text_document_position: at, context, .. } = read(params)?;
                // Behind each space of an expression nobody wants a list of all metrics.
                let space = context.is_some_and(|it| it.trigger_character.as_deref() == Some(" "));
                let found = self
                    .look(&at)?
                    .filter(|(view, at)| !space || !complete::in_expression(view, *at))
                    .map(|(view, at)| complete::complete(&view, at, client));
                write(&found)
            }
            "textDocument/definition" => {
                let at = read::<GotoDefinitionParams>(params)?.text_document_position_params;
                let found = self.look(&at)?;
                write(&found.map(|(view, at)| navigate::definition(&view, at, client)))
            }
            "textDocument/references" => {
                let params = read::<ReferenceParams>(params)?;
                let declared = params.context.include_declaration;
                let found = self.look(&params.text_document_position)?;
                write(&found.map(|(view, at)| navigate::references(&view, at, declared, client)))
            }
            "textDocument/documentHighlight" => {
                let at = read::<DocumentHighlightParams>(params)?.text_document_position_params;
                let found = self.look(&at)?;
                write(&found.map(|(view, at)| navigate::highlights(&view, at, client)))
            }
            "textDocument/prepareRename" => {
                let at = read::<TextDocumentPositionParams>(params)?;
                let found = self.look(&at)?;
                write(&found.and_then(|(view, at)| navigate::prepare(&view, at, client)))
            }
            "textDocument/rename" => {
                let params = read::<RenameParams>(params)?;
                match self.look(&params.text_document_position)? {
                    Some((view, at)) => {
                        write(&navigate::rename(&view, at, &params.new_name, client)?)
                    }
                    None => Ok(Value::Null),
                }
            }
            "textDocument/documentSymbol" => {
                let uri = read::<DocumentSymbolParams>(params)?.text_document.uri;
                let path = self.open(&uri)?;
                write(&self.workspace.view(&path).map(|view| symbols::symbols(&view, client)))
            }
            "textDocument/formatting" => {
                let uri = read::<DocumentFormattingParams>(params)?.text_document.uri;
                let path = self.open(&uri)?;
                match (self.workspace.documents.get(&path), Format::of(&path)) {
                    (Some(document), Some(format)) => {
                        write(&format::format(&document.text, format, client.encoding)?)
                    }
                    _ => Ok(Value::Null),
                }
            }
            "textDocument/codeAction" => {
                let CodeActionParams { text_document, range, context, .. } = read(params)?;
                let path = self.open(&text_document.uri)?;
                if !client.actions {
                    return Ok(Value::Null);
                }
                let only = context.only.as_deref();
                write(&actions::actions(&mut self.workspace, &path, range, only, client))
            }
            _ => {
                let message = format!("`{method}` is not known here");
                Err(Failure::new(ErrorCode::MethodNotFound, message))
            }
        }
    }

    fn initialize(&mut self, params: Value) -> Answer {
        // An editor may say more than is known here; what is not understood does not keep it out.
        let options = params.get("initializationOptions").cloned().unwrap_or_default();
        let capabilities = params.get("capabilities").cloned().unwrap_or_default();
        let process = params.get("processId").and_then(Value::as_u64);
        let whole = read::<InitializeParams>(params);
        let capabilities = match whole {
            Ok(params) => params.capabilities,
            Err(failure) => serde_json::from_value(capabilities).map_err(|_| failure)?,
        };
        self.client = Client::of(&capabilities);
        self.client.process = process.and_then(|process| u32::try_from(process).ok());
        self.life = Life::Running;
        self.workspace.wish(Wishes { profile: self.profile.clone(), ..Wishes::default() });
        self.wish(&options);
        write(&json!({
            "capabilities": self.capabilities(),
            "serverInfo": {"name": "stackctl", "version": env!("CARGO_PKG_VERSION")},
        }))
    }

    fn capabilities(&self) -> ServerCapabilities {
        ServerCapabilities {
            position_encoding: Some(self.client.encoding.kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(
                TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(TextDocumentSyncKind::INCREMENTAL),
                    save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                    ..TextDocumentSyncOptions::default()
                },
            )),
            hover_provider: Some(true.into()),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(
                    ["\"", "{", "(", "=", ",", "[", "/", " "].map(str::to_owned).to_vec(),
                ),
                ..CompletionOptions::default()
            }),
            definition_provider: Some(OneOf::Left(true)),
            references_provider: Some(OneOf::Left(true)),
            document_highlight_provider: Some(OneOf::Left(true)),
            document_symbol_provider: Some(OneOf::Left(true)),
            document_formatting_provider: Some(OneOf::Left(true)),
            rename_provider: Some(OneOf::Right(RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: lsp_types::WorkDoneProgressOptions::default(),
            })),
            code_action_provider: self.client.actions.then(|| {
                CodeActionProviderCapability::Options(CodeActionOptions {
                    code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, actions::FIX_ALL]),
                    ..CodeActionOptions::default()
                })
            }),
            ..ServerCapabilities::default()
        }
    }

    /// The path of a document that is open.
    fn open(&self, uri: &Uri) -> Result<PathBuf, Failure> {
        let path = path_of(uri).filter(|path| self.workspace.documents.get(path).is_some());
        path.ok_or_else(|| {
            Failure::new(ErrorCode::InvalidParams, format!("`{}` is not open", uri.as_str()))
        })
    }

    /// A place of an open document; `None` in one that is no part of a manifest.
    fn look(&mut self, at: &TextDocumentPositionParams) -> Result<Option<(View, usize)>, Failure> {
        let path = self.open(&at.text_document.uri)?;
        let encoding = self.client.encoding;
        let offset = |text: &str, at: Position| Lines::new(text, encoding).offset(at);
        Ok(self.workspace.view(&path).map(|view| {
            let offset = offset(&view.text, at.position);
            (view, offset)
        }))
    }
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Failure> {
    serde_json::from_value(params)
        .map_err(|err| Failure::new(ErrorCode::InvalidParams, err.to_string()))
}

fn write(result: &impl Serialize) -> Answer {
    serde_json::to_value(result).map_err(|err| Failure::new(ErrorCode::Internal, err.to_string()))
}
