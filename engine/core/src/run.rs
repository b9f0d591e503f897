//! A trial: its threads, and their results put together.

use std::panic::resume_unwind;
use std::thread::{self, Scope, ScopedJoinHandle};

use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::arrival::Stamping;
use crate::clock::{now_ns, sleep_until};
use crate::config::Config;
use crate::control::{Control, STOP_POLL_NS};
use crate::corpus::Corpus;
use crate::crew::{Crew, Trial};
use crate::error::EngineError;
use crate::outcome::Outcome;
use crate::schedule::Schedule;
use crate::summary;
use crate::worker::Worker;

/// From the moment when all connections are open to the start: enough for every thread to be there in time.
const START_MARGIN_NS: i64 = 2_000_000;

/// Carries out one trial and returns when it has ended.
///
/// Connections are opened first (except with [`Config::reconnect_each`]); the clock of the trial starts after
/// that. Everything that goes wrong from then on is a sample.
///
/// # Errors
/// When the trial contradicts itself, or the kernel refuses what it needs before the start.
pub fn run(
    config: &Config,
    corpus: &Corpus,
    schedule: &Schedule,
    control: &Control,
) -> Result<Outcome, EngineError> {
    schedule.check(corpus, config.threads)?;
    let _stamping = Stamping::begin();
    let trial = Trial { config, corpus, schedule, control };
    let crews = on_threads(config, 0..config.threads, |thread| {
        let mut crew = Crew::new(trial, thread)?;
        if !config.reconnect_each {
            crew.connect()?;
        }
        Ok(crew)
    })?;
    let soonest_ns = now_ns() + START_MARGIN_NS;
    let start_ns = config.start_at_ns.map_or(soonest_ns, |at_ns| at_ns.max(soonest_ns));
    control.started(start_ns);
    let shares = on_threads(config, crews, |crew| {
        await_start(start_ns, control);
        Worker::new(crew, start_ns).run()
    })?;
    Ok(summary::outcome(config, start_ns, shares))
}

/// Sleeps until the start, or until a stop.
fn await_start(start_ns: i64, control: &Control) {
    loop {
        let now_ns = now_ns();
        if now_ns >= start_ns || control.is_stopped() {
            return;
        }
        sleep_until(start_ns.min(now_ns.saturating_add(STOP_POLL_NS)));
    }
}

/// Does `task` for every input, each in a thread of its own on its core.
fn on_threads<I: Send, O: Send>(
    config: &Config,
    inputs: impl IntoIterator<Item = I>,
    task: impl Fn(I) -> Result<O, Errno> + Sync,
) -> Result<Vec<O>, EngineError> {
    let task = &task;
    thread::scope(|scope| {
        let threads = inputs.into_iter().enumerate().map(|(thread, input)| {
            spawn(scope, thread, move || {
                settle(config.core_of(thread))?;
                task(input).map_err(loop_failed)
            })
        });
        // All are spawned before the first is joined.
        let threads = threads.collect::<Result<Vec<_>, _>>()?;
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

fn loop_failed(errno: Errno) -> EngineError {
    let remedy = match errno {
        // epoll_pwait2, whose timeouts are not rounded to milliseconds.
        Errno::NOSYS => "Linux 5.11 or newer is needed",
        Errno::MFILE | Errno::NFILE => "raise `ulimit -n`, or use fewer threads",
        _ => "this is a bug in the engine; please report it",
    };
    EngineError::System { what: "the event loop failed", source: errno.into(), remedy }
}

fn spawn<'scope, O: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    thread: usize,
    body: impl FnOnce() -> O + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, O>, EngineError> {
    let builder = thread::Builder::new().name(format!("servemark-{thread}"));
    builder.spawn_scoped(scope, body).map_err(|source| EngineError::System {
        what: "no thread could be started",
        source,
        remedy: "use fewer threads, or raise `ulimit -u`",
    })
}

/// Pins the calling thread and asks for timers without slack (the kernel's default is 50 µs late).
fn settle(core: Option<usize>) -> Result<(), EngineError> {
    // A kernel that refuses costs precision, which the reported lag shows.
    let _ = set_current_timer_slack(std::num::NonZeroU64::new(1));
    let Some(core) = core else { return Ok(()) };
    if core >= CpuSet::MAX_CPU {
        return Err(EngineError::invalid(format!(
            "there is no core {core}; name cores that this machine has"
        )));
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).map_err(|errno| EngineError::System {
        what: "a thread could not be pinned to its core",
        source: errno.into(),
        remedy: "name cores that this process may use",
    })
}
