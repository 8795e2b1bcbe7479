import re
from pathlib import Path

import pytest
import yaml

from synthbench.api import DataError, UsageError
from synthbench.suite import TaskChoice, make_suite, parse_assignments, read_suite

DOCS = Path(__file__).parent.parent / "docs" / "suites.md"


def test_the_documented_suite_is_valid() -> None:
    text = DOCS.read_text()
    found = re.search(r"<!-- test:suite -->\n```yaml\n(.*?)```", text, re.DOTALL)
    assert found
    suite = make_suite(yaml.safe_load(found.group(1)))
    assert suite.datasets[0].tasks[1] == TaskChoice(source=("t1", "t2"), target="flair")
    assert suite.datasets[1].name == "phantom"
    assert suite.split.folds == 5
    assert suite.set_for["pix2pix_resunet"] == {"batch": 2}


def test_assignments_go_to_every_method_or_to_one() -> None:
    everywhere, single = parse_assignments(
        ["batch=2", "optimiser.lr=1e-3", "mine.patch.size=[8,8,1]", "mine.losses=l1@100"]
    )
    assert everywhere == {"batch": 2, "optimiser.lr": "1e-3"}  # YAML 1.1 reads 1e-3 as text
    assert single == {"mine": {"patch.size": [8, 8, 1], "losses": "l1@100"}}


@pytest.mark.parametrize("text", ["batch", "=3", "batch=[1,"])
def test_malformed_assignments_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_assignments([text])


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"metods": ["all"]}, "metods"),
        ({"datasets": [{"name": "x", "tasks": ["t1 t2"]}]}, "source -> target"),
        ({"split": {"kind": "holdout", "test": 1.5}}, "split.test"),
        ({"split": {"kind": "kfold", "folds": 1}}, "split.folds"),
        ({"split": {"kind": "counts", "train": 3}}, "needs 'test'"),
        ({"split": {"kind": "counts", "train": 3, "test": 0.5}}, "split.test"),
        ({"split": {"kind": "kfold", "test": 0.5}}, "'test' means nothing to kind kfold"),
        ({"split": {"kind": "file"}}, "needs 'file'"),
        ({"spacing": "median"}, "spacing"),
        ({"spacing": [1, 0, 1]}, "spacing"),
        ({"spacing": float("inf")}, "spacing"),
        ({"crop": -1}, "crop"),
        ({"crop": float("inf")}, "crop"),
        ({"unusable": "ignore"}, "unusable"),
        ({"methods": [{"name": "Bad Name", "base": "x"}]}, "methods"),
        ({"preset": "huge"}, "preset"),
    ],
)
def test_errors_name_the_field(data: dict[str, object], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_suite(data, "suite.yaml")
    assert where in caught.value.message
    assert caught.value.message.startswith("suite.yaml: ")


@pytest.mark.parametrize("content", ["methods: [", "- a\n- b\n"])
def test_a_file_that_is_no_suite(tmp_path: Path, content: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match=r"suite\.yaml"):
        read_suite(path)
    with pytest.raises(DataError, match=r"absent\.yaml"):
        read_suite(tmp_path / "absent.yaml")


def test_yaml_never_makes_objects(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("methods: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(DataError):
        read_suite(path)
