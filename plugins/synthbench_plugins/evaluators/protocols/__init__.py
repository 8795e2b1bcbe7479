"""Scores as published evaluators define them, one module a protocol."""
