"""One view of a paper's figure: a slice, and a region of it enlarged where it hides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from synthbench.report.comparison import Comparison
from synthbench.report.figure import extent_of
from synthbench.report.paper_layout import Layout
from synthbench.report.planes import FloatArray
from synthbench.report.slices import show_slice
from synthbench.report.zoom import Zoom, free_corner

#: Side of an enlargement as a part of the smaller side of its slice.
_INSET = 0.38
_FRAME = "#ffd400"


@dataclass(frozen=True)
class View:
    """How one view is shown, in every column alike.

    Attributes:
        comparison: What the figure shows.
        index: Which of its planes this is.
        layout: Places and scale of the figure.
        zoom: Region that is enlarged in a corner, or ``None``.
    """

    comparison: Comparison
    index: int
    layout: Layout
    zoom: Zoom | None

    def show(
        self, axes: Any, image: FloatArray, window: Normalize, colours: str
    ) -> tuple[bool, bool]:
        """Show a slice and its enlargement; returns the enlargement's corner."""
        plane = self.comparison.planes[self.index]
        extent = extent_of(plane, self.comparison)
        axes.set_facecolor(matplotlib.colormaps[colours](0.0))
        show_slice(axes, image, extent, plane, window, colours)
        across = self.layout.column / self.layout.scale
        start = (extent[0] - across) / 2
        ends = (start, start + across)
        axes.set_aspect("auto")
        axes.set_xlim(*(ends[::-1] if plane.across == 0 else ends))
        if self.zoom is None:
            return True, False
        zoom = self.zoom
        axes.add_patch(
            Rectangle((zoom.left, zoom.bottom), zoom.side, zoom.side, fill=False, ec=_FRAME, lw=0.6)
        )
        side = _INSET * min(across, extent[1])
        size = side / across, side / extent[1]
        corner = self._corner(start, across, extent, size)
        inset = axes.inset_axes(
            ((1 - size[0]) * corner[0], (1 - size[1]) * corner[1], *size), zorder=3
        )
        inset.set_xticks([])
        inset.set_yticks([])
        show_slice(inset, image, extent, plane, window, colours)
        sides = (zoom.left, zoom.left + zoom.side)
        inset.set_xlim(*(sides[::-1] if plane.across == 0 else sides))
        inset.set_ylim(zoom.bottom, zoom.bottom + zoom.side)
        for spine in inset.spines.values():
            spine.set_visible(True)
            spine.set_edgecolor(_FRAME)
            spine.set_linewidth(0.8)
        return corner

    def _corner(
        self, start: float, across: float, extent: tuple[float, float], size: tuple[float, float]
    ) -> tuple[bool, bool]:
        assert self.zoom is not None
        plane, mask = self.comparison.planes[self.index], self.comparison.mask[self.index]
        step = extent[0] / mask.shape[1]
        beside = round(-start / step)
        mask = np.pad(mask, ((0, 0), (beside, beside)))
        left = (self.zoom.left - start) / across
        wide = self.zoom.side / across
        if plane.across == 0:
            mask, left = mask[:, ::-1], 1 - left - wide
        box = (left, self.zoom.bottom / extent[1], wide, self.zoom.side / extent[1])
        return free_corner(mask, box, size)
