"""Two pictures: how the training went, and what the network looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.ticker import MaxNLocator, PercentFormatter

TRAINING, VALIDATION, MUTED, INK = "#0072b2", "#d55e00", "#6b7280", "#111827"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.alpha": 0.25,
}
# Without it matplotlib writes its version and the time into the file.
PLAIN = {"Software": None}


def draw_history(history: dict[str, Any], path: Path) -> None:
    """Loss, accuracy and learning rate over the epochs, with the epoch whose weights were kept."""
    rows = history["epochs"]
    epochs = [row["epoch"] for row in rows]
    with plt.rc_context(STYLE):
        figure, (loss, accuracy, rate) = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            axes.plot(
                epochs, [row[name] for row in rows], color=TRAINING, label="training, with dropout"
            )
            axes.plot(
                epochs,
                [row[f"validation_{name}"] for row in rows],
                color=VALIDATION,
                label="validation",
            )
            axes.legend(frameon=False)
        loss.set(title="Loss (cross-entropy + L2)", ylim=(0, None))
        accuracy.set_title("Accuracy")
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        rate.plot(epochs, [row["rate"] for row in rows], color=INK)
        rate.set(title="Learning rate", yscale="log")
        for axes in (loss, accuracy, rate):
            axes.axvline(history["best_epoch"], color=MUTED, linestyle=":", linewidth=1.2)
            axes.set_xlabel("epoch (dotted: weights kept)")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.savefig(path, dpi=100, metadata=PLAIN)
        plt.close(figure)


def draw_architecture(path: Path) -> None:
    """The layers from left to right, with what passes between them."""
    boxes = (
        ("image", "28 × 28 luma\nx = (255 − pixel) / 255", "#e5e7eb"),
        ("Dense 200", "ReLU, L2 0.001\n157,000 parameters", "#cfe8f5"),
        ("Dropout 0.2", "in training only", "#f3f4f6"),
        ("Dense 10", "softmax\n2,010 parameters", "#fbe0d0"),
        ("probabilities", "digit = the largest", "#e5e7eb"),
    )
    between = ("784", "200", "200", "10")
    width, height, gap = 2.1, 1.5, 0.75
    figure, axes = plt.subplots(figsize=(12, 2.3), layout="constrained")
    for at, (title, text, colour) in enumerate(boxes):
        left = at * (width + gap)
        axes.add_patch(
            FancyBboxPatch(
                (left, 0),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor=colour,
                edgecolor=MUTED,
                linestyle="--" if title.startswith("Dropout") else "-",
            )
        )
        axes.text(
            left + width / 2,
            1.02,
            title,
            ha="center",
            va="center",
            weight="bold",
            size=13,
            color=INK,
        )
        axes.text(left + width / 2, 0.48, text, ha="center", va="center", size=9.5, color=INK)
        if at:
            start, end = (left - gap + 0.06, height / 2), (left - 0.06, height / 2)
            axes.add_patch(
                FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=14, color=INK)
            )
            axes.text(
                left - gap / 2, height / 2 + 0.14, between[at - 1], ha="center", size=10, color=INK
            )
    axes.set(
        xlim=(-0.1, len(boxes) * (width + gap) - gap + 0.1),
        ylim=(-0.1, height + 0.1),
        aspect="equal",
    )
    axes.axis("off")
    figure.savefig(path, dpi=100, metadata=PLAIN)
    plt.close(figure)
