"""Draw things.png: one object of each family that `household` adds to `train`, then of `household-validation`.

.venv/bin/python docs/pictures/things.py
"""

from pathlib import Path

import mujoco
import numpy as np
from PIL import Image, ImageDraw

from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.objects import FAMILIES, ObjectSpec, sample_object
from qtopt_agent.simulation.rays import RayCamera
from qtopt_agent.simulation.scene import build_model

COLUMNS, SIZE = 6, (120, 150)  # tiles in a row; height and width of each, px
PLACE = (-0.067, 0.083)  # m: where the scene's camera looks
GREY = (0.72, 0.72, 0.70)


def tile(spec: ObjectSpec, rng: np.random.Generator) -> Image.Image:
    """The object alone on the table, its name below."""
    appearance = Appearance(GREY, GREY, Appearance.sample(1, rng).objects, (0.38, -0.29, 0.88))
    model = build_model([spec], appearance)
    model.cam_fovy[model.camera("scene").id] = 15
    data = mujoco.MjData(model)
    data.qpos[2], data.qpos[6:8], data.qpos[8] = 2, PLACE, -spec.outline[:, 2].min()
    turn = rng.uniform(0.9, 1.5)
    data.qpos[9:13] = [np.cos(turn), 0, 0, np.sin(turn)]
    mujoco.mj_forward(model, data)
    picture = Image.fromarray(
        RayCamera("scene", SIZE, oversample=3, shadows=True).render(model, data, appearance.light)
    )
    ImageDraw.Draw(picture).text((5, SIZE[0] - 14), spec.name, fill=(40, 40, 40))
    return picture


def main() -> None:
    """Lay the tiles out and save them."""
    rng = np.random.default_rng(1)
    wanted = [("household", name) for name in FAMILIES["household"] if name not in FAMILIES["train"]]
    wanted += [("household-validation", name) for name in FAMILIES["household-validation"]]
    rows = -(-len(wanted) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIZE[1], rows * SIZE[0]))
    for k, (split, name) in enumerate(wanted):
        spec = next(spec for spec in iter(lambda s=split: sample_object(s, rng), None) if spec.name == name)
        sheet.paste(tile(spec, rng), (k % COLUMNS * SIZE[1], k // COLUMNS * SIZE[0]))
    sheet.quantize(128).save(Path(__file__).with_suffix(".png"), optimize=True)


if __name__ == "__main__":
    main()
