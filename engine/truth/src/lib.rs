//! A server whose response times are known.
//!
//! It answers each HTTP/1.1 request after a delay drawn from a seeded distribution, as precisely as the machine
//! allows, and keeps its own record of every request. A load generator that measures it should find the
//! distribution; what it finds instead is the generator's error.

mod delay;
mod options;
mod record;
mod request;
mod server;
mod summary;

use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use delay::Delay;
use options::{Command, Options};
use rustix::process::{Signal, set_parent_process_death_signal};
use server::Server;

/// Runs the program with the given arguments (without its name); returns the exit status.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let options = match options::parse(arguments) {
        Ok(Command::Serve(options)) => *options,
        Ok(Command::Help) => {
            print!("{}", options::HELP);
            return 0;
        }
        Err(error) => {
            eprintln!("servemark-truth: {error}; see --help");
            return 2;
        }
    };
    match serve(&options) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("servemark-truth: {error}");
            1
        }
    }
}

/// Serves until SIGINT or SIGTERM, then writes the record and prints the summary.
fn serve(options: &Options) -> std::io::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    if options.die_with_parent {
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    let mut server = Server::new(options)?;
    announce(&summary::opening(server.address(), options))?;
    server.serve(&stop)?;
    let record = server.into_record();
    if let Some(path) = &options.record {
        record.write(path)?;
    }
    announce(&summary::closing(&record))
}

/// Prints one line of JSON, at once, even into a pipe.
fn announce(line: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}
