"""The whole way of a third party's package: pip install, then it is simply there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.virtual import make_environment, output

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that sees this environment, plus a good and a broken plugin of its own."""
    folder = tmp_path_factory.mktemp("third-party")
    # pip builds inside the source folder; keep the repository clean.
    sources = [
        shutil.copytree(FIXTURES / name, folder / name)
        for name in ("synthbench-acme", "synthbench-broken")
    ]
    return make_environment(folder, *sources)


def test_both_are_listed_with_their_state(python: Path) -> None:
    listing = json.loads(output(python, "-m", "synthbench", "list", "--json"))
    plugins = {(row["dist"], row["version"]): row for row in listing["plugins"]}
    assert plugins["synthbench-acme", "1.2.0"]["state"] == "ok"
    broken = plugins["synthbench-broken", "0.3.0"]
    assert broken["state"] == "broken"
    assert broken["error"] == "ImportError: the frobnicator is not installed"
    assert {row["id"] for row in listing["methods"]} > {"acme/acme_blur", "core/identity"}


def test_the_method_joins_all(python: Path) -> None:
    code = (
        "from synthbench.registry import load_registry\n"
        "print(*[e.id for e in load_registry().select('methods', ['all'])])"
    )
    assert "acme/acme_blur" in output(python, "-c", code).split()


def test_its_classes_can_be_used(python: Path) -> None:
    code = (
        "import torch\n"
        "from synthbench.api import Prediction, Setting\n"
        "from synthbench.registry import load_registry\n"
        "r = load_registry()\n"
        "net = r.get('translators', 'learned_blur').resolve()(Setting(source_channels=2))\n"
        "loss = r.get('losses', 'charbonnier').resolve()(Setting(), epsilon=0.5)\n"
        "fake = net(torch.full((1, 2, 4, 4, 4), 0.5))\n"
        "print(fake.shape[1], round(fake[0, 0, 1, 1, 1].item(), 4))\n"
        "print(loss(Prediction([fake], [fake]), {}).item())"
    )
    assert output(python, "-c", code).split() == ["1", "0.5", "0.5"]


def test_asking_for_the_broken_one_is_its_own_error(python: Path) -> None:
    out = output(python, "-m", "synthbench", "info", "broken", code=5)
    assert "pip uninstall synthbench-broken" in out
