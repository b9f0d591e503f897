//! What a trial does when all is well: order, times, waiting, endings, conservation.

mod support;

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use servemark_engine::{Closed, Config, Control, Corpus, Ending, Open, Outcome, Schedule, now_ns, run};
use support::{GET, MS, Server, body, closed, endings, get, ok, open, read_request};

/// A server that answers with the request line's path, after a delay.
fn echo(delay: Duration) -> Server {
    Server::new(move |mut stream, _| {
        while let Some(request) = read_request(&mut stream) {
            thread::sleep(delay);
            let path = String::from_utf8_lossy(&request).split(' ').nth(1).unwrap().to_owned();
            stream.write_all(&ok(&path)).unwrap();
        }
    })
}

fn paths(count: usize) -> Corpus {
    Corpus::new((0..count).map(|path| format!("GET /{path} HTTP/1.1\r\nHost: t\r\n\r\n"))).unwrap()
}

/// What must hold for every sample of every trial.
fn assert_sound(outcome: &Outcome) {
    let columns = &outcome.columns;
    for sample in 0..columns.error.len() {
        let times = [
            columns.intended_ns[sample],
            columns.sent_ns[sample],
            columns.first_byte_ns[sample],
            columns.done_ns[sample],
        ];
        if columns.error[sample] == Ending::Answered as u8 {
            assert!(times[0] >= 0 && times.is_sorted(), "{times:?}");
            assert!(columns.status[sample] >= 100 && columns.body[sample] >= 0);
        }
        if columns.error[sample] == Ending::NotSent as u8 {
            assert_eq!((times[1], times[2], times[3], columns.connection[sample]), (-1, -1, -1, -1));
        }
    }
}

#[test]
fn a_closed_loop_sends_the_order_over_and_over_and_keeps_every_answer() {
    let server = echo(Duration::ZERO);
    let schedule = Schedule::Closed(Closed {
        connections: 3,
        order: vec![2, 0, 1],
        duration_ns: None,
        count: Some(100),
    });
    let outcome = run(&server.config(), &paths(3), &schedule, &Control::new()).unwrap();
    assert_sound(&outcome);
    assert_eq!(endings(&outcome), [(Ending::Answered, 100)]);
    assert_eq!(outcome.bodies.len(), 3);
    let columns = &outcome.columns;
    for sample in 0..100 {
        assert_eq!(columns.request[sample], [2, 0, 1][columns.sequence[sample] as usize % 3]);
        assert_eq!(body(&outcome, sample), format!("/{}", columns.request[sample]).as_bytes());
        assert_eq!(columns.intended_ns[sample], columns.sent_ns[sample]);
    }
    assert_eq!(columns.sequence.iter().collect::<HashSet<_>>().len(), 100);
    assert_eq!(columns.connection.iter().collect::<HashSet<_>>().len(), 3);
    assert_eq!(outcome.work[0].connects, 3);
    assert_eq!(outcome.work[0].writes, 100);
}

#[test]
fn a_closed_loop_ends_by_time_and_awaits_what_it_has_sent() {
    let server = echo(Duration::from_millis(30));
    let schedule =
        Schedule::Closed(Closed { connections: 2, order: vec![0], duration_ns: Some(100 * MS), count: None });
    let outcome = get(&server.config(), &schedule);
    assert_sound(&outcome);
    let count = outcome.count(Ending::Answered);
    assert_eq!(endings(&outcome), [(Ending::Answered, count)]);
    assert!(outcome.columns.sent_ns.iter().all(|&sent| sent < 100_000_000));
    assert!(outcome.columns.done_ns.iter().any(|&done| done >= 100_000_000));
    assert_eq!(outcome.sending_ended_ns, 100_000_000);
}

#[test]
fn open_requests_are_sent_when_they_are_due_and_not_before() {
    let server = echo(Duration::ZERO);
    let due: Vec<i64> = (0..50).map(|entry| entry * 1_234_567).collect();
    let outcome = get(&server.config(), &open(50, due.clone(), None));
    assert_sound(&outcome);
    assert_eq!(endings(&outcome), [(Ending::Answered, 50)]);
    let columns = &outcome.columns;
    for sample in 0..50 {
        assert_eq!(columns.intended_ns[sample], due[columns.sequence[sample] as usize]);
        assert!(columns.sent_ns[sample] >= columns.intended_ns[sample]);
    }
    assert!(outcome.lag.unwrap().max_ns >= outcome.lag.unwrap().p50_ns);
    assert!(outcome.work[0].spin_ns > 0);
}

