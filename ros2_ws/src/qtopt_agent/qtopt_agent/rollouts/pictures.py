"""Pictures of grasps for people: a contact sheet and an animation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

COLUMNS = 5
BORDER = 3  # px
RUNNING, SUCCESS, FAILURE = (90, 90, 90), (40, 170, 60), (200, 40, 40)  # RGB


def contact_sheet(grasps: Sequence[Picture], successes: Sequence[bool]) -> Picture:
    """The last picture of each grasp, uint8 [steps, H, W, 3], in a grid: green border if it succeeded, red if not."""
    return _grid([grasp[-1] for grasp in grasps], [SUCCESS if success else FAILURE for success in successes])


def animation(grasps: Sequence[Picture], successes: Sequence[bool]) -> list[Picture]:
    """All grasps at once, in a grid; a grasp that is over shows its last picture, with its border in its colour."""
    frames = []
    for step in range(max(len(grasp) for grasp in grasps)):
        tiles = [grasp[min(step, len(grasp) - 1)] for grasp in grasps]
        over = [step >= len(grasp) - 1 for grasp in grasps]
        colours = [
            RUNNING if not done else SUCCESS if success else FAILURE
            for done, success in zip(over, successes, strict=True)
        ]
        frames.append(_grid(tiles, colours))
    return frames


def enlarged(picture: Picture, times: int) -> Picture:
    """`picture` with so many times as many pixels along each side, each of them a square."""
    return picture.repeat(times, 0).repeat(times, 1)


def save_png(picture: Picture, path: Path) -> None:
    """Write `picture` to `path`."""
    Image.fromarray(picture).save(path, optimize=True)


def save_gif(frames: Sequence[Picture], path: Path, seconds: float = 0.25) -> None:
    """Write `frames`, each shown for `seconds` and the last for 2 s, as an animation that starts over."""
    # One palette for all frames: half the size of one each, and colours do not flicker.
    palette = Image.fromarray(frames[-1]).quantize(64, dither=Image.Dither.NONE)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [int(1000 * seconds)] * (len(images) - 1) + [2000]
    images[0].save(path, save_all=True, append_images=images[1:], duration=durations, loop=0, optimize=True)


def _grid(tiles: Sequence[Picture], colours: Sequence[tuple[int, int, int]]) -> Picture:
    height, width = (size + 2 * BORDER for size in tiles[0].shape[:2])
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    grid = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for i, (tile, colour) in enumerate(zip(tiles, colours, strict=True)):
        y, x = i // columns * height, i % columns * width
        grid[y : y + height, x : x + width] = colour
        grid[y + BORDER : y + height - BORDER, x + BORDER : x + width - BORDER] = tile
    return grid
