"""Timers, clocks and times, simulated ones too."""

import time

from harness import alone, raises, run
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage


def check_a_timer_keeps_its_rate_and_can_be_stopped():
    with alone() as node:
        calls = []
        timer = node.create_timer(0.02, lambda: calls.append(time.monotonic()))
        run(node, 0.5)
        assert 5 <= len(calls) <= 26, len(calls)
        timer.cancel()
        count = len(calls)
        run(node, 0.1)
        assert timer.is_canceled() and len(calls) == count
        timer.reset()
        run(node, 0.1)
        assert count < len(calls) <= count + 7


def check_a_late_timer_skips_the_periods_it_missed():
    with alone() as node:
        calls = []
        node.create_timer(0.02, lambda: calls.append(time.sleep(0.11 if not calls else 0)))
        run(node, 0.21)
        assert 3 <= len(calls) <= 7, len(calls)


def check_simulated_time_drives_clock_and_timers():
    with alone("-p", "use_sim_time:=true") as node:
        publisher = node.create_publisher(ClockMessage, "/clock", 1)
        calls = []
        node.create_timer(1.0, lambda: calls.append(node.get_clock().now().nanoseconds))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        ticks = []
        node.create_timer(0.02, lambda: ticks.append(1), clock=steady)
        assert node.get_clock().now().nanoseconds == 0

        def tell(seconds):
            message = ClockMessage()
            message.clock.sec, message.clock.nanosec = divmod(int(seconds * 1e9), 10**9)
            end = time.monotonic() + 3
            while node.get_clock().now().nanoseconds != int(seconds * 1e9) and time.monotonic() < end:
                publisher.publish(message)
                run(node, 0.03)

        for half_second in range(20, 31):
            tell(half_second / 2)
        assert node.get_clock().now() == Time(seconds=15, clock_type=ClockType.ROS_TIME)
        assert 5 <= len(calls) <= 7 and len(ticks) > 3, (calls, len(ticks))
        before = len(calls)
        tell(2.0)  # the world was reset
        for half_second in range(5, 11):
            tell(half_second / 2)
        assert len(calls) > before, "a timer must go on after the clock was set back"


def check_times_add_compare_and_convert():
    one = Time(seconds=1, nanoseconds=500, clock_type=ClockType.ROS_TIME)
    later = one + Duration(seconds=2)
    assert (later - one) == Duration(seconds=2) and later > one and (later - one).nanoseconds == 2 * 10**9
    assert one.seconds_nanoseconds() == (1, 500) and Time.from_msg(one.to_msg()) == one
    raises(TypeError, lambda: one < Time(seconds=2, clock_type=ClockType.SYSTEM_TIME))
    raises(ValueError, Time, seconds=-1)
    with alone() as node:
        now = node.get_clock().now()
        assert now.clock_type == ClockType.ROS_TIME and abs(now.nanoseconds - time.time_ns()) < 10**9
        assert Clock(clock_type=ClockType.STEADY_TIME).now().clock_type == ClockType.STEADY_TIME
