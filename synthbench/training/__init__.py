"""One training loop for every method.

components.py   builds translator, discriminators, losses and pairs from a recipe
optimisers.py   optimisers, learning-rate schedules, loss ramps, budgets
precision.py    device, autocast and gradient scaling
step.py         one step: discriminators, then generator
checkpoint.py   the full state, so that a resumed run equals an uninterrupted one
losses.py       loss curves as a table
engine.py       the loop over stages and steps
"""
