//! How a trial is carried out: where to, with what, within which bounds.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::EngineError;

/// Where the server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IPv4 or IPv6 address and a port.
    Tcp(SocketAddr),
    /// A Unix stream socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = EngineError;

    /// Reads `127.0.0.1:8000`, `[::1]:8000` or `unix:/path`. Names are not looked up.
    fn from_str(text: &str) -> Result<Self, EngineError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        text.parse().map(Self::Tcp).map_err(|_| {
            EngineError::invalid(format!(
                "'{text}' is no address; write it like 127.0.0.1:8000, [::1]:8000 or unix:/path/to/socket"
            ))
        })
    }
}

/// What the engine refuses to hold more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A response head longer than this is a failure.
    pub head_bytes: usize,
    /// A response body longer than this is a failure.
    pub body_bytes: usize,
    /// Distinct bodies kept whole; of the others only a digest is kept.
    pub kept_bodies: usize,
    /// Bytes of all distinct bodies kept whole.
    pub kept_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 65_536, body_bytes: 1 << 20, kept_bodies: 65_536, kept_bytes: 64 << 20 }
    }
}

/// Everything about a trial but what is sent and when.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server listens.
    pub address: Address,
    /// Event loops, each in a thread of its own. Connections and requests are dealt out to them in turn and
    /// never move.
    pub threads: usize,
    /// Cores that the threads are pinned to, in turn; empty: they go where the kernel puts them.
    pub cores: Vec<usize>,
    /// Longest time from the start of sending a request to the end of its answer.
    pub timeout_ns: u64,
    /// How long answers are awaited after the last request was sent or the trial's time was over.
    pub grace_ns: u64,
    /// Open a new connection for every request. Its cost is part of the service time.
    pub reconnect_each: bool,
    /// Polling instead of sleeping, accounted as spinning: for so long before an open-loop request is due, and for
    /// so long before falling asleep while answers are expected. 0 where the server shares the core.
    pub spin_ns: u64,
    /// Never sleep: answers are seen some 10 µs earlier, and a core is used up, which is accounted as spinning.
    /// Only for cores that nothing else needs.
    pub busy_poll: bool,
    /// The clock's value at which the trial starts, so that several engines start together; at once where there is
    /// none, or where the connections are open only after it.
    pub start_at_ns: Option<i64>,
    /// Bounds on what is held.
    pub limits: Limits,
}

impl Config {
    /// One thread, not pinned, 10 s for a request and for the rest at the end.
    pub fn new(address: Address) -> Self {
        Self {
            address,
            threads: 1,
            cores: Vec::new(),
            timeout_ns: 10_000_000_000,
            grace_ns: 10_000_000_000,
            reconnect_each: false,
            spin_ns: 50_000,
            busy_poll: false,
            start_at_ns: None,
            limits: Limits::default(),
        }
    }

    /// The core that a thread is pinned to.
    pub(crate) fn core_of(&self, thread: usize) -> Option<usize> {
        (!self.cores.is_empty()).then(|| self.cores[thread % self.cores.len()])
    }
}
