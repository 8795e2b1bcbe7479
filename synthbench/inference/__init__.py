"""Whole-volume translation.

window.py     sliding window over a volume of any size
translate.py  a trained translator applied to a prepared subject
"""
