"""What frames take in the replay store, and how long it takes to put them in and out, by how they are compressed.

.venv/bin/python -m benchmarks.frame_codecs [--frames 24] [--seed 0]

Frames are of simulated episodes that the script decides: the detailed profile's 64 px pictures, and the whole frames of
the paper's camera, with plain looks and with all that varies. Prints one table, all measured in one run; times are
a thread's processor time, to which other work on the machine adds little.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import lz4.block
import numpy as np
import zstandard
from numpy.typing import NDArray

from qtopt_agent.core.looks import of_kind
from qtopt_agent.core.profile import DETAILED, PAPER, Profile
from qtopt_agent.rollouts.episode_runner import Attempt
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Codec:
    """Makes bytes of a frame uint8 [H, W, 3] and a frame of the bytes."""

    encode: Callable[[Frame], bytes]
    decode: Callable[[bytes, tuple[int, ...]], Frame]


def _plain(decompress: Callable[[bytes], bytes]) -> Callable[[bytes, tuple[int, ...]], Frame]:
    return lambda data, shape: np.frombuffer(decompress(data), np.uint8).reshape(shape)


def _picture(extension: str, *flags: int) -> Codec:
    def encode(frame: Frame) -> bytes:
        return cv2.imencode(extension, frame, list(flags))[1].tobytes()

    return Codec(encode, lambda data, _: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


_444 = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
CODECS = {
    "none": Codec(lambda frame: frame.tobytes(), _plain(lambda data: bytes(bytearray(data)))),
    "lz4": Codec(lambda frame: lz4.block.compress(frame.tobytes()), _plain(lz4.block.decompress)),
    "zstd 1": Codec(
        lambda frame: zstandard.ZstdCompressor(1).compress(frame.tobytes()),
        _plain(lambda data: zstandard.ZstdDecompressor().decompress(data)),
    ),
    "PNG 1": _picture(".png", cv2.IMWRITE_PNG_COMPRESSION, 1),
    "JPEG 90": _picture(".jpg", cv2.IMWRITE_JPEG_QUALITY, 90),
    "JPEG 95": _picture(".jpg", cv2.IMWRITE_JPEG_QUALITY, 95),
    "JPEG 95 4:4:4": _picture(".jpg", cv2.IMWRITE_JPEG_QUALITY, 95, *_444),
}


def frames_of(profile: Profile, looks: str, count: int, seed: int) -> list[Frame]:
    """`count` frames of scripted episodes, one to five objects in the bin."""
    robot = make_robot(profile, clutter=(1, 5), looks=of_kind(looks))
    policy = ScriptedPolicy(profile, objects="train")
    found: list[Frame] = []
    while len(found) < count:
        rng = np.random.default_rng(seed)
        attempt = Attempt(robot, profile, robot.succeeded, seed)
        for _ in range(3):
            found.append(attempt.observation.image)
            attempt.act(policy.decide(attempt.observation, rng))
        seed += 1
    return found[:count]


def measure(codec: Codec, frames: list[Frame]) -> tuple[float, float, float, float]:
    """Bytes of a frame, ms of processor time to encode and to decode it (medians), and how far its values are off."""
    encoded, encoding, decoding, errors = [], [], [], []
    for frame in frames:
        start = time.thread_time()
        data = codec.encode(frame)
        middle = time.thread_time()
        back = codec.decode(data, frame.shape)
        end = time.thread_time()
        encoded.append(len(data))
        encoding.append(middle - start)
        decoding.append(end - middle)
        errors.append(np.abs(back.astype(int) - frame).mean())
    return float(np.mean(encoded)), 1e3 * np.median(encoding), 1e3 * np.median(decoding), float(np.mean(errors))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print("| frames | looks | codec | kB a frame | ratio | encode, ms | decode, ms | mean error |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, profile in (("64x64", DETAILED), ("640x512", PAPER.whole_frames())):
        for looks in ("plain", "randomised"):
            frames = frames_of(profile, looks, arguments.frames, arguments.seed)
            for codec in CODECS:
                size, encode, decode, error = measure(CODECS[codec], frames)
                ratio = frames[0].nbytes / size
                print(
                    f"| {name} | {looks} | {codec} | {size / 1e3:.1f} | {ratio:.1f} | {encode:.2f} | {decode:.2f} "
                    f"| {error:.2f} |"
                )


if __name__ == "__main__":
    main()
