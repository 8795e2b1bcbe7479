"""Versions of the core's own stages; each is part of its stage's key.

Raise one when the same inputs give another result, and say so in the changelog: every cached
result of that stage and of the ones after it becomes stale.
"""

PREP = 1
TRAIN = 1
PREDICT = 1
SCORE = 1
SEGMENT = 1
