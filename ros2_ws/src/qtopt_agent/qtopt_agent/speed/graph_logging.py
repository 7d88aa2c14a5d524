"""What it takes to log attempts with large pictures."""

import math
import os
import time
from pathlib import Path
from typing import Any

from qtopt_msgs.msg import EpisodeEvent, GraspStep

from qtopt_agent.graph import topics
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.speed.bench_node import RATE, BenchNode

STEPS = 20  # of an episode


def log(node: BenchNode) -> dict[str, Any]:
    """Attempts of 20 steps, one step an image; processor time of the logger."""
    steps = node.create_publisher(GraspStep, topics.STEP, RELIABLE)
    events = node.create_publisher(EpisodeEvent, topics.EVENT, RELIABLE)
    publishers = (node.images, steps, events)
    node.wait(lambda: all(each.get_subscription_count() for each in publishers), "the logger listens")
    action = [0.0] * 8
    frames, late = math.ceil(node.p["seconds"] * RATE / (STEPS + 1)) * (STEPS + 1), 0.0
    used, began = _processor_time(node.p["pid"]), time.monotonic()
    for frame in range(frames):
        wait = began + frame / RATE - time.monotonic()
        late = max(late, -wait)
        time.sleep(max(0.0, wait))
        attempt, index = divmod(frame, STEPS + 1)
        image = node.picture(frame)
        event = EpisodeEvent(header=image.header, episode_id=f"bench-{attempt:05d}", profile="compact")
        if index == 0:
            events.publish(event)
        node.images.publish(image)
        if index < STEPS:
            step = GraspStep(header=image.header, index=index, state=[0.0] * 4, commanded=action, executed=action)
            step.terminal = index == STEPS - 1
            steps.publish(step)
        else:
            event.kind, event.steps, event.final_state = EpisodeEvent.END, STEPS, [0.0] * 4
            events.publish(event)
    seconds = time.monotonic() - began
    used = _processor_time(node.p["pid"]) - used
    return {"images": frames, "seconds": seconds, "logger_cpu": used / seconds, "latest_image_ms": 1000 * late}


def _processor_time(pid: int) -> float:
    """User and system time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
