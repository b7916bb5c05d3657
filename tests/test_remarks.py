"""Libraries' remarks that nobody has to read are not shown; others are."""

import os
import subprocess
import sys

SAYS = """
import logging
import genima_lite.diffusion.base as base
logging.getLogger("transformers.utils.import_utils").warning("something else")
from genima_lite.diffusion.pipelines import pipeline_of
from genima_lite.diffusion.train import write_folder
from pathlib import Path
write_folder(base.build_base(base.preset("tiny", 64)), Path("made"))
"""


def test_only_what_matters_is_said(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "TRANSFORMERS_VERBOSITY"}
    how = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", SAYS], check=True, **how)
    said = done.stdout + done.stderr
    assert "torchvision" not in said
    assert "Writing" not in said
    assert "something else" in said
    assert (tmp_path / "made" / "model_index.json").exists()
