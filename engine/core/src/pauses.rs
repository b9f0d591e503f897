//! How long a core stands still for whoever runs on it.

use crate::clock::now_ns;

/// The pauses of at least `least_ns` that a loop which only reads the clock sees in `duration_ns`, in ns, in the order
/// in which they came: the hypervisor had the core then, an interrupt, or another thread. No program on that core can
/// do anything in them.
///
/// It keeps its core busy, and sees its pauses only where it stays on one: pin the calling thread.
pub fn pauses(duration_ns: i64, least_ns: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut before = now_ns();
    let end = before + duration_ns;
    while before < end {
        let now = now_ns();
        if now - before >= least_ns {
            found.push(now - before);
        }
        before = now;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_is_a_pause_of_at_least_nothing() {
        let before = now_ns();
        let found = pauses(1_000_000, 0);
        let took = now_ns() - before;
        let sum: i64 = found.iter().sum();
        assert!((1_000_000..=took).contains(&sum), "{sum} of {took} ns");
    }

    #[test]
    fn shorter_ones_are_left_out() {
        assert!(pauses(2_000_000, 20_000).iter().all(|&each| each >= 20_000));
        assert_eq!(pauses(1_000_000, i64::MAX), Vec::<i64>::new());
    }
}
