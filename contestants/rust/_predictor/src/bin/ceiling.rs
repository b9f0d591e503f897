//! ceiling FOLDER WARM_UP_S MEASURE_S: predicts the files of FOLDER round after round with no server,
//! first to warm up, then to measure, and prints what it found as one JSON object.

use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, bail};
use predictor::Predictor;

fn main() {
    if let Err(error) = measure() {
        predictor::exit(&error);
    }
}

fn measure() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, warm_up_s, measure_s] = arguments.as_slice() else {
        bail!("the arguments are FOLDER WARM_UP_S MEASURE_S");
    };
    let images = read_all(folder).with_context(|| format!("{folder} cannot be read"))?;
    let predictor = Predictor::open()?;
    predictor.rounds(&images, Duration::try_from_secs_f64(warm_up_s.parse()?)?)?;
    println!("{}", predictor.rounds(&images, Duration::try_from_secs_f64(measure_s.parse()?)?)?);
    Ok(())
}

/// The contents of a folder's files in the order of their names.
fn read_all(folder: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    paths.iter().map(|path| Ok(fs::read(path)?)).collect()
}
