//! A trial seen from outside while it runs.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Longest sleep of an event loop: how soon a stop is noticed.
pub(crate) const STOP_POLL_NS: i64 = 50_000_000;

/// How far a trial has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// CLOCK_MONOTONIC at the trial's start; `None` before it.
    pub start_ns: Option<i64>,
    /// Requests sent.
    pub sent: u64,
    /// Complete responses, whatever their status.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
}

/// Shared between a running trial and whoever watches or stops it.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicBool,
    start_ns: AtomicI64,
    sent: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Control {
    /// A control for one trial.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the trial within 50 ms: what is under way is recorded as unanswered, the rest as not sent.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The counts so far. They lag behind by no more than one turn of the event loop.
    pub fn progress(&self) -> Progress {
        let start_ns = self.start_ns.load(Ordering::Relaxed);
        Progress {
            start_ns: (start_ns != 0).then_some(start_ns),
            sent: self.sent.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn started(&self, start_ns: i64) {
        self.start_ns.store(start_ns, Ordering::Relaxed);
    }

    /// Adds what happened since the last call and starts `since` anew.
    pub(crate) fn add(&self, since: &mut Progress) {
        for (total, count) in
            [(&self.sent, since.sent), (&self.answered, since.answered), (&self.failed, since.failed)]
        {
            if count > 0 {
                total.fetch_add(count, Ordering::Relaxed);
            }
        }
        *since = Progress::default();
    }
}
