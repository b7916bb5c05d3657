"""Libraries' remarks that nobody has to read are not shown; others are."""

import os
import subprocess
import sys

import pytest

FIRST = {
    "package": "import genima_lite.diffusion.base\n",
    "notebook": "from genima_lite.checks.course import begin; begin()\n",
    "command": """
import sys
from genima_lite.cli import main
sys.argv = ["genima-lite", "--version"]
try:
    main()
except SystemExit:
    pass
""",
}
"""What loads the libraries, or comes before they are."""

SAYS = """
import logging
from diffusers import StableDiffusionControlNetPipeline
logging.getLogger("transformers.utils.import_utils").warning("something else")
"""
WRITES = """
import genima_lite.diffusion.base as base
from genima_lite.diffusion.train import write_folder
from pathlib import Path
write_folder(base.build_base(base.preset("tiny", 64)), Path("made"))
"""


def said_by(code, folder):
    environment = {k: v for k, v in os.environ.items() if k != "TRANSFORMERS_VERBOSITY"}
    how = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], check=True, **how)
    return done.stdout + done.stderr


@pytest.mark.parametrize("first", FIRST)
def test_only_what_matters_is_said(tmp_path, first):
    said = said_by(FIRST[first] + SAYS, tmp_path)
    assert "torchvision" not in said
    assert "something else" in said


def test_no_bars_are_drawn_while_a_model_is_written(tmp_path):
    said = said_by(WRITES, tmp_path)
    assert "Writing" not in said
    assert (tmp_path / "made" / "model_index.json").exists()
