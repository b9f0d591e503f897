//! The threads' shares put together, and what the reader should be warned of.

use rustix::process::{Resource, getrlimit};

use crate::bodies::BodyStore;
use crate::config::{Address, Config};
use crate::outcome::{Columns, Ending, Lag, Outcome, Work};
use crate::worker::Share;

/// Share of the local ports from which on a warning is due.
const PORTS_NEAR_EXHAUSTION: f64 = 0.8;

/// Puts the shares together.
pub(crate) fn outcome(config: &Config, start_ns: i64, shares: Vec<Share>) -> Outcome {
    let mut outcome = Outcome { start_ns, ..Outcome::default() };
    let mut bodies = BodyStore::new(0, 0);
    for (thread, share) in shares.into_iter().enumerate() {
        let renumbered = bodies.absorb(share.record.bodies);
        if thread == 0 {
            outcome.columns = share.record.columns;
        } else {
            outcome.columns.append(share.record.columns, &renumbered);
        }
        outcome.sending_ended_ns = outcome.sending_ended_ns.max(share.span.sending_ended_ns - start_ns);
        outcome.finished_ns = outcome.finished_ns.max(share.span.finished_ns - start_ns);
        outcome.interrupted |= share.span.interrupted;
        outcome.work.push(Work { core: config.core_of(thread), ..share.work });
    }
    outcome.bodies = bodies.into_bodies();
    outcome.lag = lag(&outcome.columns);
    outcome.warnings = warnings(config, &outcome);
    outcome
}

fn lag(columns: &Columns) -> Option<Lag> {
    let pairs = columns.intended_ns.iter().zip(&columns.sent_ns);
    let mut lags: Vec<i64> = pairs.filter(|(_, sent)| **sent >= 0).map(|(due, sent)| sent - due).collect();
    lags.sort_unstable();
    let last = lags.len().checked_sub(1)?;
    // Nearest rank: the smallest value that at least p of all values do not exceed.
    let rank = |per_cent: usize| (lags.len() * per_cent).div_ceil(100).saturating_sub(1);
    Some(Lag { p50_ns: lags[rank(50)], p99_ns: lags[rank(99)], max_ns: lags[last] })
}

fn warnings(config: &Config, outcome: &Outcome) -> Vec<String> {
    let mut warnings = Vec::new();
    let digests = outcome.bodies.iter().filter(|body| body.bytes.is_none()).count();
    if digests > 0 {
        warnings.push(format!(
            "{digests} of {} distinct bodies were beyond the limits ({} bodies, {} bytes): only their digests \
             are kept, and they cannot be checked.",
            outcome.bodies.len(),
            config.limits.kept_bodies,
            config.limits.kept_bytes
        ));
    }
    if outcome.count(Ending::OutOfFiles) > 0 {
        let limit = getrlimit(Resource::Nofile).current.map_or("unlimited".into(), |limit| limit.to_string());
        warnings.push(format!(
            "File descriptors ran out (the limit is {limit}): raise `ulimit -n` or use fewer connections."
        ));
    }
    let connects: u64 = outcome.work.iter().map(|work| work.connects).sum();
    if let (Address::Tcp(_), Some(ports)) = (&config.address, local_ports()) {
        #[allow(clippy::cast_precision_loss, reason = "a share of at most 65,536 ports")]
        if connects as f64 > PORTS_NEAR_EXHAUSTION * ports as f64 {
            warnings.push(format!(
                "{connects} connections were opened, and this machine has {ports} local ports: near \
                 exhaustion connects slow down or fail. Use keep-alive or fewer requests."
            ));
        }
    }
    let unsolicited: u64 = outcome.work.iter().map(|work| work.unsolicited).sum();
    if unsolicited > 0 {
        warnings.push(format!(
            "The server sent bytes {unsolicited} times on a connection with no request outstanding."
        ));
    }
    warnings
}

/// How many local ports the kernel gives out.
fn local_ports() -> Option<u64> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (last + 1).checked_sub(first)
}
