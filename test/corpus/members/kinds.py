"""kinds - the table that the containers are entered in, and the calling of other programs"""
import dataclasses
import pathlib
import shutil
import subprocess
import tempfile
from typing import Callable

CONTAINERS = {}


class Missing(Exception):
    """A program that is needed to make this container is not installed."""


@dataclasses.dataclass(frozen=True)
class Container:
    """`core`: nested in others and others in it. `ordinary`: what honest programs make, so that a harmless member in it
    must pass as clean. `sealed`: nobody can read it without a key (it must be unchecked)."""
    name: str
    extension: str
    make: Callable
    core: bool = False
    ordinary: bool = False
    sealed: bool = False


def container(name, extension, core=False, ordinary=False, sealed=False):
    def enter(function):
        assert name not in CONTAINERS, name
        CONTAINERS[name] = Container(name, extension, function, core, ordinary, sealed)
        return function
    return enter


def enter(name, extension, function, **flags):
    container(name, extension, **flags)(function)


def by_program(argv, name, data, output, text=None):
    """Runs a program in a fresh directory that holds the file `name`, and returns the file `output` (a name, or "-" for its
    standard output). In argv "{}" is the file's name."""
    if not shutil.which(argv[0]):
        raise Missing(argv[0])
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        (here / name).write_bytes(data)
        done = subprocess.run([word.replace("{}", name) for word in argv], cwd=here, capture_output=True, input=text, timeout=60)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {(done.stdout + done.stderr)[-400:]!r}")
        return done.stdout if output == "-" else (here / output).read_bytes()
