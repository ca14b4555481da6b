//! Serving a router, behind its guard, until it is told to stop; what is under way may finish.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::guard::Guard;
use super::request_line::Lenient;

/// How long requests may go on after the shutdown began.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to agree on TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// First byte of a client's hello in TLS.
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves HTTP/1 and HTTP/2 (with prior knowledge, or agreed on in TLS) to whom `guard` lets in, until
/// `shutdown` is cancelled; then accepts nothing new and gives open requests ten seconds to finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    guard: Guard,
    shutdown: CancellationToken,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let router = guard.protect(router);
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors or the like: it passes, a busy loop would not help.
                    warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => break,
        };
        // Answers are written in one go: waiting to fill packets only delays them.
        let _ = stream.set_nodelay(true);
        let (builder, router, watcher) = (builder.clone(), router.clone(), connections.watcher());
        match guard.tls() {
            None => drop(tokio::spawn(talk(builder, router, watcher, stream))),
            Some(tls) => {
                let shutdown = shutdown.clone();
                tokio::spawn(async move {
                    match shutdown.run_until_cancelled(agree(tls, stream)).await {
                        Some(Ok(stream)) => talk(builder, router, watcher, stream).await,
                        Some(Err(error)) => debug!("no TLS with a client: {error}"),
                        None => {}
                    }
                });
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        warn!("requests were cut off: they did not end within {} s", DRAIN.as_secs());
    }
}

/// Answers the requests of one connection.
async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    builder: Builder<TokioExecutor>,
    router: Router,
    watcher: Watcher,
    stream: S,
) {
    let service = TowerToHyperService::new(router);
    let io = TokioIo::new(Lenient::new(stream));
    let connection = builder.serve_connection_with_upgrades(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        debug!("connection ended: {error}");
    }
}

/// Agrees on TLS with a client. One that speaks HTTP in the clear is told so.
async fn agree(tls: Arc<ServerConfig>, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let handshake = async {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != TLS_HANDSHAKE {
            const ANSWER: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n\
                This server speaks HTTPS: the request came in the clear.\n";
            stream.write_all(ANSWER).await?;
            stream.shutdown().await?;
            return Err(io::Error::other("it spoke HTTP in the clear"));
        }
        TlsAcceptor::from(tls).accept(stream).await
    };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(agreed) => agreed,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")),
    }
}
