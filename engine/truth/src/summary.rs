//! The two lines of JSON.

use std::net::SocketAddr;

use crate::options::Options;
use crate::record::Record;

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)];

/// Printed when the server listens.
pub fn opening(address: SocketAddr, options: &Options) -> String {
    let delay = &options.delay;
    let quantiles = QUANTILES.map(|(name, p)| format!("\"{name}\":{}", delay.quantile(p))).join(",");
    format!(
        r#"{{"address":"{address}","pid":{},"seed":{},"delay_ns":{{{quantiles},"mean":{}}}}}"#,
        std::process::id(),
        options.seed,
        delay.mean()
    )
}

/// Printed at the end. The error is sent − due, by nearest rank.
pub fn closing(record: &Record) -> String {
    let mut errors: Vec<i64> = record.entries.iter().map(|entry| entry.sent_ns - entry.due_ns).collect();
    errors.sort_unstable();
    let error = errors.last().map_or("null".into(), |max| {
        let quantiles =
            QUANTILES.map(|(name, p)| format!("\"{name}\":{}", nearest_rank(&errors, p))).join(",");
        format!(r#"{{{quantiles},"max":{max}}}"#)
    });
    let (answered, dropped) = (record.answered, record.dropped);
    format!(r#"{{"answered":{answered},"dropped":{dropped},"error_ns":{error}}}"#)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a rank is between 1 and the number of values"
)]
fn nearest_rank(sorted: &[i64], p: f64) -> i64 {
    sorted[((sorted.len() as f64 * p).ceil() as usize).clamp(1, sorted.len()) - 1]
}
