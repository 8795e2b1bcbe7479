"""What the score stage hands to evaluators."""

from pathlib import Path

from synthbench.execution import stages
from synthbench.registry import Registry
from synthbench.store.atomic import read_json
from synthbench.volumes.prepared import Prepared
from tests.execution.test_runs import MakeSuite, run


def test_windows_scale_and_missing_predictions_reach_the_evaluators(
    registry: Registry, suite: MakeSuite, tmp_path: Path
) -> None:
    chosen = suite(methods=["identity"])
    plan, writer, _ = run(registry, chosen, tmp_path / "out")
    (cell,) = plan.cells
    job = plan.preps[cell.prep]
    prepared = Prepared(job.stage(writer.store).path)
    folder = cell.stage(writer.store, "predict").path
    seams = read_json(folder / "seams.json")
    first, second = cell.test
    (folder / f"{second}.npy").unlink()

    found = list(stages._cases(cell, job, prepared, folder, lambda _: None))
    assert [case.subject for case in found] == [first, second]
    assert found[0].seams == tuple(tuple(axis) for axis in seams[first])
    assert found[0].low is None  # of arbitrary unit
    assert found[0].prediction.shape == found[0].target.shape
    assert found[1].prediction.size == 0

    rows = registry.get("evaluators", "iqa").resolve()().evaluate(found)
    details = {row.detail for row in rows if row.subject == second}
    assert details == {"the prediction is missing"}
