"""A virtual environment with distributions of the test's own, installed as a user would."""

from __future__ import annotations

import site
import subprocess
import sys
import venv
from pathlib import Path


def make_environment(folder: Path, *sources: Path) -> Path:
    """Return an interpreter that sees this environment, and the distributions at ``sources``.

    pip builds inside the source folders, so they must be copies; nothing is downloaded.
    """
    venv.create(folder / "venv", symlinks=True)
    own = next((folder / "venv" / "lib").glob("python*/site-packages"))
    # addsitedir, not a bare path: this environment's own .pth files (editable installs) count too.
    lines = [f"import site; site.addsitedir({path!r})" for path in site.getsitepackages()]
    (own / "outer.pth").write_text("\n".join(lines) + "\n")
    interpreter = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--quiet"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", *map(str, sources)],
        check=True,
        capture_output=True,
        text=True,
    )
    return interpreter


def output(python: Path, *arguments: str, code: int = 0, cwd: Path | None = None) -> str:
    """Return what the interpreter prints, called with these arguments."""
    done = subprocess.run(
        [str(python), *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
