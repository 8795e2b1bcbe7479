"""What became of each installed plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: ``broken``: it raised or declared something invalid; ``incompatible``: written for another
#: version of the interface; ``conflict``: two distributions claim its name, so neither is loaded;
#: ``disabled``: left out by ``SYNTHBENCH_PLUGINS`` or ``--no-plugins``.
PluginState = Literal["ok", "broken", "incompatible", "conflict", "disabled"]


@dataclass(frozen=True)
class PluginStatus:
    """One plugin and how loading it went.

    Attributes:
        name: Entry-point name.
        dist: Distribution that brings it; ``""`` for one registered by the running program.
        version: Version of that distribution.
        state: See :data:`PluginState`.
        error: Why it is not usable, one line.
        hint: What to do about it, one line.
        traceback: Where it went wrong, for its author.
        seconds: Time spent loading it.
        warnings: What its author should look at although it works.
    """

    name: str
    dist: str
    version: str
    state: PluginState = "ok"
    error: str = ""
    hint: str = ""
    traceback: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether its components can be used."""
        return self.state == "ok"

    @property
    def deliberate(self) -> bool:
        """Whether it is as its user wanted it: working, or switched off."""
        return self.state in ("ok", "disabled")
