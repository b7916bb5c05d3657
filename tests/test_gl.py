"""OpenGL: what MUJOCO_GL may hold, other threads, forked processes; how pictures lie in memory."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from genima_lite.envs.bench import gl
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.gl import GLError

SECONDS = 240  # far more than any of this needs, so that a hang fails instead of lasting

STATES_THEN_PICTURES = """
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
env = make_env(EnvSpec("push_button", cameras=(), image_size=32))
assert env.reset(seed=0)[0]["joint_positions"].shape == (7,)
print("states")
try:
    make_env(EnvSpec("push_button", cameras=("front",), image_size=32)).reset(seed=0)
except UserError as error:
    print(error)
else:
    print("pictures")
"""


def run(program, **variables):
    """Return what a program in a fresh process prints, with these environment variables."""
    names = ("MUJOCO_GL", "DISPLAY", "PYOPENGL_PLATFORM", "MUJOCO_EGL_DEVICE_ID")
    kept = {key: value for key, value in os.environ.items() if key not in names}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"MUJOCO_GL": "nonsense"}, "'nonsense', which MuJoCo does not know"),
        ({"MUJOCO_GL": "off"}, "MUJOCO_GL=off switches pictures off"),
        ({"MUJOCO_GL": "Disabled "}, "MUJOCO_GL=disabled switches pictures off"),
        ({"MUJOCO_GL": "glx"}, "MUJOCO_GL=glx takes no pictures"),
        ({"MUJOCO_GL": "egl", "MUJOCO_EGL_DEVICE_ID": "77"}, "unset MUJOCO_EGL_DEVICE_ID"),
        ({"MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "glx"}, "unset PYOPENGL_PLATFORM"),
        ({"__EGL_VENDOR_LIBRARY_FILENAMES": os.devnull}, "Cannot initialize a EGL device"),
    ],
    ids=["nonsense", "off", "disabled", "glx", "device", "platform", "driver"],
)
def test_with_any_setting_states_work_and_pictures_say_in_one_line_what_to_set(variables, told):
    states, message = run(STATES_THEN_PICTURES, **variables).split("\n")
    assert states == "states"
    assert told in message
    assert "unset" in message or "install a driver" in message
    assert "environments with cameras=() need none" in message


def test_osmesa_draws_where_its_library_is_and_else_says_what_to_set():
    states, message = run(STATES_THEN_PICTURES, MUJOCO_GL="osmesa").split("\n")
    assert states == "states"
    assert message == "pictures" or "unset MUJOCO_GL, or set it to egl" in message


@pytest.mark.parametrize("value", ["", "egl", " EGL "])
def test_a_setting_that_works_draws(value):
    assert run(STATES_THEN_PICTURES, MUJOCO_GL=value) == "states\npictures"


def test_mujocos_own_renderer_still_works_beside_ours():
    program = """
import numpy as np
from genima_lite.envs.bench.env import BenchEnv
import mujoco
env = BenchEnv("push_button", ("front",), image_size=32)
seen = env.reset(seed=0)[0]["front_rgb"]
stock = mujoco.Renderer(env.scene.model, 32, 32)
stock.update_scene(env.scene.data, "front")
assert stock.render().std() > 10
again = env.reset(seed=0)[0]["front_rgb"]
assert (again == seen).all()
"""
    run(program, MUJOCO_GL="egl")


def test_without_gl_libraries_the_message_names_the_packages(monkeypatch):
    monkeypatch.setattr(gl, "egl_loads", lambda: False)
    monkeypatch.setenv("MUJOCO_GL", "off")
    with pytest.raises(GLError, match="apt-get install libegl1 libgl1"):
        gl.make(32)


def in_thread(call):
    """Return what a call returns in a thread of its own, or raise what it raises there."""
    results, errors = [], []

    def work():
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(SECONDS)
    if errors:
        raise errors[0]
    return results[0]


def pictures(env, seed):
    """Return all pictures at an episode's start."""
    return {
        k: v for k, v in env.reset(seed=seed)[0].items() if k.endswith(("rgb", "depth", "mask"))
    }


def same(one, other):
    return one.keys() == other.keys() and all((one[k] == other[k]).all() for k in one)


def small_env():
    return BenchEnv("push_button", ("front", "wrist"), 32, depth=True, mask=True)


