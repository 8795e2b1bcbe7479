"""synthbench: which method makes the better synthetic volume, and is the difference real?

Importing this package is cheap on purpose: no torch, numpy or pandas. Plugin authors
import ``synthbench.api``; everybody else uses the ``synthbench`` command.
"""

__version__ = "0.1.0"
