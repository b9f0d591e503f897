//! Servers that misbehave: each request still ends as one sample, with the right name.

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use servemark_engine::{Closed, Config, Control, Corpus, Ending, Schedule, run};
use support::{MS, Server, body, closed, endings, get, ok, open, read_request};

#[test]
fn nobody_listens() {
    let vacant = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config::new(vacant.to_string().parse().unwrap());
    assert_eq!(endings(&get(&config, &closed(2, 10))), [(Ending::Connect, 10)]);
    let outcome = get(&config, &open(2, vec![0, 1_000_000, 2_000_000], None));
    assert_eq!(endings(&outcome), [(Ending::Connect, 3)]);
    assert!(
        outcome
            .columns
            .sent_ns
            .iter()
            .zip(&outcome.columns.done_ns)
            .all(|(sent, done)| (0..=*done).contains(sent))
    );
    assert!(outcome.columns.status.iter().all(|&status| status == -1));
}

#[test]
fn a_closed_loop_without_a_server_does_not_spin() {
    let vacant = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config::new(vacant.to_string().parse().unwrap());
    let schedule =
        Schedule::Closed(Closed { connections: 1, order: vec![0], duration_ns: Some(300 * MS), count: None });
    let outcome = get(&config, &schedule);
    // Rests of 1, 2, 4, ... 64 and 100 ms.
    assert!((2..=10).contains(&outcome.count(Ending::Connect)), "{:?}", endings(&outcome));
}

#[test]
fn a_unix_socket_that_is_not_there() {
    let config = Config::new("unix:/nonexistent/socket".parse().unwrap());
    assert_eq!(endings(&get(&config, &closed(1, 3))), [(Ending::Connect, 3)]);
}

#[test]
fn the_server_dies_in_the_middle() {
    // It answers five requests in all and then is gone, listener included.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = Config::new(listener.local_addr().unwrap().to_string().parse().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for _ in 0..5 {
            read_request(&mut stream);
            stream.write_all(&ok("x")).unwrap();
        }
    });
    let outcome = get(&config, &open(1, (0..10).map(|entry| entry * 20_000_000).collect(), None));
    assert_eq!(outcome.count(Ending::Answered), 5);
    assert_eq!(outcome.counts().iter().sum::<u64>(), 10);
    assert!(outcome.count(Ending::Connect) >= 4, "{:?}", endings(&outcome));
}

#[test]
fn it_dies_in_the_middle_of_a_response() {
    let server = Server::answering_once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let outcome = get(&server.config(), &closed(1, 3));
    assert_eq!(endings(&outcome), [(Ending::ClosedEarly, 3)]);
    assert!(outcome.columns.first_byte_ns.iter().all(|&first_byte| first_byte >= 0));
    assert!(outcome.columns.body.iter().all(|&body| body == -1));
}

#[test]
fn it_accepts_and_closes_at_once() {
    let server = Server::new(|_, _| {});
    let outcome = get(&server.config(), &closed(2, 10));
    assert_eq!(
        outcome.count(Ending::ClosedEarly) + outcome.count(Ending::Reset),
        10,
        "{:?}",
        endings(&outcome)
    );
}

#[test]
fn it_resets_the_connection() {
    // Closing with unread bytes in the receive buffer makes the kernel send a reset.
    let server = Server::new(|stream, _| {
        let mut byte = [0];
        stream.peek(&mut byte).unwrap();
    });
    assert_eq!(endings(&get(&server.config(), &closed(1, 3))), [(Ending::Reset, 3)]);
}

#[test]
fn it_accepts_and_never_answers() {
    let server = Server::new(|mut stream, _| while read_request(&mut stream).is_some() {});
    let config = Config { timeout_ns: 30 * MS, ..server.config() };
    let outcome = get(&config, &closed(2, 6));
    assert_eq!(endings(&outcome), [(Ending::TimedOut, 6)]);
    for sample in 0..6 {
        let waited_ns = outcome.columns.done_ns[sample] - outcome.columns.sent_ns[sample];
        assert!(waited_ns >= 30_000_000);
        assert_eq!(outcome.columns.first_byte_ns[sample], -1);
    }
}

