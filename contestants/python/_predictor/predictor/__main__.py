"""python -m predictor [--load] COMMAND…: checks that COMMAND can serve, then becomes it.

Servers that keep workers alive would otherwise open their socket first and then watch every worker
fail. With --load, or several workers, the model is also loaded once beforehand: for a server that
has more to say than one line, or starts a worker again, when the model cannot be loaded.
"""

import os
import socket
import sys

from .errors import StartError, refuse
from .model import read_model
from .settings import Settings, read_settings


def main(command: list[str]) -> None:
    try:
        settings = read_settings()
        read_model(settings.model_dir)
        check_port(settings)
    except StartError as error:
        refuse(error)
    if command[0] == "--load" or settings.workers > 1:
        check_load()
    command = command[command[0] == "--load" :]
    os.execv(command[0], command)


def check_port(settings: Settings) -> None:
    """Raises StartError if the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, settings.port))
    except OSError as error:
        address = f"{settings.host}:{settings.port}"
        raise StartError(f"{address} cannot be listened on: {error.strerror}") from error


def check_load() -> None:
    """Loads the model once, in a process that then goes.

    Several workers would otherwise each say that they cannot.
    """
    if (child := os.fork()) == 0:
        from .service import load  # only this process pays for the import

        load()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        sys.exit(status if status > 0 else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
