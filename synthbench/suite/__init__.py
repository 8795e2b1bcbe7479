"""What to run: methods x datasets x tasks x folds x seeds, from a YAML file or the command line."""

from synthbench.suite.choices import DatasetChoice, MethodChoice, SplitChoice, TaskChoice
from synthbench.suite.model import Suite
from synthbench.suite.published import Published, PublishedColumn, PublishedRow, PublishedTask
from synthbench.suite.reading import make_suite, parse_assignments, read_suite

__all__ = [
    "DatasetChoice",
    "MethodChoice",
    "Published",
    "PublishedColumn",
    "PublishedRow",
    "PublishedTask",
    "SplitChoice",
    "Suite",
    "TaskChoice",
    "make_suite",
    "parse_assignments",
    "read_suite",
]
