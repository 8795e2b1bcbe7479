"""Documentation that can go stale is compared with what it describes, and its examples are run."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from synthbench.api import Batch, Case, DataError, Recipe, Setting, hooks
from synthbench.api.errors import SynthbenchError
from synthbench.cli import COMMANDS
from synthbench.registry import Registry
from synthbench.registry.recipes import recipe_of
from tests.fake_plugins import Site

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
HOOKS = [name for name in vars(hooks) if name.startswith("synthbench_")]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_exact_signature(name: str) -> None:
    signature = inspect.signature(getattr(hooks, name))
    written = str(signature).replace("'", "").replace("|", r"\|")  # as inside a markdown table
    assert f"`{name}{written}`" in (ROOT / "docs" / "plugins.md").read_text()


def test_no_hook_is_documented_that_does_not_exist() -> None:
    documented = set(re.findall(r"`(synthbench_\w+)\(", (ROOT / "docs" / "plugins.md").read_text()))
    assert documented == set(HOOKS)


@pytest.mark.parametrize("name", ["report", "figure"])
def test_every_option_of_a_report_is_documented(name: str) -> None:
    text = (ROOT / "docs" / "reports.md").read_text()
    module = import_module(f"synthbench.cli.{name}")
    options = {
        option
        for parameter in module.command.params
        for option in parameter.opts
        if option.startswith("--")
    }
    assert {"--metrics", "--out"} <= options
    assert not [option for option in sorted(options) if not re.search(rf"`{option}\b", text)]


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The example of docs/plugins.md, installed as it stands there."""
    site = Site(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "acme"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "acme").mkdir()
    for block in blocks(ROOT / "docs" / "plugins.md", "python"):
        first, _, source = block.partition("\n")
        (tmp_path / first.removeprefix("# ")).write_text(source)
    site.install("acme", "from acme.plugin import *", header="")
    return site.registry()


def test_the_example_plugin_loads_without_a_word(acme: Registry) -> None:
    (status,) = acme.plugins
    assert (status.state, status.error, status.warnings) == ("ok", "", ())
    assert [entry.name for entry in acme.select("methods", ["all"])] == ["small_gan"]
    assert recipe_of(acme.get("methods", "small_gan").spec, "smoke").translator.params == {
        "channels": 4
    }


def test_the_example_networks_train(acme: Registry) -> None:
    setting = Setting(source_channels=2, condition_channels=2)
    net = acme.get("translators", "small_net").resolve()(setting, channels=2)
    critic = acme.get("discriminators", "critic").resolve()(setting, channels=2)
    loss = acme.get("losses", "charbonnier").resolve()(setting)
    prediction = net.predict(
        Batch(source=torch.rand(1, 2, 4, 5, 6), target=torch.rand(1, 1, 4, 5, 6))
    )
    judged = critic(prediction.fake, prediction.condition)
    assert judged.logits[0].shape == (1, 1, 4, 5, 6)
    (loss(prediction, {}) + judged.logits[0].mean()).backward()
    assert all(p.grad is not None for p in (*net.parameters(), *critic.parameters()))


def test_the_example_dataset_lists_subjects(acme: Registry, tmp_path: Path) -> None:
    scans = acme.get("datasets", "scans").resolve()()
    root = tmp_path / "data"
    (root / "b").mkdir(parents=True)
    with pytest.raises(DataError):
        scans.subjects(root)
    for name in ("b", "a"):
        (root / name).mkdir(exist_ok=True)
        (root / name / "t1.nii.gz").touch()
    assert [subject.id for subject in scans.subjects(root)] == ["a", "b"]


def test_the_example_evaluator_scores(acme: Registry) -> None:
    ones = np.ones((2, 2, 2), np.float32)
    mask = ones > 0
    mask[0] = False
    case = Case("s", ones * 0.75, ones * 0.5, ones[None], mask, scale=100, unit="HU")
    (score,) = acme.get("evaluators", "bias").resolve()().evaluate([case])
    assert (score.value, score.voxels, score.unit) == (25.0, 4, "HU")


def test_the_readmes_plugin_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = blocks(ROOT / "README.md", "python")
    monkeypatch.syspath_prepend(tmp_path)
    site = Site(tmp_path)
    site.install("acme", source, header="")
    registry = site.registry()
    assert registry.plugins[0].error == ""
    assert [entry.id for entry in registry.all("methods")] == ["acme/acme"]


def test_the_documented_recipe_is_one() -> None:
    (text,) = blocks(ROOT / "docs" / "plugins.md", "yaml")
    recipe = Recipe.model_validate(yaml.safe_load(text))
    assert recipe.discriminators[0].adversarial.name == "lsgan"
    assert recipe.losses[0].weight == 10


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_pages_named_in_messages_exist() -> None:
    sources = [*(ROOT / "synthbench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    named = {page for file in sources for page in re.findall(r"docs/[\w/]+\.md", file.read_text())}
    assert named
    assert {page for page in named if not (ROOT / page).exists()} == set()


def command_lines() -> list[list[str]]:
    lines = []
    for page in PAGES:
        for block in blocks(page, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                words = line.partition("#")[0].split()
                if words and words[0].rpartition("/")[2] == "synthbench":
                    lines.append(words[1:])
    return lines


def test_documented_commands_and_options_exist() -> None:
    lines = command_lines()
    assert len(lines) > 5
    for words in lines:
        command = import_module(COMMANDS[words[0]][0]).command
        if hasattr(command, "commands"):
            command = command.commands[words[1]]
        known = {name for parameter in command.params for name in parameter.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert given <= known, " ".join(words)


def test_exit_codes_in_the_readme() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    listed = {int(code) for code in re.findall(r"(\d+) [a-z ]+", text.partition("Exit codes: ")[2])}
    codes = {0, 3, 130} | {kind.exit_code for kind in (SynthbenchError, *_subclasses())}
    assert codes <= listed


def _subclasses() -> list[type[SynthbenchError]]:
    return SynthbenchError.__subclasses__()


def test_the_folder_map_is_complete() -> None:
    text = (ROOT / "README.md").read_text()
    for child in (ROOT / "synthbench").iterdir():
        if child.is_dir() and (child / "__init__.py").exists():
            assert f"`synthbench/{child.name}/`" in text


def test_ci_runs_the_readmes_own_test_commands() -> None:
    """Read with the very program that .ci/run uses, so this fails if marker or fence change."""
    script = (ROOT / ".ci" / "run").read_text()
    program = re.search(r"^awk '(.*?)' README\.md", script, re.MULTILINE | re.DOTALL)
    assert program is not None
    done = subprocess.run(
        ["awk", program.group(1), ROOT / "README.md"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "python3 -m venv .venv",
        ".venv/bin/pip install -c constraints/cpu.txt -e '.[dev]'",
        ".venv/bin/python -m pytest -n 2",
    ]
