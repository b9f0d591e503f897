"""Gunicorn's settings for all contestants that it serves."""

import logging
from typing import Any

worker_class = "gthread"  # the sync worker closes every connection after its response
threads = 8  # no slower than 2 or 4, and a slow sender occupies one
keepalive = 75  # seconds, as nginx has it; the default 2 is for a gunicorn that stands behind one
graceful_timeout = 3  # the contract gives 5 s, and a worker that is still starting uses it up
control_socket_disable = True
loglevel = "error"

BOOT_FAILURE = {"Worker (pid:%s) exited with code %s.", "Shutting down: %s", "Reason: %s"}


def on_starting(server: Any) -> None:
    """Silences what gunicorn adds to the one line with which a worker said why it cannot start."""

    def is_news(record: logging.LogRecord) -> bool:
        return record.msg not in BOOT_FAILURE

    server.log.error_log.addFilter(is_news)
