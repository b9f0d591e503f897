//! Python binding of servemark's load engine: conversions, and nothing else. What everything means is written
//! in `servemark_engine/__init__.pyi`.

mod inputs;
mod outcome;
mod trial;

use std::ffi::OsString;

use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use servemark_engine::{Ending, now_ns};

create_exception!(servemark_engine, EngineError, PyException, "A trial that cannot be started.");

/// The engine's error as Python's.
fn to_python(error: &servemark_engine::EngineError) -> PyErr {
    EngineError::new_err(error.to_string())
}

#[pyfunction]
#[pyo3(name = "now_ns")]
fn python_now_ns() -> i64 {
    now_ns()
}

#[pyfunction]
fn pauses(py: Python<'_>, duration_ns: i64, least_ns: i64) -> Vec<i64> {
    py.detach(|| servemark_engine::pauses(duration_ns, least_ns))
}

#[pyfunction]
fn truth(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| servemark_truth::main(arguments))
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EngineError", module.py().get_type::<EngineError>())?;
    module.add("ENDINGS", Ending::ALL.map(Ending::name).to_vec())?;
    module.add("SENTENCES", Ending::ALL.map(Ending::sentence).to_vec())?;
    module.add_class::<inputs::Corpus>()?;
    module.add_class::<inputs::Closed>()?;
    module.add_class::<inputs::Open>()?;
    module.add_class::<trial::Control>()?;
    module.add_class::<trial::Progress>()?;
    module.add_class::<outcome::Outcome>()?;
    module.add_function(wrap_pyfunction!(trial::run, module)?)?;
    module.add_function(wrap_pyfunction!(python_now_ns, module)?)?;
    module.add_function(wrap_pyfunction!(pauses, module)?)?;
    module.add_function(wrap_pyfunction!(truth, module)?)?;
    Ok(())
}
