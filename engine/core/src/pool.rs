//! The connections that are free for a request, and in which order they are taken.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// After a failed connect in a closed loop, which would otherwise fail as fast as it can: doubled for each
/// further failure in a row up to the longest.
const FIRST_REST_NS: i64 = 1_000_000;
const LONGEST_REST_NS: i64 = 100_000_000;

/// Numbers of connections without a request.
#[derive(Default)]
pub(crate) struct Pool {
    /// Connected, longest free first. May hold some that were closed meanwhile.
    idle: VecDeque<u32>,
    closed: VecDeque<u32>,
    /// Closed, and not to be tried before the time given.
    resting: BinaryHeap<Reverse<(i64, u32)>>,
}

impl Pool {
    /// The connection that has been free for longest: spreading requests evenly is fair to servers whose
    /// workers own connections. A closed one only when none is open.
    pub fn take(&mut self, is_idle: impl Fn(u32) -> bool) -> Option<u32> {
        while let Some(slot) = self.idle.pop_front() {
            if is_idle(slot) {
                return Some(slot);
            }
        }
        self.closed.pop_front()
    }

    /// Undoes a [`Self::take`].
    pub fn put_back(&mut self, slot: u32, is_idle: bool) {
        if is_idle {
            self.idle.push_front(slot);
        } else {
            self.closed.push_front(slot);
        }
    }

    /// An open connection has become free.
    pub fn add_idle(&mut self, slot: u32) {
        self.idle.push_back(slot);
    }

    /// A connection was closed.
    pub fn add_closed(&mut self, slot: u32) {
        self.closed.push_back(slot);
    }

    /// A connection could not be opened, for the `failures`-th time in a row.
    pub fn add_resting(&mut self, slot: u32, failures: u32, now_ns: i64) {
        let rest_ns = (FIRST_REST_NS << failures.saturating_sub(1).min(10)).min(LONGEST_REST_NS);
        self.resting.push(Reverse((now_ns + rest_ns, slot)));
    }

    /// Ends the rests that are over.
    pub fn wake(&mut self, now_ns: i64) {
        while let Some(&Reverse((rested_ns, slot))) = self.resting.peek() {
            if rested_ns > now_ns {
                return;
            }
            self.resting.pop();
            self.closed.push_back(slot);
        }
    }

    /// When the next rest is over.
    pub fn next_rested_ns(&self) -> Option<i64> {
        self.resting.peek().map(|Reverse((rested_ns, _))| *rested_ns)
    }

    /// Whether [`Self::take`] may give a connection.
    pub fn has_any(&self) -> bool {
        !self.idle.is_empty() || !self.closed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_connections_go_first_and_the_longest_free_of_them() {
        let mut pool = Pool::default();
        pool.add_closed(0);
        pool.add_idle(1);
        pool.add_idle(2);
        let order: Vec<_> = std::iter::from_fn(|| pool.take(|_| true)).collect();
        assert_eq!(order, [1, 2, 0]);
        assert!(!pool.has_any());
    }

    #[test]
    fn a_connection_that_was_closed_while_free_is_passed_over() {
        let mut pool = Pool::default();
        pool.add_idle(1);
        pool.add_idle(2);
        assert_eq!(pool.take(|slot| slot != 1), Some(2));
    }

    #[test]
    fn rests_double_up_to_the_longest() {
        let mut pool = Pool::default();
        let rests: Vec<_> = [1, 2, 3, 40]
            .map(|failures| {
                pool.add_resting(9, failures, 1000);
                let rested_ns = pool.next_rested_ns().unwrap();
                pool.wake(rested_ns - 1);
                assert!(!pool.has_any());
                pool.wake(rested_ns);
                assert_eq!(pool.take(|_| false), Some(9));
                rested_ns - 1000
            })
            .into();
        assert_eq!(rests, [1_000_000, 2_000_000, 4_000_000, 100_000_000]);
    }
}
