import csv
from collections.abc import Callable
from typing import Any

import pytest
import torch

from synthbench.api import DataError, SynthbenchError
from synthbench.registry import Registry
from synthbench.training import checkpoint
from synthbench.training.engine import Engine, Interrupted, TrainingJob

Make = Callable[..., TrainingJob]


def weights(job: TrainingJob) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = torch.load(job.folder / "model.pt", weights_only=True)
    return loaded


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


class StopAt:
    """Asks to stop after so many polls, as Ctrl-C would."""

    def __init__(self, polls: int) -> None:
        self.left = polls

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


RECIPES: dict[str, dict[str, Any]] = {
    "gan": {},
    "ema": {"ema": 0.9},
    "two critics, relative pair": {
        "discriminators": ["critic:relative@0.1", "critic:squared@0.2"],
        "losses": ["l1@10", "matching"],
    },
    "several critic steps on batches of their own": {
        "discriminator_steps": 2,
        "separate_batches": True,
    },
    "clipped sgd with cosine": {
        "clip_norm": 0.5,
        "optimiser": {"name": "sgd", "lr": 0.01},
        "schedule": {"kind": "cosine"},
    },
    "half precision": {"precision": "bf16"},
    "gated critic": {
        "discriminators": [
            {"name": "critic", "adversarial": "squared", "max_accuracy": 0.6, "weight": 0.1}
        ]
    },
    "stages": {"translator": "staged", "budget": {"steps": 8}},
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("stop", [1, 3, 6])
def test_an_interrupted_training_ends_with_the_same_weights(
    registry: Registry, make_job: Make, name: str, stop: int
) -> None:
    straight = make_job("straight", recipe=RECIPES[name])
    record = Engine(registry, straight).run()
    assert record["steps"] == 8
    assert not record["resumed"]

    broken = make_job("broken", recipe=RECIPES[name], should_stop=StopAt(stop))
    with pytest.raises(Interrupted):
        Engine(registry, broken).run()
    torch.manual_seed(12345)  # a new process has other random states
    torch.rand(17)
    again = make_job("broken", recipe=RECIPES[name])
    record = Engine(registry, again).run()
    assert record["resumed"]
    assert record["steps"] == 8
    assert same(weights(straight), weights(again))


def test_training_learns_and_keeps_its_loss_curve(registry: Registry, make_job: Make) -> None:
    job = make_job(
        recipe={
            "budget": {"steps": 60},
            "discriminators": [],
            "translator": {"name": "conv", "params": {"dropout": 0.0}},
            "optimiser": {"lr": 0.03},
        }
    )
    record = Engine(registry, job).run()
    with (job.folder / "losses.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert float(rows[-1]["l1"]) < 0.6 * float(rows[0]["l1"])
    assert {"stage", "step", "seconds", "lr", "l1", "generator"} <= set(rows[0])
    # conv: 1 -> 4 (27 weights each, 4 biases), batch norm 8, conv 4 -> 1.
    assert record["parameters"] == 4 * 27 + 4 + 8 + 4 + 1


def test_another_seed_gives_other_weights(registry: Registry, make_job: Make) -> None:
    one, two, three = make_job("a"), make_job("b", seed=8), make_job("c")
    for job in (one, two, three):
        Engine(registry, job).run()
    assert not same(weights(one), weights(two))
    assert same(weights(one), weights(three))


def test_a_diverging_training_stops_and_says_so(registry: Registry, make_job: Make) -> None:
    job = make_job(recipe={"translator": "broken"})
    with pytest.raises(SynthbenchError, match=r"diverged: .*generator.* not finite at step 1"):
        Engine(registry, job).run()
    assert not (job.folder / "model.pt").exists()


def test_without_a_budget_only_calibration_happens(registry: Registry, make_job: Make) -> None:
    recipe = {
        "translator": "calibrated",
        "discriminators": [],
        "losses": [],
        "budget": {"steps": 0},
    }
    job = make_job(recipe=recipe)
    record = Engine(registry, job).run()
    assert record["steps"] == 0
    expected = torch.stack([b.target.mean() for b in job.volumes() if b.target is not None]).mean()
    assert weights(job)["level"] == expected


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    registry: Registry, make_job: Make
) -> None:
    straight = make_job("straight")
    Engine(registry, straight).run()
    job = make_job("broken", should_stop=StopAt(5), checkpoint_seconds=0.0)
    with pytest.raises(Interrupted):
        Engine(registry, job).run()
    last = job.folder / "last.pt"
    last.write_bytes(last.read_bytes()[:200])
    again = make_job("broken")
    Engine(registry, again).run()
    assert same(weights(straight), weights(again))


def test_damaged_checkpoints_alone_are_an_error_not_a_silent_restart(
    registry: Registry, make_job: Make
) -> None:
    job = make_job()
    (job.folder / "last.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(DataError, match="no readable checkpoint"):
        Engine(registry, job).run()


def test_checkpoints_never_execute_pickles(make_job: Make) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (print, ("executed",))

    job = make_job()
    (job.folder / "last.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(DataError):
        checkpoint.load(job.folder)


def test_a_budget_in_minutes_stops_by_the_clock(registry: Registry, make_job: Make) -> None:
    job = make_job(recipe={"budget": {"minutes": 0.01}})
    record = Engine(registry, job).run()
    assert record["steps"] >= 1
    assert 0.6 <= record["seconds"] < 10


def test_progress_is_reported(registry: Registry, make_job: Make) -> None:
    told: list[Any] = []
    Engine(registry, make_job(report=told.append)).run()
    assert [t["step"] for t in told] == list(range(1, 9))
    assert told[-1]["fraction"] == 1.0
    assert told[-1]["loss"] > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_the_record_says_which_precision_was_really_used(
    registry: Registry, make_job: Make, precision: str
) -> None:
    """fp16 is for GPUs; on a CPU training is in float32 then, and the record says so."""
    record = Engine(registry, make_job(recipe={"precision": precision})).run()
    on_cpu = not torch.cuda.is_available()
    assert record["precision"] == ("fp32" if on_cpu and precision == "fp16" else precision)
