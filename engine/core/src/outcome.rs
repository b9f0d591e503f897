//! What a trial gives back.

use crate::bodies::Body;

/// How a request ended. The discriminants are the values of [`Columns::error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// A complete response, whatever its status.
    Answered = 0,
    /// No connection: refused, unreachable, or the backlog is full, so that there was none by the timeout or the end.
    Connect = 1,
    /// No connection: this process or machine has no file descriptor left.
    OutOfFiles = 2,
    /// No connection: this machine has no local port left for that address.
    OutOfPorts = 3,
    /// The connection was reset.
    Reset = 4,
    /// The connection was closed before the response was complete.
    ClosedEarly = 5,
    /// No complete response came within the timeout.
    TimedOut = 6,
    /// Not an HTTP/1.x response, or one whose framing contradicts itself.
    Malformed = 7,
    /// The heads, interim ones and the final one, are longer than the limit, or the chunks' extensions are.
    HeadTooLarge = 8,
    /// The body is, or says it will be, longer than the limit.
    BodyTooLarge = 9,
    /// A complete response followed by bytes that nobody asked for: the body is longer than the header said.
    Excess = 10,
    /// Sent, but not answered when the grace was over or the trial was stopped.
    Unanswered = 11,
    /// Scheduled, but its turn never came before the end.
    NotSent = 12,
}

impl Ending {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 13] = [
        Self::Answered,
        Self::Connect,
        Self::OutOfFiles,
        Self::OutOfPorts,
        Self::Reset,
        Self::ClosedEarly,
        Self::TimedOut,
        Self::Malformed,
        Self::HeadTooLarge,
        Self::BodyTooLarge,
        Self::Excess,
        Self::Unanswered,
        Self::NotSent,
    ];

    /// A short name for tables and keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Connect => "connect",
            Self::OutOfFiles => "out_of_files",
            Self::OutOfPorts => "out_of_ports",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed_early",
            Self::TimedOut => "timed_out",
            Self::Malformed => "malformed",
            Self::HeadTooLarge => "head_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::Excess => "excess",
            Self::Unanswered => "unanswered",
            Self::NotSent => "not_sent",
        }
    }

    /// One sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Answered => "A complete response came.",
            Self::Connect => "The server could not be connected to.",
            Self::OutOfFiles => "No file descriptor was left to open a connection with; raise `ulimit -n`.",
            Self::OutOfPorts => {
                "No local port was left to connect from; use keep-alive, a lower rate or more local ports."
            }
            Self::Reset => "The server reset the connection.",
            Self::ClosedEarly => "The server closed the connection before the response was complete.",
            Self::TimedOut => "No complete response came within the timeout.",
            Self::Malformed => "What the server sent is not an HTTP/1.x response.",
            Self::HeadTooLarge => "The response's header is longer than the limit.",
            Self::BodyTooLarge => "The response's body is longer than the limit.",
            Self::Excess => "The server sent more bytes than its header had said.",
            Self::Unanswered => "The request was sent, but no response came before the trial's end.",
            Self::NotSent => "The request was not sent before the trial's end.",
        }
    }
}

/// The samples, one column a field: 51 bytes a sample. Times are nanoseconds after [`Outcome::start_ns`].
/// A missing value is -1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// Open loop: index into the schedule. Closed loop: how many requests were taken up before, over all
    /// threads (modulo 2³²).
    pub sequence: Vec<u32>,
    /// Index into the corpus.
    pub request: Vec<u32>,
    /// When the request was due. Closed loop: when it was sent.
    pub intended_ns: Vec<i64>,
    /// When the engine began to send it: just before the write, or before the connect where one was needed.
    pub sent_ns: Vec<i64>,
    /// When the first bytes of the answer had come. For TCP by the kernel's stamp, so that a wait of the engine for
    /// its core is not in it; else, and where several pieces were read at once, when they had been read.
    pub first_byte_ns: Vec<i64>,
    /// When the last bytes of the answer had come, likewise; for a failure, when it was noticed.
    pub done_ns: Vec<i64>,
    /// Status code of a complete response.
    pub status: Vec<i16>,
    /// An [`Ending`].
    pub error: Vec<u8>,
    /// Index into [`Outcome::bodies`], of a complete response.
    pub body: Vec<i32>,
    /// Number of the connection, from 0, over all threads; it keeps its number when it is opened anew.
    pub connection: Vec<i32>,
}

/// What one thread did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// The core it was pinned to.
    pub core: Option<usize>,
    /// Wall time from the start of the trial to the thread's end.
    pub elapsed_ns: i64,
    /// CPU time in that, user and kernel, spinning included.
    pub cpu_ns: i64,
    /// Time spent polling without finding anything.
    pub spin_ns: i64,
    /// CPU time less spinning: what the load itself cost.
    pub busy_ns: i64,
    /// How long it was ready to run while something else had its core; `None` where the kernel does not tell.
    pub waited_ns: Option<i64>,
    /// How long complete answers lay in the kernel before they were read, over all of them.
    pub unread_ns: i64,
    /// System calls that waited for or polled events.
    pub waits: u64,
    /// System calls that read.
    pub reads: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// Connections tried.
    pub connects: u64,
    /// Of these, those that were not the first for their connection number.
    pub reconnects: u64,
    /// Bytes read.
    pub received_bytes: u64,
    /// Bytes written.
    pub sent_bytes: u64,
    /// Connections dropped because bytes came while no request was outstanding.
    pub unsolicited: u64,
}

/// Sent − intended over all requests that were sent. Nearest-rank percentiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Median.
    pub p50_ns: i64,
    /// 99th percentile.
    pub p99_ns: i64,
    /// Largest.
    pub max_ns: i64,
}

/// A trial's samples and what it took to get them.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// CLOCK_MONOTONIC at the start; the columns' times count from it.
    pub start_ns: i64,
    /// When sending ended, after the start: time over, count reached, all sent, or stopped.
    pub sending_ended_ns: i64,
    /// When the last thread ended, after the start.
    pub finished_ns: i64,
    /// Whether [`crate::Control::stop`] ended the trial.
    pub interrupted: bool,
    /// The samples, thread after thread; within a thread in the order in which they ended.
    pub columns: Columns,
    /// The distinct response bodies.
    pub bodies: Vec<Body>,
    /// One for each thread.
    pub work: Vec<Work>,
    /// `None` when nothing was sent.
    pub lag: Option<Lag>,
    /// Sentences about what the reader of the samples should know.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// How many samples ended in each way, in the order of [`Ending::ALL`]. They add up to the number of
    /// requests scheduled (open loop) or taken up (closed loop).
    pub fn counts(&self) -> [u64; Ending::ALL.len()] {
        let mut counts = [0; Ending::ALL.len()];
        for &error in &self.columns.error {
            counts[error as usize] += 1;
        }
        counts
    }

    /// How many samples ended in this way.
    pub fn count(&self, ending: Ending) -> u64 {
        self.counts()[ending as usize]
    }
}
