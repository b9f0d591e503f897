//! hyper, tuned: a worker is a thread with an event loop and a listener of its own, the form is searched in place,
//! and what waits is inferred at once.

mod batch;
mod form;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use batch::Batcher;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use predictor::{Failure, HEALTH, JSON, Predictor, Upload};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30); // for a request

async fn route(
    predictor: &Predictor,
    batcher: &Arc<Batcher>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_root = request.uri().path() == "/";
    let answered = match (request.uri().path(), request.method()) {
        ("/", &Method::GET | &Method::HEAD) => predictor.predict_test_image(),
        ("/", &Method::POST) => {
            timeout(PATIENCE, predict(predictor, batcher, request)).await.unwrap_or(Err(Failure::Body))
        }
        ("/healthz", &Method::GET | &Method::HEAD) => Ok(HEALTH.to_owned()),
        ("/" | "/healthz", _) => Err(Failure::MethodNotAllowed),
        _ => Err(Failure::NotFound),
    };
    let (status, body) = match answered {
        Ok(answer) => (200, answer),
        Err(failure) => (failure.status(), failure.body()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = if is_root { "GET, HEAD, POST" } else { "GET, HEAD" };
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    }
    Ok(response)
}

async fn predict(
    predictor: &Predictor,
    batcher: &Arc<Batcher>,
    request: Request<Incoming>,
) -> Result<String, Failure> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let upload = Upload::of(content_type)?;
    let most = predictor.settings.max_body_bytes;
    if body.size_hint().lower() > most as u64 {
        return Err(Failure::TooLarge); // before "100 Continue" invites the body
    }
    let body = Limited::new(body, most).collect().await.map_err(|error| match upload {
        _ if error.is::<LengthLimitError>() => Failure::TooLarge,
        Upload::Form => Failure::Multipart,
        Upload::Body => Failure::Body,
    })?;
    let body = body.to_bytes(); // a copy only of what came in pieces
    let image = match upload {
        Upload::Form => form::find_image(content_type.unwrap_or_default(), &body)?,
        Upload::Body => 0..body.len(),
    };
    batcher.predict(&body[image]).await
}

/// One of the listeners that share the address: the kernel spreads connections over them.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn run(predictor: Arc<Predictor>) -> anyhow::Result<()> {
    let listener = listen(predictor.settings.address.into())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let connections = GracefulShutdown::new();
    let batcher = Arc::new(Batcher::new(Arc::clone(&predictor)));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => { // the client has gone, or there are too many open files: others are served meanwhile
                    eprintln!("a connection could not be accepted: {error}");
                    sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = terminated.recv() => break,
        };
        let _ = stream.set_nodelay(true); // a connection that is gone already says so when it is read
        let (predictor, batcher) = (Arc::clone(&predictor), Arc::clone(&batcher));
        let service = service_fn(move |request| {
            let (predictor, batcher) = (Arc::clone(&predictor), Arc::clone(&batcher));
            async move { route(&predictor, &batcher, request).await }
        });
        let mut http = http1::Builder::new();
        let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // An error is the client's: it has gone, or does not speak HTTP.
        tokio::spawn(connections.watch(connection));
    }
    drop(listener);
    // Connections on which half a request has come would keep it waiting.
    let _ = timeout(Duration::from_secs(4), connections.shutdown()).await;
    Ok(())
}

/// Serves with one thread until SIGTERM.
fn work(predictor: Arc<Predictor>) -> anyhow::Result<()> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(run(predictor))
}

fn serve(predictor: Predictor) -> anyhow::Result<()> {
    // With SO_REUSEPORT a second server would be let in beside this one: only one is to have the port.
    drop(std::net::TcpListener::bind(predictor.settings.address)?);
    let predictor = Arc::new(predictor);
    let workers: Vec<_> = (1..predictor.settings.workers)
        .map(|_| {
            let predictor = Arc::clone(&predictor);
            thread::spawn(|| work(predictor).unwrap_or_else(|error| predictor::exit(&error)))
        })
        .collect();
    work(predictor)?;
    for worker in workers {
        worker.join().map_err(|_| anyhow::anyhow!("a worker has panicked"))?;
    }
    Ok(())
}

fn main() {
    if let Err(error) = Predictor::open().and_then(serve) {
        predictor::exit(&error);
    }
}
