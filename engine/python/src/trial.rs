//! One trial: the interpreter is released while it runs, and looked in on for Ctrl-C.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use servemark_engine::{Config, Limits};

use crate::inputs::{Corpus, Load};
use crate::outcome::Outcome;
use crate::to_python;

/// How often Python is asked whether a signal has come.
const SIGNAL_POLL: Duration = Duration::from_millis(50);

/// See `__init__.pyi`.
#[pyclass(frozen, module = "servemark_engine")]
#[derive(Default)]
pub struct Control {
    inner: servemark_engine::Control,
}

#[pymethods]
impl Control {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn stop(&self) {
        self.inner.stop();
    }

    fn progress(&self) -> Progress {
        let servemark_engine::Progress { start_ns, sent, answered, failed } = self.inner.progress();
        Progress { start_ns, sent, answered, failed }
    }
}

/// See `__init__.pyi`.
#[pyclass(frozen, get_all, module = "servemark_engine")]
pub struct Progress {
    start_ns: Option<i64>,
    sent: u64,
    answered: u64,
    failed: u64,
}

/// See `__init__.pyi`.
#[pyfunction]
#[pyo3(signature = (
    address, corpus, load, *, threads=1, cores=None, timeout_ns=10_000_000_000, grace_ns=10_000_000_000,
    reconnect_each=false, spin_ns=50_000, busy_poll=false, max_head_bytes=65_536, max_body_bytes=1_048_576,
    max_kept_bodies=65_536, max_kept_bytes=67_108_864, control=None, start_at_ns=None
))]
#[allow(clippy::too_many_arguments, reason = "they have names where it is called")]
#[allow(clippy::needless_pass_by_value, reason = "Python hands over references of its own")]
pub fn run(
    py: Python<'_>,
    address: &str,
    corpus: Py<Corpus>,
    load: Load,
    threads: usize,
    cores: Option<Vec<usize>>,
    timeout_ns: u64,
    grace_ns: u64,
    reconnect_each: bool,
    spin_ns: u64,
    busy_poll: bool,
    max_head_bytes: usize,
    max_body_bytes: usize,
    max_kept_bodies: usize,
    max_kept_bytes: usize,
    control: Option<Py<Control>>,
    start_at_ns: Option<i64>,
) -> PyResult<Outcome> {
    let config = Config {
        address: address.parse().map_err(|error| to_python(&error))?,
        threads,
        cores: cores.unwrap_or_default(),
        timeout_ns,
        grace_ns,
        reconnect_each,
        spin_ns,
        busy_poll,
        start_at_ns,
        limits: Limits {
            head_bytes: max_head_bytes,
            body_bytes: max_body_bytes,
            kept_bodies: max_kept_bodies,
            kept_bytes: max_kept_bytes,
        },
    };
    let of_its_own = servemark_engine::Control::new();
    let control = control.as_ref().map_or(&of_its_own, |control| &control.get().inner);
    let (corpus, schedule) = (&corpus.get().inner, load.schedule());
    let trial = || servemark_engine::run(&config, corpus, schedule, control);
    let (ended, interruption) = py.detach(|| attend(trial, control));
    // Ctrl-C is answered by what there is; what another handler raised is not for us to swallow.
    let is_interrupted = match interruption {
        Some(error) if !error.is_instance_of::<PyKeyboardInterrupt>(py) => return Err(error),
        interruption => interruption.is_some(),
    };
    let ended = ended.ok_or_else(|| crate::EngineError::new_err("the engine ended without a result"))?;
    let mut ended = ended.map_err(|error| to_python(&error))?;
    // It may have come when all had been answered.
    ended.interrupted |= is_interrupted;
    Outcome::new(py, ended)
}

/// Carries out the trial in a thread of its own, and stops it when a Python signal handler raises: gives that
/// exception too. Without a result the trial's thread has panicked, and so will the scope.
fn attend<T: Send>(
    trial: impl FnOnce() -> T + Send,
    control: &servemark_engine::Control,
) -> (Option<T>, Option<PyErr>) {
    thread::scope(|scope| {
        let (tell, told) = channel();
        scope.spawn(move || {
            // The other end is held below until this arrives.
            let _ = tell.send(trial());
        });
        let mut interruption = None;
        loop {
            match told.recv_timeout(SIGNAL_POLL) {
                Ok(ended) => return (Some(ended), interruption),
                Err(RecvTimeoutError::Disconnected) => return (None, interruption),
                Err(RecvTimeoutError::Timeout) => {
                    if let Err(error) = Python::attach(|py| py.check_signals()) {
                        control.stop();
                        interruption = Some(error);
                    }
                }
            }
        }
    })
}
