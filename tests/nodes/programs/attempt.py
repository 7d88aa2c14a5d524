"""A grasp attempt as an agent and a camera send it, made by hand."""

import time

import numpy as np
from qtopt_msgs.msg import EpisodeEvent, GraspStep
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes import messages
from qtopt_agent.episodes.message_types import EVENT, IMAGE, STEP, to_cdr


def episode(name, steps=4, size=(48, 64), start=1000.0):
    rng = np.random.default_rng(0)

    def observe(index):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        return Observation(image, rng.normal(size=4).astype(np.float32), start + index / 4)

    def step(i):
        action, last, stamp = rng.normal(size=8).astype(np.float32), i == steps - 1, start + i / 4
        return Step(observe(i), action, action, float(last), last, 0.5, stamp + 0.0625, stamp + 0.1875)

    return Episode(name, tuple(map(step, range(steps))), observe(steps), True, False, "compact", "v1", "greedy", 7)


class Agent:
    """Publishes the bytes that the in-process writer would write."""

    def __init__(self, node):
        sensor = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.out = {
            IMAGE: node.create_publisher(Image, IMAGE, sensor),
            STEP: node.create_publisher(GraspStep, STEP, 50),
            EVENT: node.create_publisher(EpisodeEvent, EVENT, 50),
        }

    def ready(self):
        return all(publisher.get_subscription_count() for publisher in self.out.values())

    def send(self, made, pause=0.05, upto=None):
        for topic, data in wire(made)[:upto]:
            self.out[topic].publish(data)
            time.sleep(pause)


def wire(made):
    images = [messages.image_message(o) for o in [*(s.observation for s in made.steps), made.final]]
    about = (made.episode_id, made.profile, made.policy, made.model_version, made.seed, made.objects)
    sent = [(EVENT, messages.start_message(*about, images[0].header.stamp))]
    for i, step in enumerate(made.steps):
        sent += [(IMAGE, images[i]), (STEP, messages.step_message(step, i, made.model_version))]
    end = messages.end_message(made.episode_id, len(made.steps), made.success, made.truncated, made.final)
    return [(topic, to_cdr(topic, message)) for topic, message in [*sent, (IMAGE, images[-1]), (EVENT, end)]]
