"""A contact sheet: one picture in every style, by every size of network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sim.deadline.plots import canvas
from stylize.pictures import Picture, as_bytes

_SIDE = 2.4  # inches


def contact_sheet(path: Path, content: Picture, painted: Mapping[tuple[str, str], Picture]) -> None:
    """Draw a content, and beside it what it became.

    Args:
        path: of the sheet.
        content: ``(3, H, W)``.
        painted: by style and size.
    """
    styles = list(dict.fromkeys(style for style, _ in painted))
    sizes = list(dict.fromkeys(size for _, size in painted))
    _, height, width = content.shape
    across, down = _SIDE * (len(styles) + 1), _SIDE * height / width * len(sizes)
    with canvas(path, across, down + 0.4) as drawing:
        grid = drawing.subplots(len(sizes), len(styles) + 1, squeeze=False)
        for row, size in enumerate(sizes):
            cells = [
                content if row == 0 else None,
                *(painted.get((style, size)) for style in styles),
            ]
            for axes, cell in zip(grid[row], cells, strict=True):
                axes.set_xticks([])
                axes.set_yticks([])
                axes.spines[:].set_visible(False)
                if cell is not None:
                    axes.imshow(as_bytes(cell))
            grid[row][1].set_ylabel(f"size {size}", fontsize=9)
        for axes, title in zip(grid[0], ["content", *styles], strict=True):
            axes.set_title(title.replace("_", " "), fontsize=9, parse_math=False)