#[test]
fn an_open_request_without_a_free_connection_waits_in_order_and_its_wait_counts() {
    let server = echo(Duration::from_millis(20));
    let outcome = get(&server.config(), &open(1, vec![0; 5], None));
    assert_sound(&outcome);
    assert_eq!(endings(&outcome), [(Ending::Answered, 5)]);
    assert_eq!(outcome.columns.sequence, [0, 1, 2, 3, 4]);
    for sample in 0..5 {
        assert_eq!(outcome.columns.intended_ns[sample], 0);
        assert!(outcome.columns.sent_ns[sample] >= 20_000_000 * i64::try_from(sample).unwrap());
    }
}

#[test]
fn a_stall_is_charged_to_every_request_that_fell_into_it() {
    // One worker that sleeps for 200 ms once; a request is due every 10 ms.
    let server = Server::new(|mut stream, _| {
        let mut answered = 0;
        while read_request(&mut stream).is_some() {
            answered += 1;
            if answered == 10 {
                thread::sleep(Duration::from_millis(200));
            }
            stream.write_all(&ok("x")).unwrap();
        }
    });
    let due: Vec<i64> = (0..60).map(|entry| entry * 10_000_000).collect();
    let outcome = get(&server.config(), &open(1, due, None));
    let columns = &outcome.columns;
    for stalled in 9..29 {
        let response_ns = columns.done_ns[stalled] - columns.intended_ns[stalled];
        let least_ns = 200_000_000 - 10_000_000 * (i64::try_from(stalled).unwrap() - 9);
        assert!(response_ns >= least_ns, "request {stalled}: {response_ns}");
    }
}

#[test]
fn what_is_not_sent_by_the_end_is_counted_as_not_sent() {
    let server = echo(Duration::from_millis(600));
    let due = vec![0, 0, 0, 1_000_000, 5_000_000_000];
    let outcome = get(&server.config(), &open(1, due, Some(1000 * MS)));
    assert_sound(&outcome);
    assert_eq!(endings(&outcome), [(Ending::Answered, 2), (Ending::NotSent, 3)]);
    let unsent: Vec<_> = outcome.columns.sequence[2..].to_vec();
    assert_eq!(unsent, [2, 3, 4]);
    assert_eq!(outcome.columns.intended_ns[4], 5_000_000_000);
}

#[test]
fn what_is_not_answered_within_the_grace_is_counted_as_unanswered() {
    let server = echo(Duration::from_secs(5));
    let config = Config { grace_ns: 50 * MS, ..server.config() };
    let outcome = get(&config, &open(4, vec![0, 0], Some(20 * MS)));
    assert_eq!(endings(&outcome), [(Ending::Unanswered, 2)]);
    assert!(outcome.finished_ns < 5_000_000_000);
}

#[test]
fn threads_share_the_schedule_and_the_bodies_without_losing_any() {
    let server = echo(Duration::ZERO);
    let config = Config { threads: 3, ..server.config() };
    let request = (0..300).map(|entry| entry % 5).collect();
    let schedule =
        Schedule::Open(Open { connections: 7, intended_ns: vec![0; 300], request, duration_ns: None });
    let outcome = run(&config, &paths(5), &schedule, &Control::new()).unwrap();
    assert_sound(&outcome);
    assert_eq!(endings(&outcome), [(Ending::Answered, 300)]);
    assert_eq!(outcome.bodies.len(), 5);
    let columns = &outcome.columns;
    assert_eq!(columns.sequence.iter().collect::<HashSet<_>>().len(), 300);
    assert_eq!(
        columns.connection.iter().collect::<HashSet<_>>(),
        (0..7).collect::<Vec<_>>().iter().collect()
    );
    for sample in 0..300 {
        assert_eq!(columns.request[sample], columns.sequence[sample] % 5);
        assert_eq!(body(&outcome, sample), format!("/{}", columns.request[sample]).as_bytes());
        assert_eq!(columns.connection[sample] % 3, i32::try_from(columns.sequence[sample] % 3).unwrap());
    }
    assert_eq!(outcome.work.len(), 3);
}

#[test]
fn beyond_the_limit_bodies_are_digests_and_the_outcome_says_so() {
    let server = echo(Duration::ZERO);
    let mut config = server.config();
    config.limits.kept_bodies = 2;
    let schedule = Schedule::Closed(Closed {
        connections: 1,
        order: vec![0, 1, 2, 3],
        duration_ns: None,
        count: Some(8),
    });
    let outcome = run(&config, &paths(4), &schedule, &Control::new()).unwrap();
    assert_eq!(outcome.columns.body, [0, 1, 2, 3, 0, 1, 2, 3]);
    assert_eq!(outcome.bodies.iter().filter(|body| body.bytes.is_some()).count(), 2);
    assert!(outcome.warnings[0].starts_with("2 of 4 distinct bodies"), "{:?}", outcome.warnings);
}

