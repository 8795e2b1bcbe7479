"""Columns of the result tables that a run collects and a report reads."""

SCORE_COLUMNS = (
    *("dataset", "task", "method", "fold", "seed", "subject", "region", "evaluator", "metric"),
    *("metric_version", "value", "unit", "voxels", "status", "detail"),
)
CELL_COLUMNS = (
    *("label", "dataset", "task", "method", "fold", "seed", "state", "seconds_prep"),
    *("seconds_train", "seconds_predict", "seconds_score", "peak_rss_mb", "peak_vram_mb"),
    *("parameters", "steps", "message", "resumed", "train_dir", "predict_dir", "prep_dir"),
)