def test_an_environment_draws_the_same_in_any_thread():
    env = small_env()
    here = [pictures(env, seed) for seed in (0, 1)]
    there = [in_thread(lambda seed=seed: pictures(env, seed)) for seed in (0, 1)]
    assert same(here[0], there[0])
    assert same(here[1], there[1])
    assert not same(here[0], here[1])
    assert same(pictures(env, 0), here[0])  # and back here
    in_thread(env.close)


def test_environments_in_many_threads_at_once_draw_the_same():
    env = small_env()
    expected = [pictures(env, seed) for seed in range(3)]
    env.close()
    found, together = {}, threading.Barrier(3)

    def work(seed):
        mine = small_env()
        together.wait(SECONDS)
        found[seed] = [pictures(mine, seed) for _ in range(4)]
        mine.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert all(same(views, expected[seed]) for seed in range(3) for views in found[seed])


def test_a_context_freed_in_the_midst_of_another_picture_leaves_that_one_alone():
    one, other = small_env(), small_env()
    expected = pictures(one, 0)["front_rgb"]
    pictures(other, 1)
    with one._renderer(one.image_size).showing(one.scene.data):
        other.close()  # as the garbage collector may do at any moment
        found = one._renderer(one.image_size).rgb(one.scene.data, "front")
    assert (found == expected).all()
    one.close()


FORKED = """
import os, signal, sys
from genima_lite.envs.bench.env import BenchEnv
def env():
    return BenchEnv("push_button", ("front",), image_size=32)
kept = env()
if {parent_draws}:
    kept.reset(seed=0)
child = os.fork()
if child == 0:
    signal.alarm(60)
    taken = {taken}
    try:
        taken.reset(seed=0)
        print("pictures", flush=True)
    except ValueError as error:
        print(error, flush=True)
    taken.close()
    sys.exit(0)
code = os.waitpid(child, 0)[1]
assert code == 0, code
if {parent_draws}:
    kept.reset(seed=1)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("taken", ["kept", "env()"], ids=["inherited", "new"])
def test_a_fork_of_a_process_that_has_drawn_says_to_spawn(taken):
    told = run(FORKED.format(parent_draws=True, taken=taken))
    assert told.count("\n") == 0
    assert 'vector_kwargs={"context": "spawn"}' in told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("taken", ["kept", "env()"], ids=["inherited", "new"])
def test_a_fork_of_a_process_that_has_not_drawn_draws(taken):
    assert run(FORKED.format(parent_draws=False, taken=taken)) == "pictures"


VECTOR = """
import gymnasium, sys
import genima_lite.envs.api as api
api.register_environments()
if __name__ == "__main__":
    sys.stderr = open("/dev/null", "w")  # gymnasium logs the child's traceback
    gymnasium.logger.min_level = 100
    words = dict(cameras=("front",), image_size=32)
    gymnasium.make("genima_lite/PushButton-v0", **words).reset(seed=0)
    envs = gymnasium.make_vec("genima_lite/PushButton-v0", 1, "async", {"context": "fork"}, **words)
    try:
        envs.reset(seed=0, options=None)
    except ValueError as error:
        print(error)
    envs.close(terminate=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_vector_environment_that_forks_ends_with_that_sentence(tmp_path):
    program = tmp_path / "vector.py"
    program.write_text(VECTOR)
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=SECONDS
    )
    assert 'vector_kwargs={"context": "spawn"}' in done.stdout, done.stderr


def test_pictures_are_contiguous_and_torch_takes_them():
    torch = pytest.importorskip("torch")
    from torch.utils.data import default_collate

    env = BenchEnv("push_button", image_size=32, depth=True, mask=True, render_mode="rgb_array")
    seen = env.reset(seed=0)[0]
    assert all(value.flags.c_contiguous for value in seen.values())
    assert torch.from_numpy(seen["front_rgb"]).shape == (32, 32, 3)
    assert default_collate([seen, seen])["wrist_mask"].shape == (2, 32, 32)
    assert torch.from_numpy(env.render()).shape == (512, 512, 3)
    env.close()


def test_two_pictures_share_no_memory():
    env = BenchEnv("push_button", ("front", "wrist"), image_size=32, depth=True)
    first = pictures(env, 0)
    kept = {name: picture.copy() for name, picture in first.items()}
    pictures(env, 1)
    assert same(first, kept)
    pairs = [(one, other) for one in first for other in first if one < other]
    assert not any(np.shares_memory(first[one], first[other]) for one, other in pairs)
    env.close()
