"""Options that several commands share, and the suite fields that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

output_option = click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with all results.  [default: $SYNTHBENCH_OUTPUT or ./synthbench-output]",
)


def names(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Split ``a,b c`` given once or several times: a callback for options with ``multiple``."""
    return tuple(name for text in value for name in text.replace(",", " ").split())


dataset_set_option = click.option(
    "--dataset-set",
    "dataset_assignments",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of the dataset reader, e.g. --dataset-set subjects=12.",
)

_DATA = (
    click.option("--dataset", "-d", help="Dataset name."),
    click.option(
        "--data-root",
        type=click.Path(path_type=Path),
        help="The dataset's folder, or that of folders by dataset name.",
    ),
    click.option("--source", help="Source modality, or several separated by commas."),
    click.option("--target", help="Target modality."),
    click.option(
        "--preset", type=click.Choice(["smoke", "quick", "paper"]), help="Size of training."
    ),
    click.option(
        "--spacing",
        help="Voxel size in mm: one number, three separated by commas, or 'mean': that of the "
        "training subjects.",
    ),
    click.option(
        "--crop",
        type=click.FloatRange(min=0),
        metavar="MARGIN",
        help="Cut volumes to the foreground's bounding box and this margin in mm.",
    ),
    dataset_set_option,
    click.option(
        "--group-pattern", help="Regular expression; its group in a subject id: the patient."
    ),
    click.option(
        "--group-file",
        type=click.Path(path_type=Path),
        help="CSV with columns subject and patient.",
    ),
    click.option(
        "--leave-out-bad",
        is_flag=True,
        default=None,
        help="Go on without subjects that cannot be used; otherwise the run is refused.",
    ),
    click.option("--test", type=click.FloatRange(0, 1, True, True), help="Fraction held out."),
    click.option("--folds", type=click.IntRange(min=2), help="Cross-validate, so many folds."),
    click.option(
        "--split-counts",
        metavar="TRAIN,VALIDATION,TEST",
        help="Fixed numbers of patients, e.g. 200,60,94.",
    ),
    click.option(
        "--split-file",
        type=click.Path(path_type=Path),
        help="CSV (subject, role), JSON or YAML that says who trains and who tests.",
    ),
    click.option(
        "--split-by",
        type=click.Choice(["patient", "site"]),
        help="What stays on one side; with site and no --folds, one site at a time is tested.",
    ),
    click.option("--split-seed", type=int, help="Seed of the division into train and test."),
)


def data_options(function: Decorated) -> Decorated:
    """Add the options that say which volumes are used, how they are prepared and divided."""
    for option in reversed(_DATA):
        function = option(function)
    return function


def data_fields(data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What the options of :func:`data_options` change in a suite.

    Args:
        data: Fields of the suite file, or nothing.
        options: Values by parameter name.

    Returns:
        Fields of :class:`~synthbench.suite.Suite` that replace those of ``data``.

    Raises:
        UsageError: If options contradict each other or cannot be read.
    """
    simple: dict[str, Any] = {
        "preset": options["preset"],
        "spacing": _spacing(options["spacing"]),
        "crop": options["crop"],
        "unusable": "leave_out" if options["leave_out_bad"] else None,
        "split": _split(data, options),
    }
    fields = {name: value for name, value in simple.items() if value is not None}
    if roots := _roots(data, options):
        fields["datasets"] = roots
    elif dataset := _dataset(data, options):
        fields["datasets"] = [dataset]
    return fields


def dataset_parameters(assignments: Sequence[str]) -> dict[str, Any]:
    """Read the values of ``--dataset-set``; they are YAML.

    Raises:
        UsageError: If one is not ``NAME=VALUE``.
    """
    import yaml

    from synthbench.api import UsageError

    params = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--dataset-set {text!r} has no value", "write NAME=VALUE")
        try:
            params[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(
                f"--dataset-set {name}: {value!r} is not a YAML value", "put it in quotes"
            ) from error
    return params


def _dataset(data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The dataset the options describe, on top of the suite file's only one or the one named."""
    from synthbench.api import UsageError

    fields: dict[str, Any] = {
        "name": options["dataset"],
        "root": options["data_root"],
        "group_pattern": options["group_pattern"],
        "group_file": options["group_file"],
    }
    given = {name: value for name, value in fields.items() if value is not None}
    params = dataset_parameters(options["dataset_assignments"])
    if options["source"] or options["target"]:
        if not (options["source"] and options["target"]):
            raise UsageError("--source and --target belong together", "give both, or neither")
        given["tasks"] = [{"source": options["source"], "target": options["target"]}]
    listed = data.get("datasets", [])
    if not given and not params:
        return {}
    named = [{"name": each} if isinstance(each, str) else dict(each) for each in listed]
    wanted = given.get("name")
    same = [each for each in named if wanted is None or each.get("name") == wanted]
    base: dict[str, Any] = same[0] if len(same) == 1 else {}
    base |= given
    if params:
        base["params"] = {**base.get("params", {}), **params}
    if "name" not in base:
        raise UsageError("no dataset was given", "add --dataset, see `synthbench list datasets`")
    return base


def _roots(data: dict[str, Any], options: dict[str, Any]) -> list[dict[str, Any]]:
    """All datasets of a suite file with several, each in its folder of ``--data-root``."""
    listed = data.get("datasets", [])
    others = ("dataset", "source", "target", "group_pattern", "group_file", "dataset_assignments")
    if len(listed) < 2 or not options["data_root"] or any(options[name] for name in others):
        return []
    named = [{"name": each} if isinstance(each, str) else dict(each) for each in listed]
    if not all(isinstance(each.get("name"), str) for each in named):
        return []
    # What the file says of a dataset wins over a folder that is given for all of them.
    return [{"root": options["data_root"] / each["name"], **each} for each in named]


def _split(data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any] | None:
    from synthbench.api import UsageError

    kinds: dict[str, Callable[[Any], dict[str, Any]]] = {
        "test": lambda value: {"kind": "holdout", "test": value},
        "folds": lambda value: {"kind": "kfold", "folds": value},
        "split_counts": _counts,
        "split_file": lambda value: {"kind": "file", "file": value},
    }
    chosen = [name for name in kinds if options[name] is not None]
    if len(chosen) > 1:
        one, other = (f"--{name.replace('_', '-')}" for name in chosen[:2])
        raise UsageError(f"{one} and {other} contradict each other", "give one of them")
    given: dict[str, Any] = {}
    for name in chosen:
        given |= kinds[name](options[name])
    if options["split_by"] is not None:
        given["by"] = options["split_by"]
        if options["split_by"] == "site" and not chosen and not data.get("split"):
            given["kind"] = "kfold"
    if options["split_seed"] is not None:
        given["seed"] = options["split_seed"]
    if not given:
        return None
    base = dict(data.get("split") or {})
    if "kind" in given and given["kind"] != base.get("kind", "holdout"):
        base = {name: base[name] for name in ("by", "seed") if name in base}
    return {**base, **given}


def _counts(text: str) -> dict[str, Any]:
    from synthbench.execution.splits import parse_counts

    return parse_counts(text)


def _spacing(text: str | None) -> Any:
    if text is None or text == "mean":
        return text
    from synthbench.api import UsageError

    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3) or min(numbers) <= 0:
        raise UsageError(
            f"--spacing {text!r} is not a voxel size",
            "give one positive number in mm, three, or the word mean",
        )
    return numbers[0] if len(numbers) == 1 else numbers
