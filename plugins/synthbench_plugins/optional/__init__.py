"""Packages that only some components need, and what they need to be imported."""
