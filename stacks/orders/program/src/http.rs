//! HTTP/1.1 as far as the program needs it: a server that ends without losing a request, and a client.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::config::Config;
use crate::routes::{Refusal, Route};
use crate::say;
use crate::stop::Stop;

/// No order is longer.
const LONGEST_BODY: usize = 16 << 10;

/// What goes back to whoever asked.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(status: u16, value: &impl serde::Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(body) => Self {
                status,
                kind: "application/json",
                body: body + "\n",
            },
            Err(error) => Self::error(500, &error.to_string()),
        }
    }

    pub(crate) fn error(status: u16, why: &str) -> Self {
        Self {
            status,
            kind: "application/json",
            body: format!("{}\n", serde_json::json!({ "error": why })),
        }
    }
}

/// Something that answers requests.
pub(crate) trait Answer: Send + Sync + 'static {
    fn answer(&self, route: Route, body: Bytes) -> impl Future<Output = Reply> + Send;
}

/// Serves until the end is wanted; then takes no new connection, and gives those there are time to finish.
pub(crate) async fn serve(config: &Config, answers: Arc<impl Answer>, stop: Stop) -> Result<()> {
    let address = config.misbehaviour.bind.unwrap_or([0, 0, 0, 0].into());
    let address = SocketAddr::new(address, config.port);
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    say::info(format_args!("listening on {address}"));
    let open = GracefulShutdown::new();
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    say::error(format_args!("cannot accept a connection: {error}"));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = stop.requested() => break,
        };
        let (answers, instance) = (Arc::clone(&answers), config.instance.clone());
        let service =
            service_fn(move |request| handle(Arc::clone(&answers), instance.clone(), request));
        let connection =
            open.watch(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // Whoever asked went away; that is their right.
            drop(connection.await);
        });
    }
    drop(listener);
    if tokio::time::timeout(config.drain, open.shutdown())
        .await
        .is_err()
    {
        say::error(format_args!(
            "requests still in flight after {} s are given up",
            config.drain.as_secs()
        ));
    }
    Ok(())
}

async fn handle(
    answers: Arc<impl Answer>,
    instance: String,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let (head, body) = request.into_parts();
    let reply = match Route::of(&head.method, head.uri.path(), head.uri.query()) {
        Ok(route) => match Limited::new(body, LONGEST_BODY).collect().await {
            Ok(body) => answers.answer(route, body.to_bytes()).await,
            Err(error) => Reply::error(400, &format!("cannot read the request: {error}")),
        },
        Err(Refusal { status, why }) => Reply::error(status, &why),
    };
    Response::builder()
        .status(reply.status)
        .header("content-type", reply.kind)
        .header("x-instance", instance)
        .body(Full::from(reply.body))
}

/// Sends one request over a connection of its own; returns status and body.
pub(crate) async fn request(
    target: &str,
    method: Method,
    path: &str,
    body: String,
) -> Result<(u16, String)> {
    let stream = TcpStream::connect(target)
        .await
        .with_context(|| format!("cannot connect to `{target}`"))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", target)
        .header("connection", "close")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender
        .send_request(request)
        .await
        .with_context(|| format!("no answer from `{target}`"))?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
