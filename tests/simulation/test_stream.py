"""A simulated camera's stream: its size, its age and its noise are a real one's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import StorageError
from qtopt_agent.core.profile import DETAILED
from qtopt_agent.perception.ingest import RawImage, ingest_image, ingest_spec
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.live import LiveWorld
from qtopt_agent.simulation.stream import Stream
from qtopt_agent.simulation.truth import TruthLog

WRIST = load_cell("d435_wrist")


def robot(cell=WRIST):
    made = make_robot(replace(DETAILED, cell=cell), "validation", (2, 2))
    made.reset(3)
    return made


def test_pictures_come_when_they_are_as_old_as_the_cell_says_and_say_when_they_were_taken():
    stream, world = Stream(WRIST, 0.0, seed=1), robot()
    youngest, oldest = WRIST.camera.age
    for number in range(20):
        stream.take(world, float(number), 100.0 + number)
        assert not stream.arrived(number + 0.99 * youngest)
        ((picture, stamp),) = stream.arrived(number + oldest)
        assert picture.shape == (480, 640, 3) and stamp == 100.0 + number


def test_pictures_come_in_their_order():
    stream, world = Stream(WRIST, 0.0, seed=1), robot()
    for number in range(30):
        stream.take(world, 0.01 * number, float(number))
    stamps = [stamp for now in np.arange(0, 1, 0.01) for _, stamp in stream.arrived(now)]
    assert stamps == list(range(30))


def test_a_model_sees_in_the_stream_what_it_sees_of_the_world():
    cell = replace(EMBEDDED, camera=replace(WRIST.camera, age=(0.0, 0.0)))
    world, profile = robot(cell), replace(DETAILED, cell=cell)
    stream = Stream(cell, 0.0, seed=1)
    stream.take(world, 0.0, 0.0)
    ((picture, _),) = stream.arrived(0.0)
    height, width, _ = picture.shape
    seen = ingest_image(RawImage(picture.tobytes(), "rgb8", height, width, 3 * width), ingest_spec(profile))
    assert np.abs(seen.astype(int) - world.observe().image).mean() < 5


def test_noise_is_as_strong_as_it_is_asked_to_be_and_new_each_time():
    stream, world = Stream(EMBEDDED, 5.0, seed=1), robot(EMBEDDED)
    plain = Stream(EMBEDDED, 0.0, seed=1)
    pictures = []
    for each in (stream, stream, plain):
        each.take(world, 0.0, 0.0)
        pictures.append(each.arrived(0.0)[0][0].astype(float))
    assert (pictures[0] - pictures[2])[pictures[2] < 230].std() == pytest.approx(5.0, rel=0.1)
    assert (pictures[0] - pictures[1]).std() > 5.0


def test_the_truth_says_ten_times_a_second_where_hand_and_objects_are(tmp_path):
    live = LiveWorld(robot(EMBEDDED), timeout=0.2)
    live.reset(3)
    log = TruthLog(str(tmp_path / "truth.jsonl"))
    for _ in range(100):
        live.advance(0.01)
        log.record(live, 50.0 + live.time)
    lines = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert 9 <= len(lines) <= 11 and lines[-1]["stamp"] > 50.8
    assert not lines[0]["closed"] and lines[0]["aperture"] > 0.08 and len(lines[0]["objects"]) == 2
    assert np.abs([bottom for *_, bottom in lines[-1]["objects"]]).max() < 0.005  # on the floor
    with pytest.raises(StorageError, match="truth is"):
        TruthLog(str(tmp_path))
