"""Try what `make dist` built, as somebody would who has nothing else.

    python -m tests.distribution dist

Looks at what is in the wheel and the sdist, installs the wheel with its locked dependencies into an
empty virtual environment and uses it there, and builds a wheel from the unpacked sdist.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "extension" / "scripts"))

from bundle_sidecar import locked, roots_of  # noqa: E402

USES = """
import importlib.metadata, pathlib, tempfile
import refrain_cache, refrain_sidecar
from refrain_cache import Cache, CacheSettings, get_cache
from refrain_sidecar.enrichment import HybridScorer, PostEnricher

assert importlib.metadata.version("refrain-cache") == refrain_sidecar.__version__
with Cache(CacheSettings(cache_dir=pathlib.Path(tempfile.mkdtemp()))) as cache:
    assert cache.set(content="question", cache_type="api", value={"answer": 42})
    assert cache.get(content="question", cache_type="api") == {"answer": 42}
print(refrain_cache.__file__)
"""


def run(*command: object, cwd: Path) -> str:
    """What a command prints, without this checkout in its way. It must succeed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=clean, check=True, stdout=subprocess.PIPE
    ).stdout.decode()


def only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"There must be one {pattern} in {folder}, not {len(found)}.")
    return found[0]


def in_wheel(wheel: Path, version: str) -> set[str]:
    """The names in a wheel: all of ours and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    ours = {
        str(file.relative_to(package.parent))
        for package in (ROOT / "cache/refrain_cache", ROOT / "sidecar/refrain_sidecar")
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    info = f"refrain_cache-{version}.dist-info"
    wanted = ours | {"refrain_sidecar/perf_config.schema.json"}
    packed = {name for name in names if not name.startswith(f"{info}/")}
    if packed != wanted:
        raise SystemExit(f"{wheel.name}: missing {wanted - packed}, unwanted {packed - wanted}.")
    return names


def check_sdist(sdist: Path) -> None:
    """Refuse anything but what a wheel is built from."""
    with tarfile.open(sdist) as archive:
        top = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    wanted = {"cache", "sidecar", "config", "CHANGELOG.md", "LICENSE", "README.md", "PKG-INFO"}
    wanted |= {"pyproject.toml", ".gitignore"}
    if top != wanted:
        raise SystemExit(f"{sdist.name}: missing {wanted - top}, unwanted {top - wanted}.")


def main(dist: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = project["version"]
    wheel, sdist = only(dist, "*.whl"), only(dist, "*.tar.gz")
    names = in_wheel(wheel, version)
    check_sdist(sdist)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        pins = locked((ROOT / "requirements.lock").read_text("utf-8"), roots_of(project))
        (place / "lock.txt").write_text("\n".join(pins.values()) + "\n", "utf-8")
        venv.create(place / "venv", with_pip=True)
        scripts = place / "venv" / ("Scripts" if os.name == "nt" else "bin")
        python = scripts / "python"
        pip = (python, "-m", "pip", "--quiet", "--disable-pip-version-check")
        run(*pip, "install", "--require-hashes", "--no-deps", "-r", place / "lock.txt", cwd=place)
        run(*pip, "install", "--no-deps", wheel, cwd=place)
        run(*pip, "check", cwd=place)
        said = run(scripts / "refrain", "--version", cwd=place).strip()
        if said != f"refrain, version {version}":
            raise SystemExit(f"`refrain --version` says {said!r}.")
        if str(place) not in run(python, "-c", USES, cwd=place):
            raise SystemExit("What was tried was not what was installed.")
        with tarfile.open(sdist) as archive:
            archive.extractall(place, filter="data")
        source = only(place, f"refrain_cache-{version}")
        build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "again")
        run(*build, cwd=source)
        again = in_wheel(only(place / "again", "*.whl"), version)
        if again != names:
            raise SystemExit(f"The sdist builds another wheel: {again ^ names}.")
    for file in (wheel, sdist):
        print(f"{file.name}: {file.stat().st_size / 1024:,.0f} KiB")
    print("The wheel works in an empty environment, and the sdist builds the same one.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
