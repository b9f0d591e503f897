"""The command line: options are read here, and the work is done elsewhere.

Each command imports what it works with when it is called, so that ``--help`` and a shell that
completes a word do not wait for what others need.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from servemark import __version__
from servemark.cli.attack import attack_command
from servemark.cli.compare import compare_command
from servemark.cli.completing import complete_board, complete_contestant, complete_run
from servemark.cli.console import complaints, hush
from servemark.cli.dashboard import ui_command
from servemark.cli.ending import ended_in_order
from servemark.cli.model import app as model_app
from servemark.cli.project import Project, find_project
from servemark.cli.publishing import publish_command
from servemark.errors import ServemarkError, UsageError

FAILED = 1
USED_WRONGLY = 2

app = typer.Typer(
    name="servemark",
    help="Which web server should serve my model, and what does it cost?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Names = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads the annotation
    typer.Argument(
        help="Contestants: python/flask, flask, or a glob such as 'python/*'.",
        autocompletion=complete_contestant,
    ),
]
Runtimes = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--runtime", help="Inference runtime; several times for several, or 'all'."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Say nothing on the way: only the result, and errors.", callback=hush
    ),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _print_schema(wanted: bool) -> None:
    if wanted:
        from servemark.cli.reporting import show_schema

        show_schema()
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    root: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Checkout of servemark; by default the one around you."),
    ] = None,
    runs: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Where run folders are; by default runs/ in the checkout."),
    ] = None,
    version: Annotated[  # noqa: ARG001 - its callback prints it
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    _quiet: Quiet = False,
) -> None:
    """Options that come before the command."""
    context.obj = find_project(root, runs)


@app.command("list")
def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Contestants: ready, or what is missing and the command that gets it."""
    from servemark.cli.listing import show_contestants

    show_contestants(_project(context), as_json)


@app.command("new")
def new_command(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="LANGUAGE/NAME", help="Such as go/mine.")],
    template: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Which template, where the language has several: asgi, wsgi."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a contestant that passes verify at once, for you to put your framework in."""
    from servemark.cli.creating import new_contestant

    new_contestant(_project(context), name, template, as_json)


@app.command()
def prepare(
    context: typer.Context,
    names: Names = None,
    runtimes: Runtimes = None,
    as_json: AsJson = False,
    _quiet: Quiet = False,
) -> None:
    """Build and install what contestants need (their first runtime unless named)."""
    from servemark.cli.listing import prepare_contestants

    _exit_by(prepare_contestants(_project(context), names or [], runtimes or [], as_json))


@app.command()
def verify(
    context: typer.Context,
    names: Names = None,
    runtimes: Runtimes = None,
    model: Annotated[str, typer.Option(help="Model to serve.")] = "mnist",
    golden: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Use only that many golden images."),
    ] = None,
    battery: Annotated[
        bool,
        typer.Option("--battery", help="Also the battery of bad inputs: about a minute for each."),
    ] = False,
    as_json: AsJson = False,
    _quiet: Quiet = False,
) -> None:
    """Contract, golden set and failures, from start to stop."""
    from servemark.cli.verifying import verify_contestants

    project = _project(context)
    _exit_by(
        verify_contestants(project, names or [], runtimes or [], model, golden, battery, as_json)
    )


@app.command()
def run(
    context: typer.Context,
    board: Annotated[
        str, typer.Argument(help="Board: a name or a TOML file.", autocompletion=complete_board)
    ] = "default",
    only: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            help="Only these contestants or variants; several times for several.",
            autocompletion=complete_contestant,
        ),
    ] = None,
    resume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Go on with a run that was cut off: its folder, name, or 'latest'.",
            autocompletion=complete_run,
        ),
    ] = None,
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Model to serve instead of the board's."),
    ] = None,
    cluster: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Measure on a Ray cluster: its address, or 'auto'; docs/cluster.md."),
    ] = None,
    generators: Annotated[
        int, typer.Option(min=1, help="On a cluster: load generators for each server.")
    ] = 1,
    as_json: AsJson = False,
    _quiet: Quiet = False,
) -> None:
    """Prepare, verify and measure a board; leave a run folder with its reports."""
    from servemark.cli.reporting import show_report
    from servemark.cli.running import run_new, run_resumed, say_done

    project = _project(context)
    if generators > 1 and cluster is None:
        raise UsageError("Several generators need several machines: give --cluster, too.")
    if resume is not None:
        if only or model:
            raise UsageError("A resumed run keeps contestants and model: leave the options out.")
        if cluster is None:
            folder = run_resumed(project, resume)
        else:
            from servemark.cli.clustering import resume_on_cluster

            folder = resume_on_cluster(project, cluster, generators, resume)
    else:
        command = shlex.join(["servemark", *sys.argv[1:]])
        if cluster is None:
            folder = run_new(project, board, only or [], command, model)
        else:
            from servemark.cli.clustering import run_new_on_cluster

            folder = run_new_on_cluster(
                project, cluster, generators, board, only or [], command, model
            )
    show_report(folder, "json" if as_json else None, None)
    say_done(folder)


