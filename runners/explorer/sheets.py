# SPDX-License-Identifier: Apache-2.0
"""The pictures of the explorer's page: many small ones on one sheet, as bytes that a browser decodes."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from dynamics.errors import UserError
from dynamics.names import label
from runners.explorer.numbers import Chosen

SIDE = 32
"""Side of a picture on the page in pixels; larger images are scaled down."""
QUALITY = 75
"""Of the thumbnails, 0 to 100; those of TINY pixels a side are kept as they are."""
TINY = 16
ACROSS = 64
"""Pictures beside each other on a sheet of thumbnails."""


class Fineness(NamedTuple):
    """How finely views are kept."""

    format: str
    side: int
    quality: int


LOSSLESS = 100
FINENESS = (
    Fineness("webp", SIDE, LOSSLESS),
    *(Fineness("avif", SIDE, quality) for quality in (60, 50, 40, 30, 20)),
    Fineness("avif", 20, 20),
    Fineness("avif", 16, 20),
)
"""Of the views: the first with which all of them take no more than their share of the page."""
TRIED = 64
"""Number of examples that are compressed to guess the size of all."""


def thumbnails(chosen: Chosen, *, data_root: Path) -> dict[str, Any]:
    """Return the sheet with the image of every example that is shown.

    Raises
    ------
    UserError
        If the images are not there.
    """
    from dynamics.pictures import source_of, training_images  # loads torch

    runs = [chosen.study.runs[method][0] for method in chosen.methods]
    run = source_of(runs[0], runs)
    images = training_images(run, runs[0].examples[chosen.places].tolist(), data_root=data_root, largest=SIDE)
    quality = LOSSLESS if images.shape[1] <= TINY else QUALITY
    return sheet(images, "webp", quality, across=ACROSS)


class SheetKind(NamedTuple):
    """One way in which the panel is augmented."""

    methods: list[str]
    """Which see it."""
    moves: np.ndarray | None
    """How the views come from the images, if they are only moved and mirrored."""
    seen: np.ndarray
    """The views otherwise: (example, view, augmentation, height, width, 3)."""

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of views and augmentations."""
        return (1, self.moves.shape[1]) if self.moves is not None else self.seen.shape[1:3]


def views(chosen: Chosen, *, data_root: Path, most_bytes: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return each way in which the panel is augmented, with the methods that see it, and what is left out and why.

    Views that are moved and mirrored images are given by how; of others there is a sheet, where an example's row holds
    its augmentations, and with two views to look for each other its second views behind them.
    """
    kinds, without = _kinds(chosen, data_root)
    kinds = [kind for kind in kinds if kind.shape[1] > 1]
    shown = fitted(kinds, most_bytes=most_bytes)
    if len(shown) < len(kinds):
        without.append("some of the panel's augmentations are left out: the page would be too large")
    return shown, without


def fitted(kinds: Sequence[SheetKind], *, most_bytes: int) -> list[dict[str, Any]]:
    """Return kinds of views as finely as they fit: those that are only moved, and of the others as many as can be."""
    drawn = [kind for kind in kinds if kind.moves is None]
    moved = [_about(kind) | {"moves": packed_bytes(kind.moves)} for kind in kinds if kind.moves is not None]
    left = most_bytes - sum(len(one["moves"]) for one in moved)
    if left < 0:
        return []
    for count in range(len(drawn), 0, -1):
        for fineness in FINENESS:
            if sum(_guessed(kind, fineness) for kind in drawn[:count]) > left:
                continue
            sheets = [_about(kind) | _of_views(kind.seen, fineness) for kind in drawn[:count]]
            if sum(len(one["source"]) for one in sheets) <= left:
                return [*sheets, *moved]
    return moved


def _kinds(chosen: Chosen, data_root: Path) -> tuple[list[SheetKind], list[str]]:
    from dynamics.pictures import moves, panel_of, panel_views

    places, kinds, without = chosen.places.tolist(), list[SheetKind](), list[str]()
    for method in chosen.methods:
        try:
            asked = panel_of(chosen.study.runs[method][0], data_root=data_root)
        except UserError as error:
            without.append(f"{label(method)}: its augmentations cannot be shown: {error}")
            continue
        moved = moves(asked, places)
        seen = panel_views(asked, places, largest=SIDE).swapaxes(1, 2) if moved is None else np.empty(0)
        own = seen if moved is None else moved
        for kind in kinds:
            if np.array_equal(own, kind.seen if kind.moves is None else kind.moves):
                kind.methods.append(method)
                break
        else:
            kinds.append(SheetKind([method], moved, seen))
    return kinds, without


def _about(kind: SheetKind) -> dict[str, Any]:
    count, augmentations = kind.shape
    return {
        "methods": kind.methods,
        "label": ", ".join(map(label, kind.methods)),
        "views": count,
        "augmentations": augmentations,
    }


def packed_bytes(moves: np.ndarray) -> str:
    """Return moves as base64 of a signed byte each, in 127ths.

    Examples
    --------
    >>> np.frombuffer(base64.b64decode(packed_bytes(np.array([0.5, -1.0, 1.0]))), np.int8).tolist()
    [64, -127, 127]
    """
    return base64.b64encode(np.rint(moves * 127).astype(np.int8).tobytes()).decode()


def _guessed(kind: SheetKind, fineness: Fineness) -> float:
    some = kind.seen[:TRIED]
    return len(_of_views(some, fineness)["source"]) * len(kind.seen) / len(some)


def _of_views(
    seen: UInt8[np.ndarray, "example view augmentation height width 3"], fineness: Fineness
) -> dict[str, Any]:
    per_row, side = seen.shape[1] * seen.shape[2], seen.shape[3]
    return sheet(
        seen.reshape(-1, *seen.shape[3:]),
        fineness.format,
        fineness.quality,
        across=per_row * max(1, ACROSS // per_row),
        side=min(fineness.side, side),
    )


def sheet(
    pictures: UInt8[np.ndarray, "picture height width 3"],
    kind: str,
    quality: int,
    *,
    across: int,
    side: int | None = None,
) -> dict[str, Any]:
    """Return pictures side by side, as base64 of a compressed image.

    Parameters
    ----------
    pictures
        The pictures, 0 to 255, as high as wide.
    kind, quality
        avif or webp, and its quality, 0 to 100; webp of 100 loses nothing.
    across
        Pictures in a row.
    side
        Their side on the sheet in pixels; by default their own.

    Examples
    --------
    >>> found = sheet(np.zeros((3, 8, 8, 3), dtype=np.uint8), "webp", 75, across=2)
    >>> found["side"], found["across"], Image.open(io.BytesIO(base64.b64decode(found["source"]))).size
    (8, 2, (16, 16))
    """
    count, height, width, channels = pictures.shape
    down = math.ceil(count / across)
    page = np.zeros((down * across, height, width, channels), dtype=np.uint8)
    page[:count] = pictures
    rows = page.reshape(down, across, height, width, channels).swapaxes(1, 2)
    image = Image.fromarray(rows.reshape(down * height, across * width, channels))
    if side is not None and side != height:
        image = image.resize((across * side, down * side), Image.Resampling.BOX)
    content = io.BytesIO()
    image.save(content, kind, quality=quality, lossless=quality == LOSSLESS)
    return {
        "source": base64.b64encode(content.getvalue()).decode(),
        "type": f"image/{kind}",
        "side": side or height,
        "across": across,
    }
