//! The server's own record.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// One request. Times are nanoseconds on CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the last byte of the request had come, by the kernel's stamp.
    pub arrival_ns: i64,
    /// The delay that was drawn for it.
    pub delay_ns: i64,
    /// When the answer was to be sent: arrival + delay, or the end of the stall.
    pub due_ns: i64,
    /// When the answer was sent.
    pub sent_ns: i64,
}

/// Everything that was answered, in the order of sending.
#[derive(Default)]
pub struct Record {
    /// The entries; none in a server without delays that was not asked for a record.
    pub entries: Vec<Entry>,
    /// How many requests were answered.
    pub answered: u64,
    /// Connections that were dropped for what they sent, or because they did not take their answer.
    pub dropped: u64,
}

impl Record {
    /// Writes the entries as little-endian 64-bit integers, four to an entry.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for entry in &self.entries {
            for value in [entry.arrival_ns, entry.delay_ns, entry.due_ns, entry.sent_ns] {
                file.write_all(&value.to_le_bytes())?;
            }
        }
        file.flush()
    }
}
