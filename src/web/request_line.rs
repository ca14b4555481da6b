//! Lets request targets through that browsers and curl send and `http::Uri` refuses: a raw `"`, `<` or
//! `>` as in `?query=up{job="node"}`. They are percent-encoded while the request is read, so that every
//! layer above sees a target that is well-formed and means the same.
//!
//! Only the bytes between the two blanks of a request line are touched. To know where the next request
//! line begins, the length of each body is followed; after a chunked body, an upgrade or the preface of
//! HTTP/2 the rest of the connection passes as it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read from the connection at once.
const READ: usize = 8 * 1024;
/// How much of a header line is kept; the ones that tell a body's length are shorter.
const LINE: usize = 128;

/// A connection whose request targets are encoded on the way in.
#[derive(Debug)]
pub(super) struct Lenient<S> {
    stream: S,
    scanner: Scanner,
    /// Read and encoded, but not yet asked for.
    waiting: Vec<u8>,
    taken: usize,
}

impl<S> Lenient<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, scanner: Scanner::default(), waiting: Vec::new(), taken: 0 }
    }

    fn hand_out(&mut self, out: &mut ReadBuf<'_>) {
        let rest = &self.waiting[self.taken..];
        let count = rest.len().min(out.remaining());
        out.put_slice(&rest[..count]);
        self.taken += count;
        if self.taken == self.waiting.len() {
            self.waiting.clear();
            self.taken = 0;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.waiting.is_empty() {
            this.hand_out(out);
            return Poll::Ready(Ok(()));
        }
        if this.scanner.passes() {
            return Pin::new(&mut this.stream).poll_read(context, out);
        }
        let mut buffer = [0; READ];
        let mut read = ReadBuf::new(&mut buffer);
        std::task::ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))?;
        this.scanner.encode(read.filled(), &mut this.waiting);
        this.hand_out(out);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where in a request the connection is.
#[derive(Debug, Default)]
struct Scanner {
    state: State,
    /// The line under way, as far as it matters.
    line: Vec<u8>,
    /// What the head under way says of the body.
    body: u64,
    chunked: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first blank of a request line.
    #[default]
    Method,
    Target,
    /// Behind the second blank.
    Version,
    Header,
    /// So many bytes of a body are left.
    Body(u64),
    /// Nothing is looked at any more.
    Pass,
}

impl Scanner {
    fn passes(&self) -> bool {
        self.state == State::Pass
    }

    fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < bytes.len() {
            match self.state {
                State::Pass => {
                    out.extend_from_slice(&bytes[at..]);
                    return;
                }
                State::Body(left) => {
                    let rest = &bytes[at..];
                    let count =
                        usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    out.extend_from_slice(&rest[..count]);
                    at += count;
                    let left = left - count as u64;
                    self.state = if left == 0 { State::Method } else { State::Body(left) };
                }
                _ => {
                    self.step(bytes[at], out);
                    at += 1;
                }
            }
        }
    }

    /// One byte of a head.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        if self.state == State::Target && needs_encoding(byte) {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
        out.push(byte);
        match (self.state, byte) {
            (_, b'\n') => self.end_of_line(),
            (State::Method, b' ') if self.line == b"PRI" || self.line == b"CONNECT" => {
                self.state = State::Pass;
            }
            (State::Method, b' ') => self.state = State::Target,
            (State::Target, b' ') => self.state = State::Version,
            (State::Method | State::Header, b'\r') => {}
            (State::Method | State::Header, _) if self.line.len() < LINE => self.line.push(byte),
            _ => {}
        }
    }

    fn end_of_line(&mut self) {
        match self.state {
            // Empty lines before a request are let through by servers.
            State::Method if self.line.is_empty() => {}
            State::Header if self.line.is_empty() => {
                self.state = match (self.chunked, self.body) {
                    (true, _) => State::Pass,
                    (false, 0) => State::Method,
                    (false, body) => State::Body(body),
                };
                (self.body, self.chunked) = (0, false);
            }
            State::Header => {
                let line = String::from_utf8_lossy(&self.line);
                if let Some((name, value)) = line.split_once(':') {
                    let is = |known: &str| name.eq_ignore_ascii_case(known);
                    if is("content-length") {
                        self.body = value.trim().parse().unwrap_or(0);
                    }
                    self.chunked |= is("transfer-encoding") || is("upgrade");
                }
            }
            _ => self.state = State::Header,
        }
        self.line.clear();
    }
}

fn needs_encoding(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | b'#')
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What arrives of `sent`, when it comes in pieces of `size` bytes.
    fn received(sent: &str, size: usize) -> String {
        let (mut scanner, mut out) = (Scanner::default(), Vec::new());
        for piece in sent.as_bytes().chunks(size) {
            scanner.encode(piece, &mut out);
        }
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn only_request_targets_are_encoded() {
        let sent = "GET /q?query=up{job=\"a\"}>1 HTTP/1.1\r\nX: \"<y>\"\r\n\r\n\
                    POST /p?x=\"1\" HTTP/1.1\r\ncontent-length: 14\r\n\r\nGET /\"<>\"\r\n\r\n\
                    \r\nGET /<a>#b HTTP/1.1\r\nHost: h\r\n\r\n";
        let expected = "GET /q?query=up{job=%22a%22}%3E1 HTTP/1.1\r\nX: \"<y>\"\r\n\r\n\
                    POST /p?x=%221%22 HTTP/1.1\r\ncontent-length: 14\r\n\r\nGET /\"<>\"\r\n\r\n\
                    \r\nGET /%3Ca%3E%23b HTTP/1.1\r\nHost: h\r\n\r\n";
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(received(sent, size), expected, "in pieces of {size}");
        }
    }

    #[test]
    fn what_cannot_be_followed_passes_as_it_is() {
        for sent in [
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nGET \"\r\n0\r\n\r\nGET /\" HTTP/1.1\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n GET /\"",
            "GET /x HTTP/1.1\r\nUpgrade: h2c\r\n\r\nGET /\" x",
        ] {
            assert_eq!(received(sent, 5), sent);
        }
    }

    #[tokio::test]
    async fn a_reader_with_little_room_gets_everything() {
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(b"GET /\"\"\"\" HTTP/1.1\r\n\r\n").await.expect("there is room");
        drop(client);
        let mut lenient = Lenient::new(server);
        let mut out = Vec::new();
        let mut small = [0; 4];
        loop {
            let count = lenient.read(&mut small).await.expect("it is all there");
            if count == 0 {
                break;
            }
            out.extend_from_slice(&small[..count]);
        }
        assert_eq!(out, b"GET /%22%22%22%22 HTTP/1.1\r\n\r\n");
    }
}