#[test]
fn a_timed_out_answer_that_comes_late_is_not_taken_for_the_next_one() {
    let server = Server::new(|mut stream, number| {
        while read_request(&mut stream).is_some() {
            thread::sleep(Duration::from_millis(if number == 0 { 120 } else { 0 }));
            let _ = stream.write_all(&ok(&number.to_string()));
        }
    });
    let config = Config { timeout_ns: 60 * MS, ..server.config() };
    let outcome = get(&config, &closed(1, 4));
    assert_eq!(endings(&outcome), [(Ending::Answered, 3), (Ending::TimedOut, 1)]);
    assert_eq!(body(&outcome, 3), b"1");
}

#[test]
fn it_does_not_even_accept() {
    // A backlog of one, filled, and nobody accepts: connects neither succeed nor fail.
    let listener =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&listener, &any).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = std::net::SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap();
    let config = Config { timeout_ns: 100 * MS, ..Config::new(address.to_string().parse().unwrap()) };
    let outcome = get(&config, &closed(4, 8));
    let (connect, timed_out) = (outcome.count(Ending::Connect), outcome.count(Ending::TimedOut));
    // The kernel answers for the few that fit into the backlog.
    assert_eq!(connect + timed_out, 8);
    assert!(connect > 0, "{:?}", endings(&outcome));
}

#[test]
fn it_answers_garbage() {
    for garbage in
        [&b"SSH-2.0-OpenSSH_9.2p1\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00", b"HTTP/9.9 maybe\r\n\r\n"]
    {
        let server = Server::answering(garbage);
        let outcome = get(&server.config(), &closed(1, 3));
        assert_eq!(endings(&outcome), [(Ending::Malformed, 3)]);
    }
}

