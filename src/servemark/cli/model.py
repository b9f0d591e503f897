"""``servemark model``: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(
    name="model",
    help="The models that contestants can serve, and your own.",
    no_args_is_help=True,
)


@app.command("list")
def list_models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """The models: what they take, their formats, and what makes those that are not made yet."""
    from servemark.cli.modelling import show_models

    show_models(context.obj, as_json)


@app.command("add")
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The model: an ONNX image classifier.")],
    images: Annotated[Path, typer.Option(help="Folder of JPEG and PNG images to serve.")],
    labels: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation
        typer.Option(help="Names of the classes: a text file, one a line."),
    ] = None,
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Name of the model; by default that of the file."),
    ] = None,
    offset: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="x = (pixel + offset) · scale: one, or one a channel as -124,-116,-104."),
    ] = None,
    scale: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="One, or one a channel, such as 1/255. Unless given: 1/255."),
    ] = None,
    resize: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="nearest (unless given) or bilinear."),
    ] = None,
    activation: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Of the output: softmax, logits or none; else from the graph."),
    ] = None,
    size: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="HEIGHTxWIDTH, where the graph leaves it open."),
    ] = None,
    layout: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="NCHW or NHWC, where the graph does not tell."),
    ] = None,
    channels: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="1 or 3, where the graph does not tell."),
    ] = None,
    output: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Name of the output, where there are several."),
    ] = None,
    answer: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Name of the answer's field; 'class' unless given."),
    ] = None,
    title: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="For reports; the file's name unless given."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the model of that name.")
    ] = False,
    board: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--run", metavar="BOARD", help="Then measure this board with the model."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Make a model of an ONNX file and a folder of images, for every contestant to serve."""
    from servemark.cli.modelling import make_model

    settings = {
        "title": title,
        "layout": layout,
        "size": size,
        "channels": channels,
        "offset": offset,
        "scale": scale,
        "resize": resize,
        "activation": activation,
        "output": output,
        "answer": answer,
    }
    make_model(context.obj, file, images, labels, name, replace, settings, board, as_json)
