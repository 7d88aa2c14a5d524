"""Compressed pictures, whole or not at all: OpenCV fills what is missing with grey and says nothing."""

import io
import struct

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")  # 8 bits a channel, or fewer
_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, PIL.Image.DecompressionBombError)


def decode_picture(data: bytes, name: str) -> NDArray[np.uint8]:
    """The picture in `data` (PNG, JPEG, BMP or TIFF) as uint8 [H, W, 3] RGB, turned as its camera was.

    Raises InvalidInput, calling it `name`, where it is cut short, damaged as far as its format can tell (JPEG has no
    checksums), not of 8 bits a channel, or something else.
    """
    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            picture.verify()  # checksums; after this it has to be opened anew
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.mode not in _MODES:
                raise InvalidInput(f"{name} has pixels of kind {picture.mode}, expected 8 bits a channel")
            picture.load()
            return np.asarray(PIL.ImageOps.exif_transpose(picture).convert("RGB"))
    except InvalidInput:
        raise
    except _ERRORS as error:
        raise InvalidInput(f"{name} is not a whole PNG, JPEG, BMP or TIFF picture: {error}") from error