#[test]
fn it_answers_one_byte_at_a_time() {
    let server = Server::new(|mut stream, _| {
        stream.set_nodelay(true).unwrap();
        while read_request(&mut stream).is_some() {
            for byte in ok("slowly") {
                stream.write_all(&[byte]).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let outcome = get(&server.config(), &closed(1, 2));
    assert_eq!(endings(&outcome), [(Ending::Answered, 2)]);
    assert_eq!(body(&outcome, 0), b"slowly");
    let columns = &outcome.columns;
    assert!(columns.done_ns[0] - columns.first_byte_ns[0] >= 40_000_000);
}

#[test]
fn every_split_of_a_response_into_two_packets_is_understood() {
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nspli\r\n1\r\nt\r\n0\r\n\r\n".to_vec();
    for answer in [ok("split"), chunked] {
        let splits = u64::try_from(answer.len() - 1).unwrap();
        let server = Server::new(move |mut stream, _| {
            stream.set_nodelay(true).unwrap();
            for split in 1..answer.len() {
                read_request(&mut stream);
                stream.write_all(&answer[..split]).unwrap();
                thread::sleep(Duration::from_millis(1));
                stream.write_all(&answer[split..]).unwrap();
            }
        });
        let outcome = get(&server.config(), &closed(1, splits));
        assert_eq!(endings(&outcome), [(Ending::Answered, splits)]);
        assert_eq!(outcome.bodies.len(), 1);
        assert_eq!(body(&outcome, 0), b"split");
    }
}

#[test]
fn a_body_longer_than_said_is_noticed() {
    let server = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay");
    let outcome = get(&server.config(), &closed(1, 3));
    assert_eq!(endings(&outcome), [(Ending::Excess, 3)]);
    assert_eq!(outcome.columns.status, [200; 3]);
    assert_eq!(body(&outcome, 0), b"ok");
    assert_eq!(outcome.work[0].reconnects, 2);
}

#[test]
fn bytes_on_an_idle_connection_are_reported_and_not_taken_for_an_answer() {
    let server = Server::new(|mut stream, _| {
        while read_request(&mut stream).is_some() {
            let _ = stream.write_all(&ok("x"));
            thread::sleep(Duration::from_millis(20));
            let _ = stream.write_all(&ok("nobody asked"));
        }
    });
    let outcome = get(&server.config(), &open(1, vec![0, 100_000_000], None));
    assert_eq!(endings(&outcome), [(Ending::Answered, 2)]);
    assert_eq!(outcome.bodies.len(), 1);
    assert!(outcome.warnings.iter().any(|warning| warning.contains("no request outstanding")));
}

#[test]
fn an_endless_header_is_cut_off() {
    let server = Server::new(|mut stream, _| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"X-Filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy").is_ok() {}
    });
    assert_eq!(endings(&get(&server.config(), &closed(1, 2))), [(Ending::HeadTooLarge, 2)]);
}

#[test]
fn a_hundred_megabytes_of_body_are_not_taken_in() {
    for head in ["Content-Length: 100000000\r\n", "", "Transfer-Encoding: chunked\r\n"] {
        let server = Server::new(move |mut stream, _| {
            read_request(&mut stream);
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes());
            let piece = [b"FFFF8\r\n".to_vec(), vec![b'0'; 0xF_FFF8], b"\r\n".to_vec()].concat();
            for _ in 0..96 {
                if stream.write_all(&piece).is_err() {
                    return;
                }
            }
        });
        let outcome = get(&server.config(), &closed(1, 2));
        assert_eq!(endings(&outcome), [(Ending::BodyTooLarge, 2)], "{head}");
        assert!(outcome.work[0].received_bytes < 20_000_000);
    }
}

#[test]
fn an_answer_that_comes_before_the_request_is_written_counts() {
    // As a 413 does: the server answers after the head and closes without reading the body.
    let server = Server::new(|mut stream, _| {
        let mut head = [0; 20];
        std::io::Read::read_exact(&mut stream, &mut head).unwrap();
        let _ =
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
        thread::sleep(Duration::from_millis(100));
    });
    let large =
        [b"POST / HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n".to_vec(), vec![7; 50_000_000]].concat();
    let outcome =
        run(&server.config(), &Corpus::new([large]).unwrap(), &closed(1, 2), &Control::new()).unwrap();
    assert_eq!(endings(&outcome), [(Ending::Answered, 2)]);
    assert_eq!(outcome.columns.status, [413, 413]);
}

/// Environment variable with the address of a server outside the test's process.
const SERVER: &str = "SERVEMARK_TEST_SERVER";

/// Carries out an ignored test of this program in a process of its own, because it starves everything in it.
fn in_a_process_of_its_own(case: &str, prefix: &[&str]) {
    let this = std::env::current_exe().unwrap();
    let words = prefix.iter().copied().chain([this.to_str().unwrap(), "--ignored", "--exact", case]);
    let words: Vec<_> = words.collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn out_of_file_descriptors() {
    let server = Server::answering(ok("x"));
    let address = format!("{SERVER}={}", server.address);
    in_a_process_of_its_own("starved_of_files", &["env", &address]);
}

#[test]
#[ignore = "run by out_of_file_descriptors"]
fn starved_of_files() {
    let address = std::env::var(SERVER).unwrap().parse().unwrap();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(60), ..before }).unwrap();
    let config = Config { timeout_ns: 300 * MS, ..Config::new(address) };
    let outcome = get(&config, &open(100, vec![0; 300], None));
    setrlimit(Resource::Nofile, before).unwrap();
    assert_eq!(outcome.counts().iter().sum::<u64>(), 300);
    assert!(outcome.count(Ending::OutOfFiles) > 0, "{:?}", endings(&outcome));
    assert!(outcome.count(Ending::Answered) > 0, "{:?}", endings(&outcome));
    assert!(outcome.warnings.iter().any(|warning| warning.contains("ulimit -n")));
}

#[test]
fn out_of_local_ports() {
    // A network namespace of its own with four ports. Where the kernel does not allow that there is no test.
    let prepare = "ip link set lo up && echo 40000 40003 > /proc/sys/net/ipv4/ip_local_port_range";
    let prefix = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"];
    let allowed = Command::new(prefix[0]).args(&prefix[1..]).arg(prepare).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespace can be made here");
        return;
    }
    let then_run = format!("{prepare} && exec \"$0\" \"$@\"");
    in_a_process_of_its_own("starved_of_ports", &[&prefix[..], &[&then_run]].concat());
}

#[test]
#[ignore = "run by out_of_local_ports"]
fn starved_of_ports() {
    let server = Server::at("127.0.0.1:50000", |mut stream, _| {
        while read_request(&mut stream).is_some() {
            stream.write_all(&ok("x")).unwrap();
        }
    });
    let outcome = get(&server.config(), &open(10, vec![0; 300], None));
    assert_eq!(outcome.counts().iter().sum::<u64>(), 300);
    assert!(outcome.count(Ending::OutOfPorts) > 0, "{:?}", endings(&outcome));
    assert!(outcome.count(Ending::Answered) > 0, "{:?}", endings(&outcome));
    assert!(outcome.warnings.iter().any(|warning| warning.contains("local ports")));
}
