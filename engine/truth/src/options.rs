//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::prelude::{Long, ValueExt};

use crate::delay::{Delay, duration_ns};

/// What `--help` prints.
pub const HELP: &str = "\
servemark-truth: a server whose response times are known

    --listen ADDRESS     where to listen [127.0.0.1:0, which is a free port]
    --delay DELAY        none, constant:1ms, two-point:5ms:100ms:0.9 (the probability is that of the first),
                         exponential:5ms (mean) or lognormal:5ms:1 (median, sigma) [none]
    --seed N             seed of the delays [1]
    --stall-after TIME   a stall begins this long after the first request: what falls due in it is answered
                         at its end
    --stall-for TIME     length of the stall [1s]
    --record FILE        at the end, write each request as four little-endian 64-bit integers: arrival, delay
                         drawn, due and sent, in ns, times on CLOCK_MONOTONIC, in the order of sending
    --core N             the core to be pinned to
    --busy-poll          never sleep: most precise, and uses a whole core
    --die-with-parent    end when the process that started it ends, however that happens

It prints one line of JSON when it listens (address, process, the distribution's quantiles in ns) and one when it
has been ended by SIGTERM or SIGINT (requests, and its own error: sent - due).
";

/// What is to be done.
pub enum Command {
    /// Serve.
    Serve(Box<Options>),
    /// Print the help.
    Help,
}

/// How to serve.
pub struct Options {
    pub listen: SocketAddr,
    pub delay: Delay,
    pub seed: u64,
    /// Begin, after the first request, and length of the stall.
    pub stall: Option<(i64, i64)>,
    pub record: Option<PathBuf>,
    pub core: Option<usize>,
    pub busy_poll: bool,
    pub die_with_parent: bool,
}

/// Reads the arguments.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        delay: Delay::None,
        seed: 1,
        stall: None,
        record: None,
        core: None,
        busy_poll: false,
        die_with_parent: false,
    };
    let (mut stall_after_ns, mut stall_for_ns) = (None, 1_000_000_000);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") => return Ok(Command::Help),
            Long("listen") => options.listen = parser.value()?.parse()?,
            Long("delay") => options.delay = parser.value()?.parse()?,
            Long("seed") => options.seed = parser.value()?.parse()?,
            Long("stall-after") => stall_after_ns = Some(parser.value()?.parse_with(whole_ns)?),
            Long("stall-for") => stall_for_ns = parser.value()?.parse_with(whole_ns)?,
            Long("record") => options.record = Some(parser.value()?.into()),
            Long("core") => options.core = Some(parser.value()?.parse()?),
            Long("busy-poll") => options.busy_poll = true,
            Long("die-with-parent") => options.die_with_parent = true,
            other => return Err(other.unexpected()),
        }
    }
    options.stall = stall_after_ns.map(|after_ns| (after_ns, stall_for_ns));
    Ok(Command::Serve(Box::new(options)))
}

#[allow(clippy::cast_possible_truncation, reason = "a stall of 2^63 ns saturates")]
fn whole_ns(text: &str) -> Result<i64, String> {
    duration_ns(text).map(|ns| ns.round() as i64)
}
