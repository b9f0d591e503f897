//! The model behind template-name: Tokio's threads are the workers, and each of them also infers.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Router, serve};
use predictor::{Failure, HEALTH, JSON, Predictor, Upload};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_http::timeout::TimeoutLayer;

type Answer = Result<([(header::HeaderName, &'static str); 1], String), Refusal>;

fn routes(predictor: Arc<Predictor>) -> Router {
    Router::new()
        .route("/", get(predict_test_image).post(predict))
        .route("/healthz", get(([(header::CONTENT_TYPE, JSON)], HEALTH)))
        .fallback(async || Refusal(Failure::NotFound))
        .method_not_allowed_fallback(async || Refusal(Failure::MethodNotAllowed))
        .layer(DefaultBodyLimit::max(predictor.settings.max_body_bytes))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(30)))
        .with_state(predictor)
}

async fn predict_test_image(State(predictor): State<Arc<Predictor>>) -> Answer {
    Ok(([(header::CONTENT_TYPE, JSON)], predictor.predict_test_image()?))
}

async fn predict(State(predictor): State<Arc<Predictor>>, Image(image): Image) -> Answer {
    Ok(([(header::CONTENT_TYPE, JSON)], predictor.predict(&image)?))
}

/// The image in a request, whichever way it was sent.
struct Image(Bytes);

impl<S: Send + Sync> FromRequest<S> for Image {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        match Upload::of(content_type.and_then(|value| value.to_str().ok()))? {
            Upload::Form => form_file(request, state).await,
            Upload::Body => match Bytes::from_request(request, state).await {
                Ok(image) => Ok(Self(image)),
                Err(error) => Err(unread(error.status(), Failure::Body)),
            },
        }
    }
}

async fn form_file<S: Send + Sync>(request: Request, state: &S) -> Result<Image, Refusal> {
    let mut form = Multipart::from_request(request, state).await.map_err(|_| Failure::Multipart)?;
    let mut image = None;
    while let Some(field) = form.next_field().await.map_err(|e| unread(e.status(), Failure::Multipart))? {
        if image.is_none() && field.name() == Some("image") && field.file_name().is_some() {
            image = Some(field.bytes().await.map_err(|e| unread(e.status(), Failure::Multipart))?);
        }
    }
    Ok(Image(image.ok_or(Failure::NoImage)?))
}

fn unread(status: StatusCode, otherwise: Failure) -> Refusal {
    Refusal(if status == StatusCode::PAYLOAD_TOO_LARGE { Failure::TooLarge } else { otherwise })
}

struct Refusal(Failure);

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, JSON)], self.0.body()).into_response()
    }
}

async fn run(predictor: Predictor) -> anyhow::Result<()> {
    let listener = TcpListener::bind(predictor.settings.address).await?;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true); // a connection that is gone already says so when it is read
    });
    let (mut terminated, mut overdue) = (signal(SignalKind::terminate())?, signal(SignalKind::terminate())?);
    let server = serve(listener, routes(Arc::new(predictor))).with_graceful_shutdown(async move {
        terminated.recv().await;
    });
    tokio::select! {
        ended = server => ended?,
        // Connections on which half a request has come would keep it waiting.
        () = async { overdue.recv().await; tokio::time::sleep(Duration::from_secs(4)).await; } => {}
    }
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
