//! HTTP over the engine's socket: one connection per request.
//!
//! A connection to a local socket costs some tens of microseconds. For that price a request that failed to
//! connect is known not to have been sent, no pooled connection is ever found dead, streams and hijacked
//! connections need no exception, and dropping an answer closes exactly its connection. The version prefix is
//! put before every path here, and nowhere else.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use bowline_model::ApiVersion;
use futures_util::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::{Endpoint, EngineError, Sent, Stream, TarStream, Unreachable};

/// A local socket is there or not; this is for a host that hangs.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What an engine answers at once.
pub(super) const QUICK: Duration = Duration::from_mins(1);

/// What copies, unpacks or deletes files: creates, starts, removals.
pub(super) const SLOW: Duration = Duration::from_mins(15);

/// The longest answer that is read into memory as a whole.
const ANSWER_LIMIT: usize = 256 << 20;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The way to one engine.
#[derive(Clone, Debug)]
pub(super) struct Client {
    endpoint: Endpoint,
    prefix: String,
}

/// A request in the making.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Body,
    headers: Vec<(&'static str, String)>,
    limit: Option<Duration>,
}

/// An answer whose body was not read yet, with the task that drives its connection.
pub(super) struct Answer {
    request: String,
    endpoint: String,
    response: Response<Incoming>,
    driver: Driver,
}

/// A refusal in the engine's words.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) text: String,
}

/// Why there is no answer to use.
#[derive(Debug)]
pub(super) enum Failure {
    Refused(Refusal),
    Other(EngineError),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Other(error)
    }
}

/// Drives a connection, and ends with whoever holds it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(super) fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    fn new(method: Method, path: impl Into<String>) -> Self {
        let body = Empty::new()
            .map_err(|never: Infallible| match never {})
            .boxed_unsync();
        Self {
            method,
            path: path.into(),
            body,
            headers: Vec::new(),
            limit: Some(QUICK),
        }
    }

    /// Adds a parameter to the path.
    pub(super) fn query(mut self, key: &str, value: impl AsRef<str>) -> Self {
        self.path
            .push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(key);
        self.path.push('=');
        self.path.push_str(&escape(value.as_ref()));
        self
    }

    /// Adds a parameter where there is a value.
    pub(super) fn query_opt(self, key: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.query(key, value),
            None => self,
        }
    }

    /// Adds a parameter that is JSON.
    pub(super) fn query_json(self, key: &str, value: &impl Serialize) -> Result<Self, EngineError> {
        let json = serde_json::to_string(value).map_err(|error| unsendable(&error))?;
        Ok(self.query(key, json))
    }

    /// Sends this as the body.
    pub(super) fn json(mut self, value: &impl Serialize) -> Result<Self, EngineError> {
        let json = serde_json::to_vec(value).map_err(|error| unsendable(&error))?;
        self.body = Full::new(Bytes::from(json))
            .map_err(|never: Infallible| match never {})
            .boxed_unsync();
        self.headers
            .push((CONTENT_TYPE.as_str(), "application/json".into()));
        Ok(self)
    }

    /// Sends an archive as the body.
    pub(super) fn tar(mut self, archive: TarStream) -> Self {
        let frames = archive.map_ok(|piece| Frame::data(Bytes::from(piece)));
        self.body = BodyExt::boxed_unsync(StreamBody::new(frames));
        self.headers
            .push((CONTENT_TYPE.as_str(), "application/x-tar".into()));
        self
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// How long the answer's head may take; `None` is as long as it takes.
    pub(super) fn limit(mut self, limit: Option<Duration>) -> Self {
        self.limit = limit;
        self
    }
}

