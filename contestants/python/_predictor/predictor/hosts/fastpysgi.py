"""python -m predictor.hosts.fastpysgi APP: FastPySGI, whose own command cannot be given limits."""

import sys

from fastpysgi import server

from ..settings import read_settings
from . import import_app

DROPPED_BYTES = 2**30  # above that it closes the connection; up to it the application says 413


def main(app: str) -> None:
    settings = read_settings()
    server.max_content_length = max(DROPPED_BYTES, settings.max_body_bytes)
    server.read_req_timeout = 30_000  # ms without a byte
    server.next_req_timeout = 75_000  # ms without a request
    server.tcp_nodelay = 1
    server.init(import_app(app), settings.host, settings.port)
    server.run()


if __name__ == "__main__":
    main(sys.argv[1])
