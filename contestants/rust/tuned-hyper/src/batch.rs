//! Micro-batches: what waits at the same time is inferred at once, and nobody waits for a timer.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use predictor::{Failure, Predictor};
use tokio::sync::oneshot;

const MOST: usize = 32; // images in a batch: more gain little, and the first waits for the last

/// Joins the images that arrive in one turn of a worker's event loop into one call of ONNX Runtime.
///
/// The call is queued when the first of them arrives. What is ready by then is handled before it:
/// one image on an idle server, all that wait on a busy one.
pub struct Batcher {
    predictor: Arc<Predictor>,
    waiting: Mutex<Vec<Waiting>>,
}

struct Waiting {
    input: Vec<f32>,
    asker: oneshot::Sender<Result<String, Failure>>,
}

impl Batcher {
    /// For one worker, whose event loop has one thread.
    pub fn new(predictor: Arc<Predictor>) -> Self {
        Self { predictor, waiting: Mutex::default() }
    }

    /// The answer for one JPEG or PNG, as JSON.
    ///
    /// # Errors
    /// As `Predictor::predict`.
    pub async fn predict(self: &Arc<Self>, image: &[u8]) -> Result<String, Failure> {
        if !self.predictor.takes_batches() {
            return self.predictor.predict(image);
        }
        let input = self.predictor.input(image)?;
        let (asker, answer) = oneshot::channel();
        match self.push(Waiting { input, asker }) {
            1 => {
                let batcher = Arc::clone(self);
                tokio::spawn(async move { batcher.run() });
            }
            MOST => self.run(),
            _ => {}
        }
        answer.await.unwrap_or(Err(Failure::Internal))
    }

    /// Gives how many wait now.
    fn push(&self, one: Waiting) -> usize {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(one);
        waiting.len()
    }

    fn run(&self) {
        let waiting = mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if waiting.is_empty() {
            return; // a full batch did not wait for this turn
        }
        let (inputs, askers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|one| (one.input, one.asker)).unzip();
        // Who asked may have gone.
        match self.predictor.predict_all(&inputs) {
            Ok(answers) => {
                for (asker, answer) in askers.into_iter().zip(answers) {
                    let _ = asker.send(Ok(answer));
                }
            }
            Err(failure) => {
                for asker in askers {
                    let _ = asker.send(Err(failure));
                }
            }
        }
    }
}
