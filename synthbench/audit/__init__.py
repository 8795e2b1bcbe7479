"""Checks tables of means and standard deviations that somebody else made.

Nothing but the printed numbers is needed: they must agree with each other, with the marks beside
them and with what a mean over so many subjects can show. See ``docs/audit.md``.
"""

from synthbench.audit.findings import Finding, Severity
from synthbench.audit.inspect import audit
from synthbench.audit.reading import read
from synthbench.audit.table import Claim

__all__ = ["Claim", "Finding", "Severity", "audit", "read"]
