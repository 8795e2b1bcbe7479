from __future__ import annotations

import pytest
import yaml

from synthbench.cli import main
from tests.fake_plugins import BLUR, Site

EVERYTHING = """
@hookimpl
def synthbench_methods():
    return [MethodSpec(
        name="thing", summary="A method.", recipe={"translator": "thing", "losses": ["l1@10"]},
        presets={"smoke": {"budget": {"steps": 3}}}, paper="Doe et al. 2024", notes="random VGG",
        variant_of="other",
    )]

@hookimpl
def synthbench_translators():
    return [TranslatorSpec(name="thing", target="a.b:Thing", summary="A network.",
                           requires=("einops",), citation="Roe 2023")]

@hookimpl
def synthbench_datasets():
    return [DatasetSpec(
        name="scans", target="a.b:Scans", summary="Scans.", licence="CC BY 4.0",
        obtain="Write to the authors.", tasks=(Task(source=("t1", "t2"), target="ct"),),
        modalities={"ct": Intensity(kind="window", low=-1024, high=3000, unit="HU")},
        presets={"smoke": {"subjects": 2}},
    )]

@hookimpl
def synthbench_evaluators():
    return [EvaluatorSpec(name="judge", target="a.b:Judge", summary="Judges.", metrics=(
        Metric(name="mae", label="MAE", unit="target", data_range="fixed, 1.0", version=2,
               definition="mean |x - y|"),))]
"""


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["info", *arguments]) == 0
    return capsys.readouterr().out


def test_a_method_shows_its_recipe_as_yaml(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", EVERYTHING)
    out = shown(capsys, "acme/thing", "--kind", "methods")
    for text in ("A method.", "plugin acme of synthbench-acme 1.0", "Doe et al. 2024"):
        assert text in out
    assert "random VGG" in out and "variant of" in out
    _, _, rest = out.partition("recipe, preset paper:\n")
    paper, _, smoke = rest.partition("  preset smoke changes:\n")
    recipe = yaml.safe_load(paper)
    assert recipe["translator"]["name"] == "thing"
    assert recipe["losses"][0]["weight"] == 10
    assert recipe["budget"]["steps"] == 10_000
    smoke, _, quick = smoke.partition("  preset quick changes:\n")
    # The method's own value where it has one, else what the preset does to every method.
    assert yaml.safe_load(smoke) == {"budget.steps": 3, "patch.size": [32, 32, 32]}
    assert yaml.safe_load(quick) == {"budget.steps": 300}


def test_a_name_of_several_kinds_shows_them_all(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", EVERYTHING)
    out = shown(capsys, "thing")
    assert "acme/thing  (method)" in out and "acme/thing  (translator)" in out
    for text in ("a.b:Thing", "einops", "Roe 2023", "max sources:"):
        assert text in out


def test_a_dataset_shows_how_to_get_it_and_its_intensities(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", EVERYTHING)
    out = shown(capsys, "scans")
    for text in ("t1+t2 -> ct", "CC BY 4.0", "Write to the authors.", "HU", "subjects: 2"):
        assert text in out


def test_a_dataset_shows_the_parameters_of_its_reader(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "synthrad")
    _, _, listed = out.partition("  parameters:      --dataset-set NAME=VALUE\n")
    assert listed.splitlines()[0] == "    task (all): `1` (MR), `2` (CBCT) or `all`."
    assert "skull_stripped (true): " in shown(capsys, "hcp")


def test_a_reader_that_cannot_be_imported_is_no_obstacle(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", EVERYTHING)
    assert "parameters:      unknown: " in shown(capsys, "scans")


def test_an_evaluator_shows_its_definitions(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", EVERYTHING)
    out = shown(capsys, "judge")
    assert "MAE (mae): lower is better; version 2; unit: the target's, if it has one;" in out
    assert "data range: fixed, 1.0" in out
    assert "mean |x - y|" in out


def test_a_loss_shows_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, "l1")
    assert "core/l1  (loss)" in out and "adversarial:" in out


def test_a_plugin_shows_what_it_brings(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.install("acme", EVERYTHING)
    out = shown(capsys, "acme")
    assert "synthbench-acme 1.0" in out and "datasets:" in out and "scans" in out


def test_a_broken_plugin_shows_its_traceback_and_ends_with_5(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("dead", "import gone")
    assert main(["info", "dead"]) == 5
    out = capsys.readouterr().out
    assert "state:           broken" in out and "Traceback" in out


def test_a_component_of_a_broken_plugin_ends_with_5(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("dead", "import gone")
    assert main(["info", "dead/unet"]) == 5
    assert "plugin dead (synthbench-dead 1.0) is broken" in capsys.readouterr().err


def test_an_unknown_name_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "identiy"]) == 2
    error, hint = capsys.readouterr().err.splitlines()[-2:]
    assert error == "Error: nothing is called 'identiy'"
    assert hint == "hint: did you mean core/identity?"


def test_an_ambiguous_name_lists_its_meanings(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.install("acme", BLUR)
    site.install("zeta", BLUR)
    assert main(["info", "blur"]) == 2
    assert "write one of acme/blur, zeta/blur" in capsys.readouterr().err
