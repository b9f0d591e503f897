//! The model behind bare hyper: Tokio's threads are the workers, and each of them also infers.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use predictor::{Failure, HEALTH, JSON, Predictor, Upload};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30); // for a request

async fn route(
    predictor: &Predictor,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_root = request.uri().path() == "/";
    let answered = match (request.uri().path(), request.method()) {
        ("/", &Method::GET | &Method::HEAD) => predictor.predict_test_image(),
        ("/", &Method::POST) => {
            timeout(PATIENCE, predict(predictor, request)).await.unwrap_or(Err(Failure::Body))
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

async fn predict(predictor: &Predictor, request: Request<Incoming>) -> Result<String, Failure> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let upload = Upload::of(content_type)?;
    let most = predictor.settings.max_body_bytes;
    if body.size_hint().lower() > most as u64 {
        return Err(Failure::TooLarge); // before "100 Continue" invites the body
    }
    let body = Limited::new(body, most);
    let image = match upload {
        Upload::Form => form_file(content_type.unwrap_or_default(), body).await?,
        Upload::Body => body.collect().await.map_err(|error| unread(&*error, Failure::Body))?.to_bytes(),
    };
    predictor.predict(&image)
}

async fn form_file(content_type: &str, body: Limited<Incoming>) -> Result<Bytes, Failure> {
    let unreadable = |error: multer::Error| match &error {
        multer::Error::StreamReadFailed(cause) => unread(&**cause, Failure::Multipart),
        _ => Failure::Multipart,
    };
    let boundary = multer::parse_boundary(content_type).map_err(unreadable)?;
    let mut form = multer::Multipart::new(body.into_data_stream(), boundary);
    let mut image = None;
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        if image.is_none() && field.name() == Some("image") && field.file_name().is_some() {
            image = Some(field.bytes().await.map_err(unreadable)?);
        }
    }
    image.ok_or(Failure::NoImage)
}

fn unread(error: &(dyn Error + 'static), otherwise: Failure) -> Failure {
    if error.is::<LengthLimitError>() { Failure::TooLarge } else { otherwise }
}

async fn run(predictor: Predictor) -> anyhow::Result<()> {
    let listener = TcpListener::bind(predictor.settings.address).await?;
    let mut terminated = signal(SignalKind::terminate())?;
    let predictor = Arc::new(predictor);
    let connections = GracefulShutdown::new();
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
        let predictor = Arc::clone(&predictor);
        let service = service_fn(move |request| {
            let predictor = Arc::clone(&predictor);
            async move { route(&predictor, request).await }
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

fn main() {
    let ended = Predictor::open().and_then(|predictor| {
        let mut tokio = tokio::runtime::Builder::new_multi_thread();
        let tokio = tokio.worker_threads(predictor.settings.workers).enable_all().build()?;
        tokio.block_on(tokio.spawn(run(predictor)))? // spawned, so that connections are accepted by workers too
    });
    if let Err(error) = ended {
        predictor::exit(&error);
    }
}
