"""Each check fails on a component that breaks just its promise, and says how in one line."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from synthbench.testing.checks import Check, Result, checks_of, checks_up_to, run
from synthbench.testing.specimens import Specimen, select
from tests.testing import toys
from tests.testing.toys import name_of


@cache
def specimens() -> dict[str, Specimen]:
    return {s.label: s for s in select(toys.registry(), "toys")}


def specimen(kind: str, name: str) -> Specimen:
    return specimens()[f"{kind}:toys/{name}"]


def check_named(name: str, on: Specimen) -> Check:
    return next(each for each in checks_of(on, 1) if each.name == name)


def result(kind: str, name: str, check: str) -> Result:
    on = specimen(kind, name)
    return run(check_named(check, on), on)


STATIC = [
    ("translators", "two_lines", "names", "the summary must be one line"),
    ("methods", "odd_key", "json", "recipe has the key 1: keys must be text"),
    ("translators", "no_class", "target", "cannot import tests.testing.toy_networks:Gone"),
    ("translators", "no_net", "target", "is not a synthbench.api.Translator"),
    ("translators", "version_zero", "versions", "code_version is 0"),
    ("translators", "version_true", "versions", "code_version is True"),
    ("evaluators", "version_zero", "versions", "version of error is 0"),
    ("translators", "preflight", "preflight", "not a list"),
    ("translators", "preflight_pairs", "preflight", "not a pair of texts"),
    ("translators", "remarks", "remarks", "not a list of texts"),
    ("translators", "remarks_fail", "remarks", "RuntimeError: out of order (toys.py:"),
    ("methods", "no_translator", "recipes", "preset smoke: translators: there is no 'gone'"),
    ("methods", "no_preset", "recipes", "is not an adversarial pair"),
    ("methods", "no_base", "variant-of", "there is no 'gone'"),
    ("methods", "variants_variant", "variant-of", "is itself a variant of net"),
    ("datasets", "unknown_modality", "tasks-declared", "flair is not in modalities"),
    ("segmenters", "odd_preset", "presets", "preset quick: toys/odd_preset has no parameter"),
    ("datasets", "unlicensed", "tasks-declared", "licence and obtain must be stated"),
]

NETS = [
    ("shape", "forward", "shape (2, 1, 16, 16, 15) for (2, 1, 16, 16, 16)"),
    ("nan", "forward", "NaN"),
    ("in place", "forward", "it changes its input"),
    ("odd sizes", "any-size", "returned shape (1, 1, 12, 17, 9) for (1, 1, 13, 17, 9)"),
    ("levels", "predict", "levels is 2"),
    ("condition", "predict", "condition (2, 1, 8, 16, 16) beside fake[0] of (16, 16, 16)"),
    ("idle parameter", "gradients", "stage main: no gradient reaches idle"),
    ("nan", "gradients", "gradient not finite"),
    ("counts", "repeats", "two translations with the same seed differ"),
    ("unseeded", "repeats", "two translations with the same seed differ"),
    ("forgets", "state-dict", "rebuilt from its state dict, it translates differently"),
    ("keeps graph", "deep-copy", "RuntimeError: Only Tensors created explicitly"),
]

METHODS = [
    ("nan", "trains-and-translates", "training diverged"),
    (
        "unseeded",
        "same-seed-same-weights",
        "a second training with the same seed ends with another",
    ),
    ("counts steps", "resumes", "a training continued after a stop ends with another net.0.weight"),
    ("relative file", "keeps-to-its-folder", "leftover.txt"),
    ("environment", "keeps-settings", "it changes environment variable TOY_SETTING"),
    ("threads", "keeps-settings", "it changes torch's number of threads"),
    ("one source only", "two-sources", "but got 2 channels instead"),
]

CRITICS = [
    ("nan", "logits", "logits are NaN or infinite"),
    ("in place", "logits", "it changes its input"),
    ("sigmoid", "raw-logits", "a sigmoid?"),
    ("one level", "resolutions", "AssertionError (toy_networks.py:"),
    ("wants condition", "conditions", "AssertionError (toy_networks.py:"),
    ("halves", "sides", "16x14x1: RuntimeError, not a SynthbenchError that names the limit"),
    ("dense", "dense", "dense is False, but a patch (16, 16, 16) gives maps [(16, 16, 16)]"),
    ("featureless", "features", "features is True, but 0 are returned"),
    ("detached", "features", "features is False, but 1 are returned"),
    ("detached", "gradients", "no gradient reaches the image"),
    ("idle parameter", "gradients", "no gradient reaches idle"),
]

DISTANCES = [
    ("map", "scalar", "not a scalar"),
    ("nan", "scalar", "one level: it is nan"),
    ("detached", "scalar", "it does not depend on the synthetic image"),
    ("in place", "scalar", "it changes its input"),
    ("one level", "resolutions", "AssertionError (toy_losses.py:"),
    ("volumes only", "sides", "AssertionError (toy_losses.py:"),
    ("confident", "needs", "needs is (), but with no discriminator (exactly that): StopIteration"),
    ("everybody", "needs", "needs is (dense), but with dense (in company): RuntimeError"),
    ("backwards", "least-for-equal", "0 for equal images, -0.0"),
    ("counts", "keeps-no-state", "using it changes uses"),
    ("statistics", "keeps-no-state", "using it changes norm.running_mean"),
]

PAIRS = [
    ("map", "scalars", "discriminator_loss of 1 level(s) has shape (2, 1, 4, 4, 4)"),
    ("nan", "scalars", "generator_loss of 1 level(s) is nan"),
    ("one level", "scalars", "AssertionError (toy_losses.py:"),
    ("detached", "gradients", "discriminator_loss gives first.weight no finite gradient"),
    ("remembers", "gradients", "generator_loss gives the real image a gradient"),
    ("swapped", "separation", "discriminator_loss is 2 when right, 0 when wrong"),
    ("helps", "separation", "generator_loss is 1 when called real, 0 else"),
    ("counts", "keeps-no-state", "using it changes uses"),
]

BALLS = [
    ("none", "subjects", "it lists no subject"),
    ("twice", "subjects", "subject id a occurs more than once"),
    ("order", "stable", "listed again, the subjects differ"),
    ("grid", "readable", "is not on the grid of t1"),
    ("fractions", "readable", "holds fractions, so it is not a label map"),
    ("regions", "readable", "region core is (0.5,)"),
    ("keys", "generated", "two volumes of a subject have the same key"),
    ("noise", "generated", "t1 of a comes out differently the second time"),
    ("disjoint", "prepares", "the foreground of subject a vanishes"),
]

ERRORS = [
    ("undeclared", "declared", "not declared: other"),
    ("unit", "declared", "error is in 'mm', declared is 'HU'"),
    ("backwards", "optimum", "lower is better, but with an error of 0.1"),
    ("silent nan", "no-number", "an empty mask: error (foreground) is nan and ok"),
    ("raises", "no-number", "an empty mask: ZeroDivisionError: no voxels"),
    ("blind", "direction", "does not see an error of 0.4"),
    ("backwards", "direction", "lower is better, but with an error of 0.4"),
    ("unmasked", "mask", "error (foreground) of one changes"),
    ("keeps", "one-at-a-time", "it keeps cases it has already scored"),
    ("stops", "one-at-a-time", "it reads 2 of 3 cases"),
    ("random", "repeats", "scored again, error (whole)"),
    ("writes", "repeats", "ValueError"),
]

NEAREST = [
    ("bool", "trains-and-segments", "odd: it gives bool, not uint8"),
    ("grid", "trains-and-segments", "odd: it gives shape (29, 17, 21) for (17, 29, 21)"),
    ("classes", "trains-and-segments", "it gives class 3 of 2"),
    ("skips", "trains-and-segments", "it segments 2 of 3 scans"),
    ("every class", "trains-and-segments", "AssertionError (toy_segmenters.py:"),
    ("writes", "trains-and-segments", "read-only"),
    ("percent", "progress", "it says 0 to 2, not within [0, 1]"),
    ("falls", "progress", "it says less than it said before"),
    ("learns on", "repeats", "asked again, it segments odd, small, thin in another way"),
    ("hoards", "one-at-a-time", "it keeps scans it has already read"),
    ("starts once", "interrupted", "continued after a stop: FileExistsError"),
    ("random", "same-seed", "trained again with the same seed, it segments"),
    ("leaves", "keeps-to-its-folder", "leftover.txt"),
    ("environment", "keeps-settings", "it changes environment variable TOY_SETTING"),
]


def _table() -> Iterator[tuple[str, str, str, str]]:
    yield from STATIC
    for kind, base, rows in (
        ("translators", "net", NETS),
        ("methods", "net", METHODS),
        ("discriminators", "critic", CRITICS),
        ("losses", "distance", DISTANCES),
        ("losses", "pair", PAIRS),
        ("datasets", "balls", BALLS),
        ("evaluators", "errors", ERRORS),
        ("segmenters", "nearest", NEAREST),
    ):
        for fault, check, reason in rows:
            yield kind, name_of(base, fault), check, reason


BROKEN = [
    *_table(),
    ("datasets", "absent_modality", "tasks", "task t1 -> flair: no subject has flair, t1"),
    ("datasets", "folders_accepts_anything", "refuses-a-foreign-folder", "accepts an empty folder"),
    ("datasets", "folders_no_hint", "refuses-a-foreign-folder", "its DataError has no hint"),
    ("discriminators", "claims_dense", "dense", "dense is True, but a patch (16, 16, 16) gives"),
]


@pytest.mark.parametrize(("kind", "name", "check", "reason"), BROKEN)
def test_a_broken_promise_fails_its_check(kind: str, name: str, check: str, reason: str) -> None:
    found = result(kind, name, check)
    assert (found.verdict, found.specimen, found.check) == ("fail", f"{kind}:toys/{name}", check)
    assert reason in found.reason
    assert "\n" not in found.reason


SOUND = [
    ("translators", "net"),
    ("methods", "net"),
    ("methods", "variant"),
    ("methods", "net_temporary_file"),
    ("discriminators", "critic"),
    ("discriminators", "critic_refuses_slices"),
    ("discriminators", "critic_unconditional"),
    ("losses", "distance"),
    ("losses", "pair"),
    ("datasets", "balls"),
    ("evaluators", "errors"),
    ("segmenters", "nearest"),
]


@pytest.mark.parametrize(("kind", "name"), SOUND)
def test_a_sound_component_passes_every_check(kind: str, name: str) -> None:
    on = specimen(kind, name)
    found = [run(check, on) for check in checks_of(on, 1)]
    assert [(r.check, r.reason) for r in found if r.verdict != "pass"] == []


def test_every_check_of_components_can_fail() -> None:
    shown = {(kind, check) for kind, _, check, _ in BROKEN}
    shown |= {(kind, check) for kind, check in ELSEWHERE}
    for check in checks_up_to(1):
        if check.kinds != ("plugins",):
            assert {kind for kind, name in shown if name == check.name} & {*check.kinds}, check.name


#: Shown to fail by the tests below.
ELSEWHERE = [("datasets", "reads-only")]


def test_a_file_left_in_the_home_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_HOME", str(tmp_path))
    found = result("methods", "net_absolute_file", "keeps-to-its-folder")
    assert (found.verdict, found.reason) == ("fail", f"it leaves {tmp_path / 'leftover.txt'}")


def test_a_dataset_that_writes_into_its_folder_is_found(tmp_path: Path) -> None:
    from tests.tiny import write_tree

    root = write_tree(tmp_path / "data", 1)
    for modality in ("t1", "t2"):
        (root / "s0" / f"s0_{modality}.nii.gz").rename(root / "s0" / f"{modality}.nii.gz")
    for name, verdict in (("folders", "pass"), ("folders_writes", "fail")):
        (on,) = select(toys.registry(), f"datasets:toys/{name}", root)
        found = run(check_named("reads-only", on), on)
        assert found.verdict == verdict
    assert found.reason == f"it changes {root / 'index.csv'}"
    assert [subject.name for subject in root.iterdir() if subject.is_dir()] == ["s0"]


def test_what_fails_in_preparation_fails_one_check_and_skips_the_others() -> None:
    on = specimen("methods", "no_translator")
    found = {r.check: r for r in (run(c, on) for c in checks_of(on, 1)) if r.level == 1}
    assert found.pop("trains-and-translates").verdict == "fail"
    assert {r.verdict for r in found.values()} == {"skip"}
    assert {r.reason for r in found.values()} == {"it needs what failed in another check"}


def test_a_check_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    import torch

    threads, home = torch.get_num_threads(), Path.cwd()
    result("methods", "net_threads", "keeps-settings")
    result("methods", "net_environment", "keeps-settings")
    result("translators", "net_environment", "forward")
    assert torch.get_num_threads() == threads
    assert Path.cwd() == home
    assert "TOY_SETTING" not in os.environ
