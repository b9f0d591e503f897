//! What is sent and when: data, computed before the trial.

use crate::corpus::Corpus;
use crate::error::EngineError;

/// The load of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Each connection has one request outstanding, always.
    Closed(Closed),
    /// Requests become due at given times, whatever the server does.
    Open(Open),
}

/// Closed loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Connections, dealt out to the threads in turn.
    pub connections: u32,
    /// Request indices. The `k`-th request of the trial is `order[k % order.len()]`; thread `t` of `T` sends
    /// those with `k % T == t`.
    pub order: Vec<u32>,
    /// No request is sent later than this after the start.
    pub duration_ns: Option<u64>,
    /// No more requests than this are sent.
    pub count: Option<u64>,
}

/// Open loop. Entry `k` is dealt to thread `k % T`. A request that finds no free connection waits, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Most connections at a time, dealt out to the threads in turn.
    pub connections: u32,
    /// When each request is due, after the start; never decreasing.
    pub intended_ns: Vec<i64>,
    /// Request index of each entry.
    pub request: Vec<u32>,
    /// No request is sent later than this after the start; `None`: the trial ends when all are sent.
    pub duration_ns: Option<u64>,
}

impl Schedule {
    /// Connections over all threads.
    pub fn connections(&self) -> u32 {
        match self {
            Self::Closed(closed) => closed.connections,
            Self::Open(open) => open.connections,
        }
    }

    /// Refuses a schedule that cannot be carried out with `corpus` by `threads` threads.
    pub(crate) fn check(&self, corpus: &Corpus, threads: usize) -> Result<(), EngineError> {
        if threads == 0 || (self.connections() as usize) < threads {
            return Err(EngineError::invalid(format!(
                "{} connections cannot be dealt to {threads} threads; give each thread at least one",
                self.connections()
            )));
        }
        let requests = match self {
            Self::Closed(closed) => closed.check()?,
            Self::Open(open) => open.check()?,
        };
        match requests.iter().max() {
            Some(&largest) if largest as usize >= corpus.len() => Err(EngineError::invalid(format!(
                "the schedule names request {largest}, but the corpus ends at {}",
                corpus.len() - 1
            ))),
            _ => Ok(()),
        }
    }
}

impl Closed {
    fn check(&self) -> Result<&[u32], EngineError> {
        if self.order.is_empty() {
            return Err(EngineError::invalid("the order of requests is empty; name at least one request"));
        }
        if self.duration_ns.is_none() && self.count.is_none() {
            return Err(EngineError::invalid("a closed loop needs an end; give a duration or a count"));
        }
        Ok(&self.order)
    }
}

impl Open {
    fn check(&self) -> Result<&[u32], EngineError> {
        if self.intended_ns.len() != self.request.len() {
            return Err(EngineError::invalid(format!(
                "the schedule has {} times for {} requests; give one time for each",
                self.intended_ns.len(),
                self.request.len()
            )));
        }
        if u32::try_from(self.request.len()).is_err() {
            return Err(EngineError::invalid(
                "the schedule has more than 4,294,967,295 requests; split the trial",
            ));
        }
        if self.intended_ns.first().is_some_and(|&first| first < 0) || !self.intended_ns.is_sorted() {
            return Err(EngineError::invalid("intended times must start at 0 or later and never decrease"));
        }
        Ok(&self.request)
    }
}
