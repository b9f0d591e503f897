//! What goes in: requests and schedules. They are copied, so that nobody can change them under a running trial.

use numpy::{PyArrayLike1, TypeMustMatch};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use servemark_engine::Schedule;

use crate::to_python;

/// See `__init__.pyi`.
#[pyclass(frozen, module = "servemark_engine")]
pub struct Corpus {
    pub inner: servemark_engine::Corpus,
}

#[pymethods]
impl Corpus {
    #[new]
    fn new(requests: Vec<PyBackedBytes>) -> PyResult<Self> {
        let inner = servemark_engine::Corpus::new(requests).map_err(|error| to_python(&error))?;
        Ok(Self { inner })
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }
}

/// See `__init__.pyi`.
#[pyclass(frozen, module = "servemark_engine")]
pub struct Closed {
    schedule: Schedule,
}

#[pymethods]
impl Closed {
    #[new]
    #[pyo3(signature = (connections, order, *, duration_ns=None, count=None))]
    #[allow(clippy::needless_pass_by_value, reason = "Python hands over a reference of its own")]
    fn new(
        connections: u32,
        order: PyArrayLike1<'_, u32, TypeMustMatch>,
        duration_ns: Option<u64>,
        count: Option<u64>,
    ) -> Self {
        let order = order.as_array().to_vec();
        Self {
            schedule: Schedule::Closed(servemark_engine::Closed { connections, order, duration_ns, count }),
        }
    }
}

/// See `__init__.pyi`.
#[pyclass(frozen, module = "servemark_engine")]
pub struct Open {
    schedule: Schedule,
}

#[pymethods]
impl Open {
    #[new]
    #[pyo3(signature = (connections, intended_ns, request, *, duration_ns=None))]
    #[allow(clippy::needless_pass_by_value, reason = "Python hands over references of its own")]
    fn new(
        connections: u32,
        intended_ns: PyArrayLike1<'_, i64, TypeMustMatch>,
        request: PyArrayLike1<'_, u32, TypeMustMatch>,
        duration_ns: Option<u64>,
    ) -> Self {
        let intended_ns = intended_ns.as_array().to_vec();
        let request = request.as_array().to_vec();
        Self {
            schedule: Schedule::Open(servemark_engine::Open {
                connections,
                intended_ns,
                request,
                duration_ns,
            }),
        }
    }
}

/// Either kind of load.
#[derive(FromPyObject)]
pub enum Load {
    /// Closed loop.
    Closed(Py<Closed>),
    /// Open loop.
    Open(Py<Open>),
}

impl Load {
    /// The schedule itself.
    pub fn schedule(&self) -> &Schedule {
        match self {
            Self::Closed(closed) => &closed.get().schedule,
            Self::Open(open) => &open.get().schedule,
        }
    }
}
