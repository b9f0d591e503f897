//! The model behind Actix Web: each of its workers is a thread with an event loop, which also infers.

use std::fmt;
use std::time::Duration;

use actix_multipart::MultipartError;
use actix_multipart::form::{self, MultipartForm, MultipartFormConfig};
use actix_web::error::PayloadError;
use actix_web::guard::{Guard, GuardContext, fn_guard};
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Bytes, Data, PayloadConfig, ServiceConfig};
use actix_web::{App, Error, HttpResponse, HttpServer, ResponseError};
use predictor::{Failure, HEALTH, JSON, Predictor, Upload};

type Answer = Result<HttpResponse, Refusal>;

#[derive(MultipartForm)]
struct Form {
    image: Option<form::bytes::Bytes>,
}

fn routes(app: &mut ServiceConfig, predictor: Data<Predictor>) {
    let most = predictor.settings.max_body_bytes;
    app.app_data(predictor)
        .app_data(PayloadConfig::new(most))
        .app_data(MultipartFormConfig::default().total_limit(most).memory_limit(most))
        .service(
            web::resource("/")
                .route(web::get().to(predict_test_image))
                .route(
                    web::post()
                        .guard(fn_guard(move |request| declares_more_than(most, request)))
                        .to(too_large),
                )
                .route(web::post().guard(sent_as(Upload::Form)).to(predict_form))
                .route(web::post().guard(sent_as(Upload::Body)).to(predict_body))
                .route(web::post().to(async || refuse(Failure::Unsupported)))
                .default_service(web::to(async || only("GET, POST"))),
        )
        .service(
            web::resource("/healthz")
                .route(web::get().to(async || HttpResponse::Ok().content_type(JSON).body(HEALTH)))
                .default_service(web::to(async || only("GET"))),
        )
        .default_service(web::to(async || refuse(Failure::NotFound)));
}

async fn predict_test_image(predictor: Data<Predictor>) -> Answer {
    Ok(HttpResponse::Ok().content_type(JSON).body(predictor.predict_test_image()?))
}

async fn predict_form(predictor: Data<Predictor>, form: Result<MultipartForm<Form>, Error>) -> Answer {
    let form =
        form.map_err(|error| if is_overflow(&error) { Failure::TooLarge } else { Failure::Multipart })?;
    let file = form.into_inner().image.filter(|part| part.file_name.is_some()).ok_or(Failure::NoImage)?;
    Ok(HttpResponse::Ok().content_type(JSON).body(predictor.predict(&file.data)?))
}

async fn predict_body(predictor: Data<Predictor>, body: Result<Bytes, Error>) -> Answer {
    let image = body.map_err(|error| match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::TooLarge,
        _ => Failure::Body,
    })?;
    Ok(HttpResponse::Ok().content_type(JSON).body(predictor.predict(&image)?))
}

fn sent_as(upload: Upload) -> impl Guard {
    fn_guard(move |request| {
        let content_type = request.head().headers().get(header::CONTENT_TYPE);
        Upload::of(content_type.and_then(|value| value.to_str().ok())) == Ok(upload)
    })
}

fn declares_more_than(most: usize, request: &GuardContext<'_>) -> bool {
    request.header::<header::ContentLength>().is_some_and(|length| *length > most)
}

fn is_overflow(error: &Error) -> bool {
    match error.as_error() {
        Some(MultipartError::Payload(PayloadError::Overflow)) => true,
        Some(MultipartError::Field { source, .. }) => is_overflow(source),
        _ => false,
    }
}

async fn too_large() -> Answer {
    refuse(Failure::TooLarge)
}

fn only(allowed: &'static str) -> HttpResponse {
    let mut response = Refusal(Failure::MethodNotAllowed).error_response();
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

fn refuse(failure: Failure) -> Answer {
    Err(Refusal(failure))
}

#[derive(Debug)]
struct Refusal(Failure);

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).content_type(JSON).body(self.0.body())
    }
}

async fn run(predictor: Predictor) -> anyhow::Result<()> {
    let (address, workers) = (predictor.settings.address, predictor.settings.workers);
    let predictor = Data::new(predictor);
    HttpServer::new(move || App::new().configure(|app| routes(app, predictor.clone())))
        .workers(workers)
        .keep_alive(Duration::from_secs(75))
        .tcp_nodelay(true)
        .shutdown_timeout(4)
        .bind(address)?
        .run()
        .await?;
    Ok(())
}

fn main() {
    let ended = Predictor::open().and_then(|predictor| actix_web::rt::System::new().block_on(run(predictor)));
    if let Err(error) = ended {
        predictor::exit(&error);
    }
}
