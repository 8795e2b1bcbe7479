"""Synthetic to real: segmenters trained on a run's synthetic volumes, tested on real ones."""
