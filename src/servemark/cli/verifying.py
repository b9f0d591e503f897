"""``servemark verify``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from servemark.catalog import Contestant, Model, select_contestants
from servemark.cli.battering import battery_lines
from servemark.cli.console import results
from servemark.cli.listing import variants_of
from servemark.cli.project import Project
from servemark.cli.selection import Field, cores_for, make_engine, make_workbench, prepared_field
from servemark.cli.stages import indented, shown_stages
from servemark.plan import obstacle
from servemark.records import (
    Battery,
    BatteryResult,
    Check,
    Exclusion,
    Variant,
    Verification,
)
from servemark.report.battery import battery_matrix
from servemark.report.wording import short_variant_names
from servemark.run import put_to_battery, verify_whole


def verify_contestants(
    project: Project,
    names: Sequence[str],
    runtimes: Sequence[str],
    model_name: str,
    golden_images: int | None,
    with_battery: bool,
    as_json: bool,
) -> bool:
    """Every line of the contract for every server of them, and the battery of bad inputs where it
    is wanted. Returns whether all passed."""
    contestants = project.contestants()
    model = project.model(model_name)
    chosen = select_contestants(contestants, names or ["*"])
    able, unable = _able(chosen, runtimes, model)
    found: list[Verification] = []
    batteries: list[BatteryResult] = []
    with shown_stages() as stages, tempfile.TemporaryDirectory(prefix="servemark-") as logs:
        field = Field(contestants, able, ())
        field, _ = prepared_field(field, project, project.toolbox(), stages)
        cores = cores_for(field.variants, 1)
        bench = make_workbench(project, field, model, make_engine("fake"), cores)
        stages.begin("Verifying", len(field.variants))
        for number, variant in enumerate(field.variants):
            stages.now(variant.id, number, len(field.variants))
            verification = verify_whole(bench, variant, Path(logs), golden_images)
            found.append(verification)
            if not as_json:
                stages.say(_headline(verification))
                for line in _faults(verification):
                    stages.say(line)
            if with_battery and verification.failure is None:
                batteries.append(put_to_battery(bench, variant, Battery(), Path(logs)))
                for line in [] if as_json else battery_lines(batteries[-1]):
                    stages.say(line)
            stages.step()
    if as_json:
        document = {
            "verifications": [
                {**each.model_dump(mode="json"), "id": each.variant.id, "passed": each.passed}
                for each in found
            ],
            "batteries": [
                {**each.model_dump(mode="json"), "id": each.variant.id, "passed": each.passed}
                for each in batteries
            ],
            "excluded": [each.model_dump(mode="json") for each in (*field.excluded, *unable)],
        }
        print(json.dumps(document, indent=2))
    else:
        _summarise(found, (*field.excluded, *unable))
        if batteries:
            shown = short_variant_names(each.variant for each in batteries)
            results.print(battery_matrix(batteries, shown))
    passed = all(each.passed for each in found) and all(each.passed for each in batteries)
    return bool(found) and not field.excluded and passed


def _able(
    contestants: Sequence[Contestant], runtimes: Sequence[str], model: Model
) -> tuple[tuple[Variant, ...], tuple[Exclusion, ...]]:
    """The variants that can serve the model, and why the others cannot: that is no fault."""
    able, unable = [], []
    for contestant in contestants:
        for variant in variants_of(contestant, runtimes):
            exclusion = obstacle(contestant, variant, model)
            if exclusion is None:
                able.append(variant)
            else:
                unable.append(exclusion)
    return tuple(able), tuple(unable)


def _headline(verification: Verification) -> str:
    colour, word = ("green", "right") if verification.passed else ("red", "wrong")
    parts = []
    for group in dict.fromkeys(check.group for check in verification.checks):
        members = [check for check in verification.checks if check.group == group]
        passed = sum(check.passed for check in members)
        parts.append(f"{group} {passed}/{len(members)}")
    return (
        f"[{colour}]{word}[/{colour}] [bold]{escape(verification.variant.id)}[/bold]: "
        + ", ".join(parts)
    )


def _faults(verification: Verification) -> list[str]:
    lines = [_fault(check) for check in verification.checks if not check.passed]
    if verification.failure is not None:
        lines.append(f"  [red]{escape(verification.failure)}[/red]")
        if verification.log_tail:
            lines.append(indented(verification.log_tail))
    lines += [
        f"  [yellow]limit[/yellow] {escape(check.name)}: {escape(check.limit)}"
        for check in verification.checks
        if check.limit is not None
    ]
    return lines


def _fault(check: Check) -> str:
    return (
        f"  [red]{escape(check.group)}: {escape(check.name)}[/red]\n"
        f"    expected {escape(check.expected)}\n    saw      {escape(check.seen)}"
    )


def _summarise(found: Sequence[Verification], excluded: Sequence[Exclusion]) -> None:
    passed = sum(each.passed for each in found)
    results.print(f"{passed} of {len(found)} variants keep the whole contract.")
    for each in excluded:
        remedy = f" ({each.remedy})" if each.remedy else ""
        results.print(escape(f"Not verified: {each.name}: {each.reason}{remedy}"))
