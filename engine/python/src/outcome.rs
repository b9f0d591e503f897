//! What comes out: the columns' memory becomes the arrays' memory.

use numpy::{Element, IntoPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use servemark_engine::{Body, Columns, Ending, Work};

/// See `__init__.pyi`.
#[pyclass(frozen, get_all, module = "servemark_engine")]
pub struct Outcome {
    start_ns: i64,
    sending_ended_ns: i64,
    finished_ns: i64,
    interrupted: bool,
    columns: Py<PyDict>,
    bodies: Py<PyList>,
    digests: Py<PyDict>,
    counts: Py<PyDict>,
    work: Py<PyList>,
    lag: Option<Py<PyDict>>,
    warnings: Vec<String>,
}

impl Outcome {
    /// Takes over the engine's outcome.
    pub fn new(py: Python<'_>, outcome: servemark_engine::Outcome) -> PyResult<Self> {
        let counts = PyDict::new(py);
        for (ending, count) in Ending::ALL.iter().zip(outcome.counts()) {
            counts.set_item(ending.name(), count)?;
        }
        let work = outcome.work.iter().map(|work| work_of(py, work)).collect::<PyResult<Vec<_>>>()?;
        let lag = outcome
            .lag
            .map(|lag| dict(py, [("p50_ns", lag.p50_ns), ("p99_ns", lag.p99_ns), ("max_ns", lag.max_ns)]));
        let digests = digests(py, &outcome.bodies)?;
        let bodies =
            outcome.bodies.iter().map(|body| body.bytes.as_deref().map(|bytes| PyBytes::new(py, bytes)));
        Ok(Self {
            start_ns: outcome.start_ns,
            sending_ended_ns: outcome.sending_ended_ns,
            finished_ns: outcome.finished_ns,
            interrupted: outcome.interrupted,
            bodies: PyList::new(py, bodies)?.unbind(),
            digests,
            columns: columns(py, outcome.columns)?,
            counts: counts.unbind(),
            work: PyList::new(py, work)?.unbind(),
            lag: lag.transpose()?.map(Bound::unbind),
            warnings: outcome.warnings,
        })
    }
}

fn columns(py: Python<'_>, columns: Columns) -> PyResult<Py<PyDict>> {
    let Columns {
        sequence,
        request,
        intended_ns,
        sent_ns,
        first_byte_ns,
        done_ns,
        status,
        error,
        body,
        connection,
    } = columns;
    let arrays = PyDict::new(py);
    add(&arrays, "sequence", sequence)?;
    add(&arrays, "request", request)?;
    add(&arrays, "intended_ns", intended_ns)?;
    add(&arrays, "sent_ns", sent_ns)?;
    add(&arrays, "first_byte_ns", first_byte_ns)?;
    add(&arrays, "done_ns", done_ns)?;
    add(&arrays, "status", status)?;
    add(&arrays, "error", error)?;
    add(&arrays, "body", body)?;
    add(&arrays, "connection", connection)?;
    Ok(arrays.unbind())
}

fn add<T: Element>(arrays: &Bound<'_, PyDict>, name: &str, column: Vec<T>) -> PyResult<()> {
    arrays.set_item(name, column.into_pyarray(arrays.py()))
}

fn digests(py: Python<'_>, bodies: &[Body]) -> PyResult<Py<PyDict>> {
    let digests = PyDict::new(py);
    for (number, body) in bodies.iter().enumerate().filter(|(_, body)| body.bytes.is_none()) {
        digests.set_item(number, (format!("{:032x}", body.digest), body.length))?;
    }
    Ok(digests.unbind())
}

fn work_of<'py>(py: Python<'py>, work: &Work) -> PyResult<Bound<'py, PyDict>> {
    let times = [
        ("elapsed_ns", work.elapsed_ns),
        ("cpu_ns", work.cpu_ns),
        ("spin_ns", work.spin_ns),
        ("busy_ns", work.busy_ns),
        ("unread_ns", work.unread_ns),
    ];
    let counts = [
        ("waits", work.waits),
        ("reads", work.reads),
        ("writes", work.writes),
        ("connects", work.connects),
        ("reconnects", work.reconnects),
        ("received_bytes", work.received_bytes),
        ("sent_bytes", work.sent_bytes),
        ("unsolicited", work.unsolicited),
    ];
    let report = dict(py, times)?;
    report.set_item("core", work.core)?;
    report.set_item("waited_ns", work.waited_ns)?;
    for (name, count) in counts {
        report.set_item(name, count)?;
    }
    Ok(report)
}

fn dict<'py, const N: usize>(py: Python<'py>, items: [(&str, i64); N]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in items {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}
