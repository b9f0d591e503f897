//! A closed or open loop from the command line, for measuring the engine itself:
//! `load ADDRESS CONNECTIONS SECONDS [RATE_PER_S] [CORE] [CORPUS_FOLDER]`, rate 0 for a closed loop. With a
//! folder, its files are sent in turn as multipart POSTs. With `BUSY_POLL` in the environment it never sleeps.

use std::env;
use std::error::Error;
use std::fs;

use servemark_engine::{Closed, Config, Control, Corpus, Ending, Open, Outcome, Schedule, run};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map_or("", String::as_str);
    let mut config = Config::new(argument(0).parse()?);
    let connections: u32 = argument(1).parse()?;
    let seconds: f64 = argument(2).parse()?;
    let rate_per_s: f64 = argument(3).parse().unwrap_or(0.0);
    config.cores.extend(argument(4).parse::<usize>().ok());
    config.busy_poll = env::var_os("BUSY_POLL").is_some();
    let corpus = Corpus::new(requests(argument(5))?)?;
    let order: Vec<u32> = (0..u32::try_from(corpus.len())?).collect();
    let duration_ns = Some((seconds * 1e9) as u64);
    let schedule = if rate_per_s > 0.0 {
        let intended_ns = poisson(rate_per_s, seconds);
        let request = order.iter().copied().cycle().take(intended_ns.len()).collect();
        Schedule::Open(Open { connections, intended_ns, request, duration_ns })
    } else {
        Schedule::Closed(Closed { connections, order, duration_ns, count: None })
    };
    report(&run(&config, &corpus, &schedule, &Control::new())?, seconds);
    Ok(())
}

fn requests(folder: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    if folder.is_empty() {
        return Ok(vec![b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()]);
    }
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    paths.into_iter().map(|path| Ok(multipart(&fs::read(path)?))).collect()
}

fn multipart(image: &[u8]) -> Vec<u8> {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"i\"\r\n\
                     Content-Type: image/png\r\n\r\n"
        .to_vec();
    body.extend_from_slice(image);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let length = body.len();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

/// Poisson arrivals from a small linear congruential generator (Knuth's MMIX constants): good enough here.
fn poisson(rate_per_s: f64, seconds: f64) -> Vec<i64> {
    let (mut state, mut time_s, mut arrivals) = (1_u64, 0.0, Vec::new());
    loop {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        time_s -= (1.0 - (state >> 11) as f64 / (1_u64 << 53) as f64).ln() / rate_per_s;
        if time_s >= seconds {
            return arrivals;
        }
        arrivals.push((time_s * 1e9) as i64);
    }
}

fn report(outcome: &Outcome, seconds: f64) {
    let answered = outcome.count(Ending::Answered).max(1);
    let columns = &outcome.columns;
    let service = |(done, sent): (&i64, &i64)| (done - sent) as f64 / 1e3;
    let mut service_us: Vec<f64> = columns.done_ns.iter().zip(&columns.sent_ns).map(service).collect();
    service_us.sort_by(f64::total_cmp);
    let rank = |p: f64| service_us.get((service_us.len() as f64 * p) as usize).copied().unwrap_or(f64::NAN);
    let cpu_ns: i64 = outcome.work.iter().map(|work| work.busy_ns).sum();
    println!(
        "{:.0} req/s, {:.2} us busy each, service p50 {:.1} p99 {:.1} p99.9 {:.1} us",
        answered as f64 / seconds,
        cpu_ns as f64 / answered as f64 / 1e3,
        rank(0.5),
        rank(0.99),
        rank(0.999),
    );
    let counts = Ending::ALL.iter().zip(outcome.counts()).filter(|(_, count)| *count > 0);
    let counts: Vec<_> = counts.map(|(ending, count)| format!("{} {count}", ending.name())).collect();
    println!("{}; {} bodies; lag {:?}", counts.join(", "), outcome.bodies.len(), outcome.lag);
    for line in outcome.work.iter().map(|work| format!("{work:?}")).chain(outcome.warnings.clone()) {
        println!("{line}");
    }
}
