"""The program as `make setup` installs it: from the pinned backend, without a network, working from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_program_is_installed_without_a_network_and_works_from_any_folder(tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    # This environment's packages stand in for the lock's; the project itself comes by the makefile's line.
    packages = next((environment / "lib").glob("python*/site-packages"))
    (packages / "lock.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    install = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.endswith(" -e ."))
    words = install.replace("$(BIN)/uv", str(shutil.which("uv") or Path(sys.executable).with_name("uv")))
    words = words.replace("$(BIN)/python", str(python)).strip()
    offline = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    subprocess.run(words.split(), cwd=ROOT, env=offline, check=True)
    program = environment / "bin" / "recordings"
    told = subprocess.run([program, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.startswith("recordings ")
    assert "local" in subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
