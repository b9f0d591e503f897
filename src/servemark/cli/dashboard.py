"""``servemark ui``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from servemark.cli.console import talk
from servemark.cli.project import Project


def ui_command(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine, a token is needed.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")
    ] = 8765,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Do not open it in the browser.")
    ] = False,
) -> None:
    """The dashboard: start and watch runs, browse them, and a playground to draw digits in."""
    from servemark.ui import serve

    project: Project = context.obj
    serve(project, host, port, not no_open, _say)


def _say(address: str) -> None:
    talk.print(f"The dashboard: [bold]{escape(address)}[/bold]", soft_wrap=True)
    talk.print("Ctrl-C ends it; runs that it has started go on.")
