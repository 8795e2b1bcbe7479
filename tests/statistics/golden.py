"""Golden data: 12 subjects, 4 methods, made from sines and rounded to three decimals."""

import numpy as np

I = np.arange(12)  # noqa: E741
BASE = 27 + 1.5 * np.sin(1.7 * I)
GOLDEN = {
    "A": np.round(BASE, 3),
    "B": np.round(BASE + 0.35 + 0.25 * np.cos(2.3 * I), 3),
    "C": np.round(BASE + 0.10 + 0.40 * np.sin(3.1 * I + 1), 3),
    "D": np.round(BASE - 0.60 + 0.30 * np.cos(1.1 * I + 2), 3),
}
MATRIX = np.array([GOLDEN[name] for name in "ABCD"])
