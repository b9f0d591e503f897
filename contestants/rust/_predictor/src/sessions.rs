use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::{env, fs};

use anyhow::{Context, anyhow, bail};
use ort::environment::Environment;
use ort::session;
use ort::value::Tensor;

use crate::model::{Activation, Model};
use crate::settings::Settings;

/// One session per worker, each with its own threads.
pub(crate) struct Sessions {
    free: Mutex<Vec<Session>>,
    returned: Condvar,
    _environment: Environment,
}

/// ONNX Runtime's session with its input: one thread at a time may use it.
pub(crate) struct Session {
    session: session::Session,
    input: Tensor<f32>,
    shape: Vec<i64>, // of the input
    input_name: String,
    output_name: String,
    logits: bool, // whether the output still lacks its softmax
}

impl Sessions {
    pub fn open(model: &Model, settings: &Settings) -> anyhow::Result<Self> {
        // The build puts the library beside the program.
        let library = env::current_exe()?.with_file_name("libonnxruntime.so");
        let environment = ort::init_from(&library)?.with_telemetry(false).build()?;
        // What matters comes back as an error; a log line would be a second voice.
        environment.set_log_level(ort::logging::LogLevel::Fatal);
        let path = Path::new(&settings.model_dir).join(&model.formats.onnx);
        let content =
            fs::read(&path).with_context(|| format!("the ONNX model {} cannot be read", path.display()))?;
        let free = (0..settings.workers)
            .map(|_| Session::open(&environment, model, &content, settings.threads))
            .collect::<anyhow::Result<Vec<_>>>()
            .with_context(|| format!("the ONNX model {} cannot be loaded", path.display()))?;
        Ok(Self { free: Mutex::new(free), returned: Condvar::new(), _environment: environment })
    }

    /// Works with a free session. Waits only where more threads ask than there are workers. A panic
    /// (a decoder's, for example) is an error of this one request.
    pub fn with<T>(&self, work: impl FnOnce(&mut Session) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut session = self.take();
        let done = panic::catch_unwind(AssertUnwindSafe(|| work(&mut session)));
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        self.returned.notify_one();
        done.unwrap_or_else(|_| Err(anyhow!("a panic, whose message is above")))
    }

    fn take(&self) -> Session {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match free.pop() {
                Some(session) => return session,
                None => free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Session {
    fn open(
        environment: &Environment,
        model: &Model,
        content: &[u8],
        threads: usize,
    ) -> anyhow::Result<Self> {
        let session = load(environment, content, threads)?;
        let (input_name, output_name) = (model.input.name.clone(), model.output.name.clone());
        if !session.inputs().iter().any(|input| input.name() == input_name) {
            bail!("it has no input {input_name:?}");
        }
        if !session.outputs().iter().any(|output| output.name() == output_name) {
            bail!("it has no output {output_name:?}");
        }
        let shape = model.input.shape();
        let input = Tensor::new(session.allocator(), shape.clone())?;
        let logits = model.output.activation == Activation::Logits;
        Ok(Self { session, input, shape, input_name, output_name, logits })
    }

    /// The values that `run` takes.
    pub fn input(&mut self) -> &mut [f32] {
        self.input.extract_tensor_mut().1
    }

    /// The index of the largest output, and that output.
    pub fn run(&mut self) -> anyhow::Result<(usize, f64)> {
        let outputs = self.session.run(ort::inputs![self.input_name.as_str() => &self.input])?;
        let (_, probabilities) = outputs[self.output_name.as_str()].try_extract_tensor::<f32>()?;
        Ok(largest(probabilities, self.logits))
    }

    /// The same for every one of `inputs`, which are inferred at once. The model must take batches.
    pub fn run_all(&mut self, inputs: &[Vec<f32>]) -> anyhow::Result<Vec<(usize, f64)>> {
        let mut shape = self.shape.clone();
        shape[0] = inputs.len() as i64;
        let joined = Tensor::from_array((shape, inputs.concat()))?;
        let outputs = self.session.run(ort::inputs![self.input_name.as_str() => &joined])?;
        let (_, values) = outputs[self.output_name.as_str()].try_extract_tensor::<f32>()?;
        let labels = values.len() / inputs.len();
        Ok(values.chunks_exact(labels).map(|one| largest(one, self.logits)).collect())
    }
}

/// The index of the largest value, and its probability.
fn largest(values: &[f32], logits: bool) -> (usize, f64) {
    let mut best = (0, f32::MIN);
    for (index, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    let largest = f64::from(best.1);
    if !logits {
        return (best.0, largest);
    }
    // Softmax, of which one value is wanted.
    let sum: f64 = values.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    (best.0, 1.0 / sum)
}

fn load(environment: &Environment, content: &[u8], threads: usize) -> ort::Result<session::Session> {
    session::Session::builder(environment)?.with_intra_threads(threads)?.commit_from_memory(content)
}