#[test]
fn a_connection_for_each_request_counts_its_connect_as_service() {
    let connections = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&connections);
    let server = Server::new(move |mut stream, _| {
        *seen.lock().unwrap() += 1;
        let mut answered = 0;
        while read_request(&mut stream).is_some() {
            answered += 1;
            assert_eq!(answered, 1);
            stream.write_all(&ok("x")).unwrap();
        }
    });
    let config = Config { reconnect_each: true, ..server.config() };
    let outcome = get(&config, &closed(2, 20));
    assert_sound(&outcome);
    assert_eq!(endings(&outcome), [(Ending::Answered, 20)]);
    assert_eq!((outcome.work[0].connects, outcome.work[0].reconnects), (20, 18));
    assert_eq!(*connections.lock().unwrap(), 20);
}

#[test]
fn a_server_that_says_close_is_reconnected_to_and_no_request_is_lost() {
    let server = Server::answering_once("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    let outcome = get(&server.config(), &closed(2, 20));
    assert_eq!(endings(&outcome), [(Ending::Answered, 20)]);
    assert_eq!(outcome.work[0].connects, 20);
}

#[test]
fn a_request_that_says_close_ends_its_connection() {
    let server = Server::answering(ok("x"));
    let corpus = Corpus::new(["GET / HTTP/1.1\r\nConnection: close\r\n\r\n"]).unwrap();
    let outcome = run(&server.config(), &corpus, &closed(1, 3), &Control::new()).unwrap();
    assert_eq!(endings(&outcome), [(Ending::Answered, 3)]);
    assert_eq!(outcome.work[0].connects, 3);
}

#[test]
fn an_idle_connection_that_the_server_closes_is_opened_anew_when_it_is_needed() {
    let server = Server::answering_once(ok("x"));
    let outcome = get(&server.config(), &open(1, vec![0, 500_000_000, 1_000_000_000], None));
    assert_eq!(endings(&outcome), [(Ending::Answered, 3)]);
    assert_eq!(outcome.work[0].reconnects, 2);
}

#[test]
fn statuses_are_answers_and_not_errors() {
    let server = Server::answering("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    let outcome = get(&server.config(), &closed(1, 2));
    assert_eq!(endings(&outcome), [(Ending::Answered, 2)]);
    assert_eq!(outcome.columns.status, [503, 503]);
    assert_eq!(body(&outcome, 0), b"busy");
}

#[test]
fn head_is_answered_without_a_body() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n");
    let corpus = Corpus::new(["HEAD / HTTP/1.1\r\nHost: t\r\n\r\n"]).unwrap();
    let outcome = run(&server.config(), &corpus, &closed(1, 3), &Control::new()).unwrap();
    assert_eq!(endings(&outcome), [(Ending::Answered, 3)]);
    assert_eq!(outcome.work[0].connects, 1);
}

#[test]
fn interim_responses_are_skipped() {
    let server = Server::answering([b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), ok("x")].concat());
    let outcome = get(&server.config(), &closed(1, 3));
    assert_eq!(outcome.columns.status, [200; 3]);
}

#[test]
fn a_large_request_is_written_in_as_many_pieces_as_it_takes() {
    let server = Server::new(|mut stream, _| {
        thread::sleep(Duration::from_millis(50));
        while let Some(request) = read_request(&mut stream) {
            stream.write_all(&ok(&request.len().to_string())).unwrap();
        }
    });
    let head = "POST / HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n";
    let corpus = Corpus::new([[head.as_bytes().to_vec(), vec![7; 20_000_000]].concat()]).unwrap();
    let outcome = run(&server.config(), &corpus, &closed(1, 2), &Control::new()).unwrap();
    assert_eq!(endings(&outcome), [(Ending::Answered, 2)]);
    assert_eq!(body(&outcome, 0), (head.len() + 20_000_000).to_string().as_bytes());
    assert!(outcome.work[0].writes > 2);
}

#[test]
fn a_large_response_is_kept_whole() {
    let text = "0123456789".repeat(100_000);
    let server = Server::answering(ok(&text));
    let outcome = get(&server.config(), &closed(1, 3));
    assert_eq!(endings(&outcome), [(Ending::Answered, 3)]);
    assert_eq!(outcome.bodies.len(), 1);
    assert_eq!(body(&outcome, 0), text.as_bytes());
}

#[test]
fn ipv6_works() {
    let server = Server::at("[::1]:0", |mut stream, _| {
        while read_request(&mut stream).is_some() {
            stream.write_all(&ok("six")).unwrap();
        }
    });
    assert_eq!(endings(&get(&server.config(), &closed(2, 10))), [(Ending::Answered, 10)]);
}