@app.command()
def report(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Run: folder, name, or 'latest'.", autocompletion=complete_run
        ),
    ],
    html: Annotated[bool, typer.Option("--html", help="One self-contained page.")] = False,
    markdown: Annotated[bool, typer.Option("--md", help="Markdown.")] = False,
    as_json: AsJson = False,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Write to this file instead of stdout."),
    ] = None,
    figures: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write the charts there, as SVG and PNG."),
    ] = None,
    csv: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write the figures there, as tables in CSV."),
    ] = None,
    parquet: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write the figures there, as tables in Parquet."),
    ] = None,
    hlog: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Write the raw latencies there, as HdrHistogram logs."),
    ] = None,
    schema: Annotated[  # noqa: ARG001 - its callback prints it
        bool,
        typer.Option(
            "--schema",
            help="Print the JSON schema of --json.",
            callback=_print_schema,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Show a run: in the terminal, or as a page, Markdown or JSON; or give its data away."""
    given = {"figures": figures, "csv": csv, "parquet": parquet, "hlog": hlog}
    exports = {kind: folder for kind, folder in given.items() if folder is not None}
    kinds = [kind for kind, on in (("html", html), ("md", markdown), ("json", as_json)) if on]
    if len(kinds) > 1:
        raise UsageError("Choose one of --html, --md and --json.")
    if output is not None and not kinds:
        raise UsageError("With --output, say what to write: --html, --md or --json.")
    from servemark.cli.reporting import export_report, show_report
    from servemark.store import find_run

    folder = find_run(_project(context).runs, name)
    if exports:
        export_report(folder, exports)
    if kinds or not exports:
        show_report(folder, kinds[0] if kinds else None, output)


@app.command()
def train(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="Model to train.")] = "mnist",
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for the exports; by default the model's own."),
    ] = None,
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder with the data; nothing is fetched then."),
    ] = None,
    subset: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Train on this many images only."),
    ] = None,
    epochs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="At most this many epochs."),
    ] = None,
) -> None:
    """Train a model and export it in every format."""
    from servemark.cli.training import train_model

    train_model(_project(context), model, out, data, subset, epochs)


@app.command()
def calibrate(
    context: typer.Context,
    quick: Annotated[bool, typer.Option("--quick", help="A first look, in a minute.")] = False,
    former: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from", help="Show a former calibration: a file that --json printed."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Write the results as Markdown to this file."),
    ] = None,
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Draw errors and speed into this file: .svg or .png."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the load engine against a server whose times are known, beside other generators."""
    from servemark.cli.calibrating import calibrate_engine

    command = shlex.join(["servemark", *sys.argv[1:]])
    calibrate_engine(_project(context), quick, former, as_json, output, plot, command)


app.command("attack")(attack_command)
app.command("compare")(compare_command)
app.command("ui")(ui_command)
app.command("publish")(publish_command)
app.add_typer(model_app)


def main() -> None:
    """Run the command line; errors are one sentence on stderr and an exit status."""
    with ended_in_order():
        try:
            app()
        except UsageError as error:
            _complain(error, USED_WRONGLY)
        except ServemarkError as error:
            _complain(error, FAILED)


def _complain(error: ServemarkError, status: int) -> None:
    complaints.print(f"servemark: {error}", style="red", markup=False, soft_wrap=True)
    sys.exit(status)


def _project(context: typer.Context) -> Project:
    project: Project = context.obj
    return project


def _exit_by(passed: bool) -> None:
    if not passed:
        raise typer.Exit(FAILED)
