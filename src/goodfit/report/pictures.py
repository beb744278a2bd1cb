"""Pictures as data URIs, so that a page holds them itself."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LARGEST_SIDE = 96
"""Pixels; a larger picture is made smaller, since many are shown side by side."""


def data_uri(picture: NDArray[np.uint8]) -> str:
    """A picture (height, width), (height, width, 1) or (height, width, 3) as a PNG data URI."""
    pixels = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
