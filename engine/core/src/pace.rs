//! Whose turn it is: pure arithmetic on the schedule and the time that it is told.

use crate::schedule::{Closed, Open, Schedule};

/// A request whose turn has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// See [`crate::Columns::sequence`].
    pub sequence: u32,
    /// Index into the corpus.
    pub request: u32,
    /// When it was due, on the clock.
    pub intended_ns: i64,
}

/// One thread's share of the schedule: every `step`-th entry from `next` on.
pub(crate) struct Pace<'a> {
    source: Source<'a>,
    start_ns: i64,
    end_ns: i64,
    next: u64,
    step: u64,
    length: u64,
}

enum Source<'a> {
    Closed(&'a Closed),
    Open(&'a Open),
}

impl<'a> Pace<'a> {
    /// The share of thread `thread` of `threads`, for a trial that starts at `start_ns`.
    pub fn new(schedule: &'a Schedule, thread: usize, threads: usize, start_ns: i64) -> Self {
        let (source, length, duration_ns) = match schedule {
            Schedule::Closed(closed) => {
                (Source::Closed(closed), closed.count.unwrap_or(u64::MAX), closed.duration_ns)
            }
            Schedule::Open(open) => (Source::Open(open), open.request.len() as u64, open.duration_ns),
        };
        let duration_ns = duration_ns.and_then(|duration| i64::try_from(duration).ok());
        Self {
            source,
            start_ns,
            end_ns: duration_ns.map_or(i64::MAX, |duration| start_ns.saturating_add(duration)),
            next: thread as u64,
            step: threads as u64,
            length,
        }
    }

    /// The time from which nothing more is sent.
    pub fn end_ns(&self) -> i64 {
        self.end_ns
    }

    /// Nothing is left to be sent.
    pub fn is_exhausted(&self) -> bool {
        self.next >= self.length
    }

    /// When the next request is due, in a closed loop from the start on; `None` when nothing is left.
    pub fn next_due_ns(&self) -> Option<i64> {
        if self.is_exhausted() {
            return None;
        }
        Some(match self.source {
            Source::Open(open) => self.start_ns + open.intended_ns[index(self.next)],
            Source::Closed(_) => self.start_ns,
        })
    }

    /// Takes up the next request if its turn has come at `now_ns`.
    pub fn take(&mut self, now_ns: i64) -> Option<Ticket> {
        if now_ns >= self.end_ns || self.next_due_ns().is_some_and(|due_ns| due_ns > now_ns) {
            return None;
        }
        self.take_any(now_ns)
    }

    /// Takes up the next entry of an open schedule at the trial's end, as one that was not sent.
    pub fn take_unsent(&mut self) -> Option<Ticket> {
        match self.source {
            Source::Open(_) => self.take_any(0),
            Source::Closed(_) => None,
        }
    }

    fn take_any(&mut self, now_ns: i64) -> Option<Ticket> {
        if self.is_exhausted() {
            return None;
        }
        let entry = self.next;
        self.next += self.step;
        let (request, intended_ns) = match self.source {
            Source::Closed(closed) => (closed.order[index(entry % closed.order.len() as u64)], now_ns),
            Source::Open(open) => {
                (open.request[index(entry)], self.start_ns + open.intended_ns[index(entry)])
            }
        };
        #[allow(clippy::cast_possible_truncation, reason = "the column is documented as modulo 2^32")]
        Some(Ticket { sequence: entry as u32, request, intended_ns })
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the value is below the length of a slice")]
fn index(entry: u64) -> usize {
    entry as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(intended_ns: &[i64], duration_ns: Option<u64>) -> Schedule {
        let request = (0..u32::try_from(intended_ns.len()).unwrap()).collect();
        Schedule::Open(Open { connections: 4, intended_ns: intended_ns.to_vec(), request, duration_ns })
    }

    fn closed(order: &[u32], count: Option<u64>, duration_ns: Option<u64>) -> Schedule {
        Schedule::Closed(Closed { connections: 4, order: order.to_vec(), duration_ns, count })
    }

    #[test]
    fn an_open_request_has_its_turn_when_it_is_due_and_not_before() {
        let schedule = open(&[0, 10, 10], None);
        let mut pace = Pace::new(&schedule, 0, 1, 1000);
        assert_eq!(pace.take(999), None);
        assert_eq!(pace.take(1005).unwrap().intended_ns, 1000);
        assert_eq!(pace.next_due_ns(), Some(1010));
        assert_eq!(pace.take(1009), None);
        assert_eq!(pace.take(1010), Some(Ticket { sequence: 1, request: 1, intended_ns: 1010 }));
        assert_eq!(pace.take(5000), Some(Ticket { sequence: 2, request: 2, intended_ns: 1010 }));
        assert!(pace.is_exhausted());
        assert_eq!(pace.next_due_ns(), None);
        assert_eq!(pace.take(6000), None);
    }

    #[test]
    fn nothing_is_sent_from_the_end_on_and_the_rest_is_left_as_unsent() {
        let schedule = open(&[0, 10], Some(10));
        let mut pace = Pace::new(&schedule, 0, 1, 1000);
        assert!(pace.take(1000).is_some());
        assert_eq!(pace.take(1010), None);
        assert_eq!(pace.take_unsent().unwrap().sequence, 1);
        assert_eq!(pace.take_unsent(), None);
    }

    #[test]
    fn closed_requests_cycle_through_the_order_and_are_intended_when_taken() {
        let schedule = closed(&[7, 8], Some(3), None);
        let mut pace = Pace::new(&schedule, 0, 1, 0);
        let taken: Vec<_> = std::iter::from_fn(|| pace.take(5)).collect();
        assert_eq!(taken.iter().map(|ticket| ticket.request).collect::<Vec<_>>(), [7, 8, 7]);
        assert!(taken.iter().all(|ticket| ticket.intended_ns == 5));
        assert_eq!(pace.take_unsent(), None);
    }

    #[test]
    fn threads_share_out_every_entry_exactly_once() {
        for schedule in [open(&[0; 10], None), closed(&[0, 1, 2], Some(10), None)] {
            let mut taken = Vec::new();
            for thread in 0..3 {
                let mut pace = Pace::new(&schedule, thread, 3, 0);
                taken.extend(std::iter::from_fn(|| pace.take(0)).map(|ticket| ticket.sequence));
            }
            taken.sort_unstable();
            assert_eq!(taken, (0..10).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_closed_loop_ends_by_time() {
        let schedule = closed(&[0], None, Some(100));
        let mut pace = Pace::new(&schedule, 0, 1, 50);
        assert!(pace.take(149).is_some());
        assert_eq!(pace.take(150), None);
        assert!(!pace.is_exhausted());
    }
}
