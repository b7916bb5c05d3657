"""What every backend's arm and gripper must do, as checks for any of them."""

import numpy as np

from genima_lite.envs.arm.limits import limits_of
from genima_lite.envs.arm.safety import SafetyFilter, Stream


def says_where_it_is(arm, clock):
    state = arm.read()
    assert (state.joints.shape, state.joints.dtype) == ((7,), np.float64)
    assert (state.velocities.shape, state.torques.shape) == ((7,), (7,))
    assert state.fault is None
    assert abs(state.seconds - clock.now()) < 0.1
    limits = limits_of(arm.model)
    assert (state.joints > limits.lower).all()
    assert (state.joints < limits.upper).all()


def goes_where_the_filter_sends_it(arm, clock, angle=0.1, within=0.01):
    start = arm.read().joints
    goal = start + angle * np.eye(7)[0]
    assert run(arm, clock, goal) < within


def holds_when_nothing_more_is_sent(arm, clock):
    before = arm.read().joints
    clock.sleep_until(clock.now() + 0.3)
    assert np.abs(arm.read().joints - before).max() < 0.01


def stops_and_goes_on_only_after_recover(arm, clock):
    arm.stop()
    stands = arm.read()
    assert stands.fault
    clock.sleep_until(clock.now() + 0.2)
    assert np.abs(arm.read().joints - stands.joints).max() < 0.02
    arm.recover()
    assert arm.read().fault is None
    goes_where_the_filter_sends_it(arm, clock, -0.05)


def run(arm, clock, goal):
    """Send the arm to joints (7,) through the filter; return how far off it ends."""
    found = SafetyFilter(limits_of(arm.model))
    found.begin(arm.read().joints)
    way = np.linspace(found.state.joints, goal, 11)[1:]
    given = found.check(np.column_stack([way, np.ones(10)]), found.state.joints)
    stream, start = Stream(arm.period), clock.now()
    for k in range(10):
        motion = found.follow(given[k, :7], given[k + 1, :7] if k < 9 else None)
        times, states = stream.samples(motion)
        for at, state in zip(times, states, strict=True):
            clock.sleep_until(start + at)
            arm.send(state[0], state[1])
        start += motion.seconds
    clock.sleep_until(start + 0.3)
    return float(np.abs(arm.read().joints - goal).max())


CONTRACT = (
    says_where_it_is,
    goes_where_the_filter_sends_it,
    holds_when_nothing_more_is_sent,
    stops_and_goes_on_only_after_recover,
)
