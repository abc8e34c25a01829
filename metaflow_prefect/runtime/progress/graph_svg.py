"""A flow's graph with the state of each step, as an SVG image; pure.

Prefect's current page draws Mermaid, its older one (still served beside it) shows Mermaid's source.
Both show an image in Markdown whose address is a `data:` URI; an SVG drawn here needs nothing else.
"""

from __future__ import annotations

import base64
import itertools
from html import escape

from metaflow_prefect.runtime.flow.graph import Step
from metaflow_prefect.runtime.progress.graph_layout import Edge, Layout, edges, layout
from metaflow_prefect.runtime.progress.in_words import counts, duration
from metaflow_prefect.runtime.progress.model import Progress, State, StepProgress

_BOX = (168, 46)
_PITCH = (196, 84)
"""From box to box, in pixels: across and down."""

_MARGIN = 18
_NAME_CHARACTERS = 21
_LABEL_CHARACTERS = 18
_DETAIL_CHARACTERS = 26

_COLORS = {
    State.WAITING: ("#f8fafc", "#cbd5e1", "#64748b"),
    State.RUNNING: ("#dbeafe", "#3b82f6", "#1e3a8a"),
    State.DONE: ("#d1fae5", "#10b981", "#064e3b"),
    State.FAILED: ("#fee2e2", "#ef4444", "#7f1d1d"),
    State.SUSPENDED: ("#fef3c7", "#f59e0b", "#78350f"),
}
"""Of a box, by the step's state: fill, border, text."""

_STYLE = (
    "text{font-family:ui-sans-serif,system-ui,sans-serif;font-size:11px}"
    ".n{font-size:13px;font-weight:600}"
    ".e{fill:none;stroke:#94a3b8;stroke-width:1.4}"
    ".l{fill:#64748b;font-size:10px;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:4px}"
)
_ARROW = (
    '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#94a3b8"/></marker>'
)


def data_uri(svg: str) -> str:
    """Return the image as an address that holds it."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")


def draw(steps: tuple[Step, ...], progress: Progress, now: float) -> str:
    """Return the graph of *steps* as SVG, each box colored by its state in *progress*."""
    placed = layout(steps)
    width = int((placed.width - 1) * _PITCH[0]) + _BOX[0] + 2 * _MARGIN
    height = (placed.rows - 1) * _PITCH[1] + _BOX[1] + 2 * _MARGIN
    lines = [line for edge in edges(steps) for line in _edge(edge, placed)]
    boxes = [_box(step, placed.places[step.name], progress, now) for step in progress.steps]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><style>{_STYLE}</style><defs>{_ARROW}</defs>'
        f'<rect width="{width}" height="{height}" rx="8" fill="#fff"/>'
        f"{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _center(place: tuple[float, int]) -> tuple[float, float]:
    x, row = place
    return _MARGIN + _BOX[0] / 2 + x * _PITCH[0], _MARGIN + _BOX[1] / 2 + row * _PITCH[1]


def _edge(edge: Edge, placed: Layout) -> tuple[str, ...]:
    if edge.source == edge.target:
        x, y = _center(placed.places[edge.source])
        right = x + _BOX[0] / 2
        path = f"M{right:.0f} {y - 10:.0f}c22 -6 22 26 2 20"
        # Right of the middle, where the label of the way on is.
        label = _label(edge.label, x + _BOX[0] / 3, y + _BOX[1] / 2 + 12)
        return (f'<path class="e" d="{path}" marker-end="url(#a)"/>', label)
    points = [_center(place) for place in placed.ways[edge]]
    half = _BOX[1] / 2
    (x0, y0), (x1, y1) = points[0], points[-1]
    points[0], points[-1] = (x0, y0 + half), (x1, y1 - half - 2)
    path = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for (ax, ay), (bx, by) in itertools.pairwise(points):
        middle = (ay + by) / 2
        path += f"C{ax:.0f} {middle:.0f} {bx:.0f} {middle:.0f} {bx:.0f} {by:.0f}"
    (ax, ay), (bx, by) = points[0], points[1]
    label = _label(edge.label, (ax + bx) / 2, (ay + by) / 2 + 4)
    return (f'<path class="e" d="{path}" marker-end="url(#a)"/>', label)


def _label(text: str, x: float, y: float) -> str:
    if not text:
        return ""
    return f'<text class="l" x="{x:.0f}" y="{y:.0f}">{escape(_cut(text, _LABEL_CHARACTERS))}</text>'


def _box(step: StepProgress, place: tuple[float, int], progress: Progress, now: float) -> str:
    x, y = (center - size / 2 for center, size in zip(_center(place), _BOX, strict=True))
    fill, stroke, ink = _COLORS[step.shown_state(progress.state)]
    size = f'width="{_BOX[0]}" height="{_BOX[1]}" rx="7" fill="{fill}" stroke="{stroke}"'
    behind = (
        f'<rect x="{x + 5:.0f}" y="{y + 5:.0f}" {size} opacity=".55"/>' if step.is_foreach else ""
    )
    seconds = step.seconds(progress.ended or now)
    parts = (_tasks(step), counts(step), "" if seconds is None else duration(seconds))
    detail = " · ".join(part for part in parts if part)
    # Text that is too long is condensed, so that it stays in the box.
    fitted = f' textLength="{_BOX[0] - 18}" lengthAdjust="spacingAndGlyphs"'
    squeeze = fitted if len(detail) > _DETAIL_CHARACTERS else ""
    return (
        f'{behind}<rect x="{x:.0f}" y="{y:.0f}" {size} stroke-width="1.5"/>'
        f'<text class="n" x="{x + 11:.0f}" y="{y + 19:.0f}" fill="{ink}">'
        f"{escape(_cut(step.name, _NAME_CHARACTERS))}</text>"
        f'<text x="{x + 11:.0f}" y="{y + 35:.0f}" fill="{ink}"{squeeze}>{escape(detail)}</text>'
    )


def _tasks(step: StepProgress) -> str:
    return f"{step.done}/{step.total}" if step.total > 1 else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
