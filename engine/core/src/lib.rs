//! servemark's load engine.
//!
//! It sends HTTP/1.1 requests that were built before, at times that were computed before, and gives back one
//! sample for each: four times in integer nanoseconds on CLOCK_MONOTONIC, how it ended, and which answer came.
//! It draws no random number, sleeps no relative interval, corrects nothing and leaves nothing out.
//!
//! ```no_run
//! use servemark_engine::{Closed, Config, Control, Corpus, Schedule, run};
//!
//! # fn main() -> Result<(), servemark_engine::EngineError> {
//! let corpus = Corpus::new(["GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"])?;
//! let schedule = Schedule::Closed(Closed {
//!     connections: 16,
//!     order: vec![0],
//!     duration_ns: Some(1_000_000_000),
//!     count: None,
//! });
//! let outcome = run(&Config::new("127.0.0.1:8000".parse()?), &corpus, &schedule, &Control::new())?;
//! println!("{} samples", outcome.columns.error.len());
//! # Ok(())
//! # }
//! ```

pub mod arrival;
mod bodies;
mod clock;
mod config;
mod connection;
mod control;
mod corpus;
mod crew;
mod error;
pub mod http;
mod outcome;
mod pace;
mod pauses;
mod poller;
mod pool;
mod record;
mod run;
mod schedule;
mod summary;
mod worker;

pub use bodies::Body;
pub use clock::now_ns;
pub use config::{Address, Config, Limits};
pub use control::{Control, Progress};
pub use corpus::Corpus;
pub use error::EngineError;
pub use outcome::{Columns, Ending, Lag, Outcome, Work};
pub use pauses::pauses;
pub use run::run;
pub use schedule::{Closed, Open, Schedule};
