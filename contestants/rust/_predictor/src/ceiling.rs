use std::time::{Duration, Instant};
use std::{fmt, fs};

use crate::Predictor;

/// What the predictor does with no server around it. Displays as JSON, times in ns.
#[derive(Default)]
pub struct Ceiling {
    images: usize,
    time: Duration,
    cpu_ns: u64,
    decode: Duration,
    infer: Duration,
    answers: Vec<String>, // of the last round
}

impl Predictor {
    /// Decodes and infers the images round after round, one at a time: as many whole rounds as
    /// begin within that time, as images differ in what they cost.
    ///
    /// # Errors
    /// What is wrong with an image, or with the inference.
    pub fn rounds(&self, images: &[Vec<u8>], at_least: Duration) -> anyhow::Result<Ceiling> {
        self.sessions.with(|session| {
            let mut found = Ceiling::default();
            let cpu_ns = cpu_ns()?;
            let start = Instant::now();
            while found.time < at_least {
                found.answers.clear();
                for image in images {
                    self.model.fill(session.input(), image)?;
                    let decoded = start.elapsed();
                    let answer = session.run()?;
                    let inferred = start.elapsed();
                    found.answers.push(self.body(answer));
                    found.decode += decoded - found.time;
                    found.infer += inferred - decoded;
                    found.time = start.elapsed();
                }
                found.images += images.len();
            }
            found.cpu_ns = self::cpu_ns()? - cpu_ns;
            Ok(found)
        })
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            r#"{{"images": {}, "ns": {}, "cpu_ns": {}, "decode_ns": {}, "infer_ns": {}, "answers": [{}]}}"#,
            self.images,
            self.time.as_nanos(),
            self.cpu_ns,
            self.decode.as_nanos(),
            self.infer.as_nanos(),
            self.answers.join(", ")
        )
    }
}

/// What all threads of this process have used (proc(5): the first number of a thread's schedstat).
fn cpu_ns() -> anyhow::Result<u64> {
    let mut total = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let said = fs::read_to_string(thread?.path().join("schedstat"))?;
        total += said.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(total)
}
