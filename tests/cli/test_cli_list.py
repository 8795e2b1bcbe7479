from __future__ import annotations

import json

import pytest

from synthbench.cli import main
from tests.fake_plugins import BLUR, Site

KINDS = ["methods", "translators", "discriminators", "losses", "datasets", "evaluators"]
KINDS += ["segmenters", "plugins"]


def test_everything_as_json(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", BLUR)
    site.install("dead", "import gone")
    assert main(["list", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert list(listing) == KINDS
    (blur,) = [row for row in listing["methods"] if row["id"] == "acme/blur"]
    assert blur["dist"] == "synthbench-acme" and blur["recipe"] == {"translator": "blur"}
    states = {row["name"]: row["state"] for row in listing["plugins"]}
    assert states["acme"] == "ok" and states["dead"] == "broken"
    assert any(row["owner"] == "core" for row in listing["losses"])


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_as_a_table(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind]) == 0
    out = capsys.readouterr().out
    assert out.startswith(kind)
    assert not any(other in out.split()[0] for other in KINDS if other != kind)
    assert len(out.splitlines()) > 3


def test_the_table_of_plugins_says_why(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("dead", "import gone")
    assert main(["list", "plugins"]) == 0
    out, err = capsys.readouterr()
    assert "broken" in out and "ModuleNotFoundError: No module named 'gone'" in out
    assert "pip uninstall synthbench-dead" in out
    assert len(err.splitlines()) == 0  # the table says it all


def test_names_in_tables_are_the_shortest_that_work(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", BLUR)
    main(["list", "methods"])
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:] if line.strip()]
    assert "acme/blur" in names and "identity" in names


def test_variants_are_marked(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install(
        "acme",
        """
        @hookimpl
        def synthbench_methods():
            method = {"summary": "", "recipe": {"translator": "identity"}}
            return [MethodSpec(name="big", **method),
                    MethodSpec(name="small", variant_of="big", **method)]
        """,
    )
    main(["list", "methods"])
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("acme/small")]
    assert "variant of big" in line


def test_no_plugins_leaves_the_built_in_ones(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHBENCH_PLUGINS", "acme")  # restored after the test, whatever is set
    site.install("acme", BLUR)
    assert main(["--no-plugins", "list", "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert {row["owner"] for row in listing["methods"]} == {"core"}
    assert {"acme": "disabled"}.items() <= {
        r["name"]: r["state"] for r in listing["plugins"]
    }.items()