impl Client {
    /// A way without version: only `/version` and `/info` are asked so, before a version is agreed on.
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            prefix: String::new(),
        }
    }

    /// The same way, with this version before every path.
    pub(super) fn speaking(self, api: ApiVersion) -> Self {
        Self {
            prefix: format!("/v{api}"),
            ..self
        }
    }

    /// Sends a request and waits for the head of its answer, whatever its status is.
    async fn answer(&self, call: Call, upgrade: bool) -> Result<Answer, EngineError> {
        let request = format!(
            "{} {}",
            call.method,
            call.path.split('?').next().unwrap_or_default()
        );
        tracing::trace!(request, "asking the engine");
        let stream = self.open(&request).await?;
        let lost = |reason, sent| EngineError::Unreachable {
            endpoint: self.endpoint.to_string(),
            request: request.clone(),
            reason,
            sent,
        };
        let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream))
            .await
            .map_err(|error| lost(unreachable_by(&error), Sent::No))?;
        // The connection's own failure is told to whoever waits for the answer.
        let driver = Driver(tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        }));
        let mut builder = Request::builder()
            .method(call.method)
            .uri(format!("{}{}", self.prefix, call.path))
            .header(HOST, "engine");
        for (name, value) in call.headers {
            builder = builder.header(name, value);
        }
        if upgrade {
            builder = builder.header(CONNECTION, "Upgrade").header(UPGRADE, "tcp");
        }
        let built = builder
            .body(call.body)
            .map_err(|error| EngineError::BadRequest {
                text: error.to_string(),
            })?;
        let sending = sender.send_request(built);
        let response = match call.limit {
            Some(limit) => tokio::time::timeout(limit, sending)
                .await
                .map_err(|_| lost(Unreachable::TimedOut(limit), Sent::Maybe))?,
            None => sending.await,
        };
        let response = response.map_err(|error| lost(unreachable_by(&error), Sent::Maybe))?;
        Ok(Answer {
            request,
            endpoint: self.endpoint.to_string(),
            response,
            driver,
        })
    }

    async fn open(&self, request: &str) -> Result<UnixStream, EngineError> {
        let connecting = connect(&self.endpoint.socket);
        let result = match tokio::time::timeout(CONNECT_LIMIT, connecting).await {
            Ok(result) => result.map_err(|error| Unreachable::of_io(&error)),
            Err(_) => Err(Unreachable::TimedOut(CONNECT_LIMIT)),
        };
        result.map_err(|reason| EngineError::Unreachable {
            endpoint: self.endpoint.to_string(),
            request: request.to_owned(),
            reason,
            sent: Sent::No,
        })
    }

    /// Sends a request; anything but success is a failure.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, Failure> {
        let limit = call.limit;
        let answer = self.answer(call, false).await?;
        if answer.response.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        Err(Failure::Refused(answer.refusal(limit).await?))
    }

    /// Sends a request and reads its answer as JSON.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let limit = call.limit;
        Ok(self.send(call).await?.json(limit).await?)
    }

    /// Sends a request whose connection is then the process's own.
    pub(super) async fn hijack(
        &self,
        call: Call,
    ) -> Result<TokioIo<hyper::upgrade::Upgraded>, Failure> {
        let limit = call.limit;
        let answer = self.answer(call, true).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::Refused(answer.refusal(limit).await?));
        }
        let Answer {
            request,
            endpoint,
            response,
            driver,
        } = answer;
        let upgraded = hyper::upgrade::on(response).await;
        drop(driver);
        let upgraded = upgraded.map_err(|error| EngineError::Unreachable {
            endpoint,
            request,
            reason: unreachable_by(&error),
            sent: Sent::Maybe,
        })?;
        Ok(TokioIo::new(upgraded))
    }
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// Reads the whole body.
    async fn bytes(self, limit: Option<Duration>) -> Result<Bytes, EngineError> {
        let lost = |reason| EngineError::Unreachable {
            endpoint: self.endpoint.clone(),
            request: self.request.clone(),
            reason,
            sent: Sent::Maybe,
        };
        let reading = Limited::new(self.response.into_body(), ANSWER_LIMIT).collect();
        let collected = match limit {
            Some(limit) => tokio::time::timeout(limit, reading)
                .await
                .map_err(|_| lost(Unreachable::TimedOut(limit)))?,
            None => reading.await,
        };
        drop(self.driver);
        Ok(collected
            .map_err(|error| lost(Unreachable::Closed(error.to_string())))?
            .to_bytes())
    }

    pub(super) async fn json<T: DeserializeOwned>(
        self,
        limit: Option<Duration>,
    ) -> Result<T, EngineError> {
        let request = self.request.clone();
        let bytes = self.bytes(limit).await?;
        serde_json::from_slice(&bytes).map_err(|error| EngineError::Unreadable {
            request,
            text: error.to_string(),
        })
    }

    async fn refusal(self, limit: Option<Duration>) -> Result<Refusal, EngineError> {
        let status = self.status().as_u16();
        let bytes = self.bytes(limit).await?;
        let said = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
        let message = said
            .as_ref()
            .and_then(|value| value.get("message"))
            .and_then(|message| message.as_str());
        let text = message.map_or_else(
            || String::from_utf8_lossy(&bytes).trim().to_owned(),
            str::to_owned,
        );
        Ok(Refusal { status, text })
    }

    /// Gives the body piece by piece, as long as it takes.
    pub(super) fn pieces(self) -> Stream<Bytes> {
        let Self {
            request,
            endpoint,
            response,
            driver,
        } = self;
        let pieces = response.into_body().into_data_stream().map(move |piece| {
            // The connection lives as long as this stream.
            let _ = &driver;
            piece.map_err(|error| EngineError::Unreachable {
                endpoint: endpoint.clone(),
                request: request.clone(),
                reason: Unreachable::Closed(error.to_string()),
                sent: Sent::Maybe,
            })
        });
        pieces.boxed()
    }

    /// Gives the body as JSON values, one after another, as long as it takes.
    pub(super) fn values<T: DeserializeOwned + Send + 'static>(self) -> Stream<T> {
        let request = self.request.clone();
        lines(self.pieces())
            .map(move |line| {
                let line = line?;
                serde_json::from_slice(&line).map_err(|error| EngineError::Unreadable {
                    request: request.clone(),
                    text: error.to_string(),
                })
            })
            .boxed()
    }
}

