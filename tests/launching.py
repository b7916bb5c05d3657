"""Programs in two processes on CPUs, as a user would start them."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
    "accelerate": [
        "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
    ],
    "fsdp": [
        "accelerate.commands.launch", "--config_file", str(HERE.parent / "docs" / "fsdp.yaml"),
        "--num_processes", "2", "--main_process_port", "0",
    ],
}  # fmt: skip
"""`--multi_gpu` means several processes: with ACCELERATE_USE_CPU they run on CPUs. With `--cpu`,
accelerate starts one process, whatever is asked for."""


def launch(launcher, program, *arguments):
    """Run a program of this folder; return its exit code and what it said."""
    env = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    path = [str(HERE.parent), str(HERE), env.get("PYTHONPATH", "")]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    command = [sys.executable, "-m", *LAUNCHERS[launcher], str(HERE / program), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
