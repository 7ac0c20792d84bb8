# SPDX-License-Identifier: Apache-2.0
"""Decoding of image files to one array of colour bytes, in parallel."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from dynamics.data._dataset import Track
from dynamics.errors import UserError

BLOCK = 256
"""Images that a thread decodes at a time; also the step of the progress bar."""
THREADS = min(4, os.cpu_count() or 1)
"""PIL decodes without Python's global lock but opens a file with it, which is most of the work for small images:
beyond a few, threads wait for each other (6 on 2 cores took 1.6 times as long as 1 at 32 x 32)."""


NO_PICTURES = {"EPS", "WMF", "PDF", "MPEG", "BUFR", "GRIB", "HDF5"}
"""Formats that PIL opens but leaves to another program, or cannot decode."""


def suffixes() -> tuple[str, ...]:
    """Return the suffixes of the files that PIL can decode, in lower case with the dot."""
    from PIL import Image

    known, readable = Image.registered_extensions(), formats()
    return tuple(end for end, kind in known.items() if kind in readable)


def formats() -> list[str]:
    """Return the formats that are decoded, whatever a file's ending says: PIL goes by its content."""
    from PIL import Image

    Image.init()
    return [kind for kind in Image.OPEN if kind not in NO_PICTURES]


def image_size(path: Path) -> int:
    """Return the height of a square image, without decoding it.

    Raises
    ------
    UserError
        When the image is not square, or the file is not an image.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=formats()) as image:
            width, height = image.size
    except Exception as error:  # PIL's readers raise what they like
        raise _unreadable(path, error) from error
    if width != height:
        raise UserError(
            f"{path} is {width} x {height} pixels: images must be square; crop or resize them all"
        )
    return height


def decode(
    paths: Sequence[Path], *, size: int, first: Path, progress: Track | None, description: str
) -> UInt8[np.ndarray, "example 3 size size"]:
    """Decode images in parallel threads.

    Parameters
    ----------
    paths
        Files, in the order of the result.
    size
        Height and width that all images must have.
    first
        The image that set the size, for the error message.
    progress, description
        Shows the progress, and its label.

    Raises
    ------
    UserError
        On the first file, in the order of `paths`, that is not an image or has another size.
    """
    pixels = np.empty((len(paths), 3, size, size), dtype=np.uint8)

    def work(start: int) -> None:
        for index in range(start, min(start + BLOCK, len(paths))):
            image = read_image(paths[index])
            if image.shape != pixels.shape[1:]:
                raise UserError(
                    f"{paths[index]} is {image.shape[2]} x {image.shape[1]} pixels but {first} is "
                    f"{size} x {size}: all images must have the same size; resize them"
                )
            pixels[index] = image

    starts = range(0, len(paths), BLOCK)
    with ThreadPoolExecutor(THREADS) as pool:
        done = pool.map(work, starts)
        try:
            for _ in done if progress is None else progress(done, description=description, total=len(starts)):
                pass
        except BaseException:  # including Ctrl-C: leave without decoding the rest
            pool.shutdown(cancel_futures=True)
            raise
    return pixels


def read_image(path: Path) -> UInt8[np.ndarray, "3 height width"]:
    """Decode one image file to red, green and blue bytes; of an animation, the first frame.

    Grey values are repeated, palettes looked up, transparent pixels blended with white, and 16-bit values divided
    by 257 (PIL alone would clip them at 255). A camera's orientation tag is ignored, as torchvision does.

    Raises
    ------
    UserError
        When PIL cannot read it, or the value of white is unknown (floats, 32-bit integers).
    """
    from PIL import Image

    try:
        with Image.open(path, formats=formats()) as image:
            if image.mode[0] in "IF":
                rgb = _from_deep(image)
            elif image.has_transparency_data:
                white = Image.new("RGBA", image.size, "white")
                rgb = np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))
            else:
                rgb = np.asarray(image.convert("RGB"))
    except Exception as error:  # PIL's readers raise what they like
        raise _unreadable(path, error) from error
    return rgb.transpose(2, 0, 1)


def _from_deep(image: Any) -> UInt8[np.ndarray, "height width 3"]:
    values = np.asarray(image)
    if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 65535:
        raise ValueError(
            f"its pixels are {values.dtype} from {values.min()} to {values.max()}, not 8 or 16 bits"
        )
    grey = ((values.astype(np.int64) * 2 + 257) // (2 * 257)).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot read the image {path} ({error}): replace or remove it")