/// Cuts pieces into lines, without their ends; empty lines are left out.
fn lines(pieces: Stream<Bytes>) -> Stream<Vec<u8>> {
    let state = (pieces, Vec::new(), std::collections::VecDeque::new());
    futures_util::stream::unfold(state, |(mut pieces, mut rest, mut ready)| async move {
        loop {
            if let Some(line) = ready.pop_front() {
                return Some((Ok(line), (pieces, rest, ready)));
            }
            match pieces.next().await {
                Some(Ok(piece)) => {
                    for byte in piece {
                        match byte {
                            b'\n' | b'\r' if rest.is_empty() => {}
                            b'\n' => ready.push_back(std::mem::take(&mut rest)),
                            byte => rest.push(byte),
                        }
                    }
                }
                Some(Err(error)) => return Some((Err(error), (pieces, Vec::new(), ready))),
                None if rest.is_empty() => return None,
                None => ready.push_back(std::mem::take(&mut rest)),
            }
        }
    })
    .boxed()
}

async fn connect(socket: &Path) -> std::io::Result<UnixStream> {
    UnixStream::connect(socket).await
}

fn unsendable(error: &serde_json::Error) -> EngineError {
    EngineError::BadRequest {
        text: format!("the request cannot be written: {error}"),
    }
}

fn unreachable_by(error: &hyper::Error) -> Unreachable {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return Unreachable::of_io(io);
        }
        source = cause.source();
    }
    Unreachable::Closed(error.to_string())
}

/// Escapes what is not plainly allowed within one part of a path or a query.
pub(super) fn escape(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut escaped, byte| {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                escaped.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
            escaped
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        let call = Call::get("/x")
            .query("a", "b c/d")
            .query_opt("none", None::<&str>)
            .query("k", "ü");
        assert_eq!(call.path, "/x?a=b%20c%2Fd&k=%C3%BC");
    }

    #[tokio::test]
    async fn lines_are_cut_across_pieces_and_a_last_one_without_end_is_given() {
        let pieces: Vec<Result<Bytes, EngineError>> = ["a", "b\r\n\nc\nd", "e"]
            .map(|text| Ok(Bytes::from(text)))
            .into();
        let lines: Vec<_> = lines(futures_util::stream::iter(pieces).boxed())
            .collect()
            .await;
        let lines: Vec<String> = lines
            .into_iter()
            .map(|line| String::from_utf8(line.unwrap()).unwrap())
            .collect();
        assert_eq!(lines, ["ab\r", "c", "de"]);
    }
}
