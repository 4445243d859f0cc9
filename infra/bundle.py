"""The asset that Lambda unpacks: the folder `functions` and, beside it, the pinned packages that it needs.

`make setup` has fetched wheels for the functions' own platform; unpacking them needs neither Docker nor network.
botocore is among them although Lambda has one, because checksums and conditional writes depend on its version.

Three things make a cold start short. Of botocore's data only what clients of the services in use read goes along
(`infra.botocore_data`), and of the packages nothing that no function loads. And Lambda cannot keep what Python
compiles, so byte code goes along as well where the runtime's own Python is at hand.
"""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from functions.archiver.errors import Misconfigured
from infra import botocore_data
from infra.version import ROOT

FUNCTIONS = ROOT / "functions"
REQUIREMENTS = FUNCTIONS / "requirements.txt"
WHEELHOUSE = ROOT / ".wheelhouse"

FETCHED = ROOT / ".cache" / "python"
"""Where `make runtime-python` puts the runtime's Python, in a folder named by its version and platform."""

IGNORED = ("__pycache__", "requirements.in")

_NEVER_LOADED = re.compile(
    r"aws_lambda_powertools/(?:event_handler|metrics/provider/datadog|middleware_factory)/"
    r"|aws_lambda_powertools/utilities/(?!__init__\.py|jmespath_utils/)"
    r"|botocore/(?:cacert\.pem|crt/auth\.py|stub\.py)"  # certifi's authorities are trusted
    r"|dateutil/(?:rrule\.py|tz/win\.py|zoneinfo/)"  # tzdata has the zones
    r"|defusedxml/(?:lxml|minidom|pulldom|sax|xmlrpc)\.py|idna/(?:__main__|cli|codec)\.py"
    r"|urllib3/contrib/(?:emscripten/|pyopenssl\.py|socks\.py)"
    r"|[^/]+\.dist-info/RECORD"
)
"""Of the packages' files, a third by size."""

UNPACKED_AT = "/var/task"
"""Where Lambda has the asset, and so what tracebacks out of byte code have to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiler:
    """A Python that can compile for the runtime. `tag` is in the name of every file that it writes."""

    executable: str
    tag: str
    version: str


def compiler_of(executable: str) -> Compiler:
    """An interpreter's description of itself. Raises OSError and CalledProcessError."""
    code = "import sys; print(sys.implementation.cache_tag, sys.version.replace(chr(10), ' '))"
    command = [executable, "-I", "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 - fixed words
    tag, _, version = answer.stdout.strip().partition(" ")
    return Compiler(executable=executable, tag=tag, version=version)


def compiler_for(python: str) -> Compiler | None:
    """A final release of this Python ("3.14"): the one that runs here, the one on the PATH, or the one that `make
    runtime-python` has fetched; None without any.
    """
    tag = f"cpython-{python.replace('.', '')}"
    fetched = sorted(str(each) for each in FETCHED.glob(f"*/bin/python{python}"))
    for executable in (sys.executable, shutil.which(f"python{python}"), *fetched):
        try:
            found = compiler_of(executable) if executable else None
        except (OSError, subprocess.SubprocessError):
            continue
        if found and found.tag == tag and re.match(r"\d+\.\d+\.\d+ ", found.version):
            return found
    return None


def bundle(target: Path, packages: Collection[Path], compiler: Compiler | None = None) -> None:
    """Fills `target`: the sources, the packages, and byte code of both where a compiler is given."""
    shutil.copytree(FUNCTIONS, target / "functions", ignore=shutil.ignore_patterns(*IGNORED))
    kept = services(FUNCTIONS)
    for wheel in packages:
        _unpack(wheel, target, kept)
    if compiler:
        compile_all(target, compiler)


def services(sources: Path) -> set[str]:
    """The AWS services that the code makes clients for. Raises Misconfigured where it names one by a variable."""
    return {service for file in sorted(sources.rglob("*.py")) for service in _clients(file)}


def _clients(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr == "client" and node.args:
            name = node.args[0]
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                raise Misconfigured(
                    f"{file}:{node.lineno}: the asset needs to know which service this is: name it here"
                )
            yield name.value


def _unpack(wheel: Path, target: Path, kept: Collection[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if PurePosixPath(name).parts[0].endswith(".data") or _NEVER_LOADED.match(name):
                continue  # scripts and headers
            if not botocore_data.ships(name, kept):
                continue
            file = Path(archive.extract(name, target))
            if botocore_data.trims(name):
                content = file.read_bytes()
                file.unlink()
                shorter, content = botocore_data.trimmed(name, content, kept)
                (target / shorter).write_bytes(content)


_COMPILE = """
import pathlib, py_compile, sys
root = pathlib.Path(sys.argv[1])
for file in sorted(root.rglob("*.py")):
    cache = file.parent / "__pycache__" / f"{file.stem}.{sys.implementation.cache_tag}.pyc"
    told = f"{sys.argv[2]}/{file.relative_to(root).as_posix()}"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(file), str(cache), told, doraise=True, optimize=0, invalidation_mode=mode)
"""


def compile_all(target: Path, compiler: Compiler) -> None:
    """Leaves byte code of everything in `target`.

    In one fresh process, always in the same order: what is interned before shows in the bytes that come after.
    """
    command = [compiler.executable, "-s", "-P", "-B", "-c", _COMPILE, str(target), UNPACKED_AT]
    # Not -I, which would also ignore the seed: sets of texts must come in the same order each time.
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "0"}, timeout=600)  # noqa: S603 - fixed words


def digest(python: str, compiler: Compiler | None) -> str:
    """Changes with everything that decides the asset: sources, pins, how it is put together, runtime, compiler."""
    made = hashlib.sha256(
        f"{python} {compiler.tag if compiler else None} {compiler.version if compiler else None}".encode()
    )
    files = [file for file in FUNCTIONS.rglob("*") if file.is_file() and not {*file.parts} & {*IGNORED}]
    for file in [*sorted(files), Path(__file__), Path(botocore_data.__file__)]:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        made.update(f"\n{file.relative_to(FUNCTIONS.parent) if file in files else file.name} {content}".encode())
    return made.hexdigest()


def wheels(wheelhouse: Path, requirements: Path) -> list[Path]:
    """The wheels of exactly the pinned versions, each with a pinned hash. Raises Misconfigured."""
    pins = requirements.read_text(encoding="utf-8")
    pinned = {f"{_normal(name)}-{version}" for name, version in re.findall(r"^([\w.-]+)==(\S+)", pins, re.MULTILINE)}
    there = {_name_and_version(wheel): wheel for wheel in sorted(wheelhouse.glob("*.whl"))}
    found = {name: wheel for name, wheel in there.items() if name in pinned}
    if set(found) != pinned or any(_sha256(wheel) not in pins for wheel in found.values()):
        raise Misconfigured(f"{wheelhouse.name} does not hold what functions/requirements.txt pins: run `make setup`")
    return list(found.values())


def _name_and_version(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{_normal(name)}-{version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
