"""Columns of the result tables that a run collects and a report reads."""

SCORE_COLUMNS = (
    *("dataset", "task", "method", "fold", "seed", "subject", "region", "evaluator", "metric"),
    *("metric_version", "value", "unit", "voxels", "status", "detail"),
)
#: Folder below a run's that holds what `synthbench segment` found, a sub-folder a segmenter.
SEGMENTATION = "segmentation"
SEGMENTER_COLUMNS = (
    *("label", "dataset", "task", "method", "fold", "seed", "state", "message"),
    *("train_subjects", "test_subjects", "seconds_train", "seconds_predict"),
    *("peak_rss_mb", "peak_vram_mb"),
)
CELL_COLUMNS = (
    *("label", "dataset", "task", "method", "fold", "seed", "state", "seconds_prep"),
    *("seconds_train", "seconds_predict", "seconds_score", "volumes", "threads"),
    *("peak_rss_train_mb", "peak_rss_predict_mb", "peak_vram_train_mb", "peak_vram_predict_mb"),
    *("parameters", "steps", "message", "resumed", "train_dir", "predict_dir", "prep_dir"),
)
