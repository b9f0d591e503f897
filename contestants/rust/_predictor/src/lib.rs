//! What the Rust contestants share: from an image's bytes to the answer of the model in
//! `MODEL_DIR`, and the contract's settings and failures.

mod ceiling;
mod failure;
mod image;
mod model;
mod sessions;
mod settings;

use std::panic::{self, AssertUnwindSafe};
use std::{env, fs, process};

use anyhow::Context;

pub use ceiling::Ceiling;
pub use failure::Failure;
pub use settings::Settings;

use model::Model;
use sessions::Sessions;
use settings::Stage;

/// The body of `GET /healthz`.
pub const HEALTH: &str = r#"{"status":"ok"}"#;

/// The media type of every answer.
pub const JSON: &str = "application/json";

const STAGE_PROBABILITY: f64 = 0.123_456_789; // what the stages before the inference answer

/// Answers for one model. Any number of threads may use it; `WORKERS` of them at a time decode and
/// infer.
pub struct Predictor {
    pub settings: Settings,
    model: Model,
    answer: String, // the name of the answer field, quoted for JSON
    test_image: Vec<u8>,
    sessions: Sessions,
}

/// How a `POST` carries the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upload {
    Form,
    Body,
}

impl Upload {
    /// # Errors
    /// `Failure::Unsupported` for every other content type, or none.
    pub fn of(content_type: Option<&str>) -> Result<Self, Failure> {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        match essence.trim().to_ascii_lowercase().as_str() {
            "multipart/form-data" => Ok(Self::Form),
            "image/jpeg" | "image/png" | "application/octet-stream" => Ok(Self::Body),
            _ => Err(Failure::Unsupported),
        }
    }
}

impl Predictor {
    /// Reads the settings from the environment, loads the model and has answered `TEST_IMAGE` once
    /// when it returns.
    ///
    /// # Errors
    /// What the user has to put right before there can be a server.
    pub fn open() -> anyhow::Result<Self> {
        let settings = Settings::read(|name| env::var(name).ok())?;
        let model = Model::read(&settings.model_dir)?;
        let test_image = fs::read(&settings.test_image)
            .with_context(|| format!("TEST_IMAGE {} cannot be read", settings.test_image))?;
        let sessions = Sessions::open(&model, &settings)?;
        let answer = serde_json::to_string(&model.answer)?;
        let predictor = Self { settings, model, answer, test_image, sessions };
        predictor
            .infer(&predictor.test_image, Stage::Full)
            .with_context(|| format!("TEST_IMAGE {} cannot be predicted", predictor.settings.test_image))?;
        Ok(predictor)
    }

    /// The answer for the image that `GET /` stands for.
    ///
    /// # Errors
    /// As `predict`.
    pub fn predict_test_image(&self) -> Result<String, Failure> {
        self.predict(&self.test_image)
    }

    /// The answer for one JPEG or PNG, as JSON.
    ///
    /// # Errors
    /// What is wrong with the image. What the caller must not see goes to the log.
    pub fn predict(&self, image: &[u8]) -> Result<String, Failure> {
        let answer = self.infer(image, self.settings.stage).map_err(|error| {
            error.downcast().unwrap_or_else(|error| {
                eprintln!("{error:#}");
                Failure::Internal
            })
        });
        Ok(self.body(answer?))
    }

    /// Whether `input` and `predict_all` can take the place of `predict`.
    #[must_use]
    pub fn takes_batches(&self) -> bool {
        self.model.input.takes_batches() && self.settings.stage == Stage::Full
    }

    /// What the model takes of one JPEG or PNG.
    ///
    /// # Errors
    /// What is wrong with the image.
    pub fn input(&self, image: &[u8]) -> Result<Vec<f32>, Failure> {
        if image.is_empty() {
            return Err(Failure::Empty);
        }
        let input = &self.model.input;
        let mut x = vec![0.0; input.height * input.width * input.channels];
        // A panic of a decoder is an error of this one request.
        panic::catch_unwind(AssertUnwindSafe(|| self.model.fill(&mut x, image)))
            .unwrap_or(Err(Failure::Internal))?;
        Ok(x)
    }

    /// The answer for each of several images, inferred at once, as JSON.
    ///
    /// # Errors
    /// `Failure::Internal`, for all of them; why goes to the log.
    pub fn predict_all(&self, inputs: &[Vec<f32>]) -> Result<Vec<String>, Failure> {
        let answers = self.sessions.with(|session| session.run_all(inputs)).map_err(|error| {
            eprintln!("{error:#}");
            Failure::Internal
        })?;
        Ok(answers.into_iter().map(|answer| self.body(answer)).collect())
    }

    fn body(&self, (index, probability): (usize, f64)) -> String {
        let name = &self.answer;
        format!(r#"{{"data": {{{name}: {index}, "probability": {probability:.10}}}}}"#)
    }

    /// The index of the model's largest output, and that output.
    fn infer(&self, image: &[u8], stage: Stage) -> anyhow::Result<(usize, f64)> {
        if image.is_empty() {
            return Err(Failure::Empty.into());
        }
        if stage == Stage::Receive {
            return Ok((0, STAGE_PROBABILITY));
        }
        self.sessions.with(|session| {
            self.model.fill(session.input(), image)?;
            if stage == Stage::Full {
                return session.run();
            }
            // Exact: f64 holds every sum of this many f32 of this range.
            let sum: f64 = session.input().iter().copied().map(f64::from).sum();
            let labels = self.model.labels.len() as i64;
            Ok(((sum.floor() as i64).rem_euclid(labels) as usize, STAGE_PROBABILITY))
        })
    }
}

/// Ends a program that cannot start: one line on stderr, status 1.
pub fn exit(error: &anyhow::Error) -> ! {
    eprintln!("cannot start: {}", format!("{error:#}").replace('\n', "; "));
    process::exit(1)
}