#[test]
fn unix_sockets_work_also_for_requests_larger_than_their_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                while let Some(request) = read_request(&mut stream) {
                    stream.write_all(&ok(&request.len().to_string())).unwrap();
                }
            });
        }
    });
    let config = Config::new(format!("unix:{}", path.display()).parse().unwrap());
    assert_eq!(endings(&get(&config, &closed(2, 20))), [(Ending::Answered, 20)]);
    let large = [b"POST / HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n".to_vec(), vec![7; 3_000_000]].concat();
    let outcome = run(&config, &Corpus::new([large]).unwrap(), &closed(2, 4), &Control::new()).unwrap();
    assert_eq!(endings(&outcome), [(Ending::Answered, 4)]);
}

#[test]
fn a_trial_can_be_watched_and_stopped_from_another_thread() {
    let server = echo(Duration::from_millis(5));
    let control = Control::new();
    let schedule = open(2, (0..1000).map(|entry| entry * 10_000_000).collect(), None);
    let outcome = thread::scope(|scope| {
        let trial = scope.spawn(|| run(&server.config(), &Corpus::new([GET]).unwrap(), &schedule, &control));
        while control.progress().answered < 5 {
            thread::sleep(Duration::from_millis(5));
        }
        control.stop();
        trial.join().unwrap().unwrap()
    });
    assert!(outcome.interrupted);
    assert_sound(&outcome);
    assert_eq!(outcome.counts().iter().sum::<u64>(), 1000);
    assert!(outcome.count(Ending::Answered) >= 5);
    assert!(outcome.count(Ending::NotSent) >= 900);
    let progress = control.progress();
    assert_eq!(progress.answered, outcome.count(Ending::Answered));
    assert_eq!(progress.sent, 1000 - outcome.count(Ending::NotSent));
    assert_eq!(progress.start_ns, Some(outcome.start_ns));
}

#[test]
fn the_clock_is_the_systems_monotonic_one() {
    let server = echo(Duration::ZERO);
    let before_ns = now_ns();
    let outcome = get(&server.config(), &closed(1, 1));
    assert!(before_ns < outcome.start_ns && outcome.start_ns + outcome.finished_ns < now_ns());
}

#[test]
fn it_starts_when_it_is_told_to_and_at_once_when_that_has_passed() {
    let server = echo(Duration::ZERO);
    let at_ns = now_ns() + 100 * MS as i64;
    let config = Config { start_at_ns: Some(at_ns), ..server.config() };
    assert_eq!(get(&config, &closed(1, 1)).start_ns, at_ns);
    let late = get(&config, &closed(1, 1));
    assert_sound(&late);
    assert!(late.start_ns > at_ns);
}

#[test]
fn a_stop_before_the_start_is_not_slept_through() {
    let server = echo(Duration::ZERO);
    let config = Config { start_at_ns: Some(now_ns() + 3_600_000 * MS as i64), ..server.config() };
    let control = Control::new();
    control.stop();
    let outcome = run(&config, &Corpus::new([GET]).unwrap(), &closed(1, 3), &control).unwrap();
    assert!(outcome.interrupted);
    assert_sound(&outcome);
    assert_eq!(outcome.work[0].elapsed_ns, 0);
    assert_eq!(outcome.count(Ending::Answered), 0);
}

#[test]
fn connections_beyond_the_first_are_opened_one_by_one() {
    // All at once they overflow the queue of those that a server has yet to accept.
    let server = echo(Duration::ZERO);
    let began_ns = now_ns();
    let outcome = get(&server.config(), &closed(128, 128));
    assert_sound(&outcome);
    assert_eq!(outcome.work[0].connects, 128);
    let after_the_first = 128 - 64;
    assert!(outcome.start_ns - began_ns >= after_the_first * 300_000);
}

#[test]
fn schedules_that_cannot_be_carried_out_are_refused_with_a_reason() {
    let config = Config::new("127.0.0.1:9".parse().unwrap());
    let corpus = Corpus::new([GET]).unwrap();
    let complaint = |config: &Config, schedule: &Schedule| {
        run(config, &corpus, schedule, &Control::new()).unwrap_err().to_string()
    };
    let endless = Schedule::Closed(Closed { connections: 1, order: vec![0], duration_ns: None, count: None });
    assert!(complaint(&config, &endless).contains("needs an end"));
    let foreign =
        Schedule::Closed(Closed { connections: 1, order: vec![1], duration_ns: None, count: Some(1) });
    assert!(complaint(&config, &foreign).contains("names request 1"));
    assert!(complaint(&config, &open(1, vec![5, 4], None)).contains("never decrease"));
    assert!(complaint(&config, &open(0, vec![0], None)).contains("0 connections"));
    let config = Config { cores: vec![9999], ..config };
    assert!(complaint(&config, &closed(1, 1)).contains("no core 9999"));
}
