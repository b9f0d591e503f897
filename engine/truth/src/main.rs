//! The truth server as a program; see `--help`.

fn main() -> std::process::ExitCode {
    let code = servemark_truth::main(std::env::args_os().skip(1));
    std::process::ExitCode::from(code)
}
