import pytest

from synthbench.store.keys import canonical, digest

PAYLOAD = {"stage": "train", "b": [1, 2.5, None, True], "a": {"ü": "x", "lr": 1e-4}}


def test_golden_digest() -> None:
    """Changing how keys are made throws away every user's results: a decision, not an accident."""
    assert canonical(PAYLOAD) == (
        '{"a":{"lr":0.0001,"\\u00fc":"x"},"b":[1,2.5,null,true],"stage":"train"}'
    )
    assert digest(PAYLOAD) == "52915663a3350e74"


def test_order_of_entries_does_not_matter() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest({"x": value})


def test_objects_are_refused() -> None:
    with pytest.raises(TypeError):
        digest({"x": object()})
