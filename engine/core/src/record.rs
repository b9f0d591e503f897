//! The samples of one thread.

use crate::bodies::BodyStore;
use crate::outcome::{Columns, Ending};
use crate::pace::Ticket;

/// Room made for samples at the start; beyond it the columns grow as they must.
const EXPECTED_SAMPLES: usize = 65_536;

/// One sample, with times on the clock.
pub(crate) struct Sample {
    pub ticket: Ticket,
    pub sent_ns: Option<i64>,
    pub first_byte_ns: Option<i64>,
    pub done_ns: Option<i64>,
    pub ending: Ending,
    pub status: Option<u16>,
    pub body: Option<u32>,
    pub connection: Option<u32>,
}

impl Sample {
    /// A request whose turn never came.
    pub fn unsent(ticket: Ticket) -> Self {
        Self {
            ticket,
            sent_ns: None,
            first_byte_ns: None,
            done_ns: None,
            ending: Ending::NotSent,
            status: None,
            body: None,
            connection: None,
        }
    }
}

/// Collects samples and distinct bodies.
pub(crate) struct Record {
    pub columns: Columns,
    pub bodies: BodyStore,
    start_ns: i64,
}

impl Record {
    pub fn new(start_ns: i64, bodies: BodyStore) -> Self {
        let mut columns = Columns::default();
        columns.reserve(EXPECTED_SAMPLES);
        Self { columns, bodies, start_ns }
    }

    #[allow(
        clippy::cast_possible_wrap,
        reason = "statuses end at 999; bodies and connections are fewer than 2^31"
    )]
    pub fn push(&mut self, sample: &Sample) {
        let after_start = |time_ns: Option<i64>| time_ns.map_or(-1, |time_ns| time_ns - self.start_ns);
        let columns = &mut self.columns;
        columns.sequence.push(sample.ticket.sequence);
        columns.request.push(sample.ticket.request);
        columns.intended_ns.push(sample.ticket.intended_ns - self.start_ns);
        columns.sent_ns.push(after_start(sample.sent_ns));
        columns.first_byte_ns.push(after_start(sample.first_byte_ns));
        columns.done_ns.push(after_start(sample.done_ns));
        columns.status.push(sample.status.map_or(-1, |status| status as i16));
        columns.error.push(sample.ending as u8);
        columns.body.push(sample.body.map_or(-1, |body| body as i32));
        columns.connection.push(sample.connection.map_or(-1, |connection| connection as i32));
    }
}

impl Columns {
    fn reserve(&mut self, samples: usize) {
        self.sequence.reserve(samples);
        self.request.reserve(samples);
        self.intended_ns.reserve(samples);
        self.sent_ns.reserve(samples);
        self.first_byte_ns.reserve(samples);
        self.done_ns.reserve(samples);
        self.status.reserve(samples);
        self.error.reserve(samples);
        self.body.reserve(samples);
        self.connection.reserve(samples);
    }

    /// Appends another thread's samples, whose bodies have the new numbers `renumbered`.
    pub(crate) fn append(&mut self, mut other: Self, renumbered: &[u32]) {
        for body in &mut other.body {
            if let Ok(number) = usize::try_from(*body) {
                *body = i32::try_from(renumbered[number]).unwrap_or(i32::MAX);
            }
        }
        self.sequence.append(&mut other.sequence);
        self.request.append(&mut other.request);
        self.intended_ns.append(&mut other.intended_ns);
        self.sent_ns.append(&mut other.sent_ns);
        self.first_byte_ns.append(&mut other.first_byte_ns);
        self.done_ns.append(&mut other.done_ns);
        self.status.append(&mut other.status);
        self.error.append(&mut other.error);
        self.body.append(&mut other.body);
        self.connection.append(&mut other.connection);
    }
}
