"""catalogue - all members: containers x objects, containers in containers, and ways to lie in a message"""
import dataclasses
import zlib

from . import archives, documents, mails, polyglots, texts  # noqa: F401  (they enter their containers)
from .kinds import CONTAINERS, Missing
from .mails import MATRIX, WRAPPINGS
from .objects import OBJECTS

ONE_FILE = ("gz", "bz2", "xz", "lzma", "lzip", "zstd", "lz4", "lzop", "compress")     # compressed, and called so behind its own name
IN_MESSAGES = ("eicar", "exe", "doc-embeds", "exe-with-zip")


@dataclasses.dataclass(frozen=True)
class Member:
    """`name`: container(s), object and wrapping, joined by "/"; `harmless`: nothing evil is in it (for the other direction)"""
    name: str
    chain: tuple
    content: str
    wrapping: str = "attached"

    def file(self, content=None):
        """(name, octets) of the outermost container"""
        name, data = content or OBJECTS[self.content]
        for link in self.chain:
            made = CONTAINERS[link]
            data = made.make(name, data)
            name = f"{name}.{made.extension}" if link in ONE_FILE else f"x.{made.extension}"
        return name, bytes(data)

    def message(self, content=None):
        """The message, or None when this content cannot lie in a message that way"""
        made = (WRAPPINGS.get(self.wrapping) or MATRIX[self.wrapping])(*self.file(content))
        return None if made is None else bytes(made)


def member(chain, content, wrapping="attached"):
    return Member("/".join([*reversed(chain), content]) + ("" if wrapping == "attached" else f" {wrapping}"), tuple(chain), content, wrapping)


def pairs():
    for name in CONTAINERS:
        for content in OBJECTS:
            yield member((name,), content)


def nested():
    core = [each.name for each in CONTAINERS.values() if each.core]
    for inner in core:
        for outer in core:
            yield member((inner, outer), "eicar")


def wrapped():
    for wrapping in WRAPPINGS:
        for content in IN_MESSAGES:
            yield member((), content, wrapping)
        for chain in ("zip-deflate", "zip-lzma", "7z-ppmd", "ole-word-native"):
            yield member((chain,), "eicar", wrapping)


def texts_in_structures():
    for structure in MATRIX:
        yield member((), "eicar", structure)


def all_members():
    yield from pairs()
    yield from texts_in_structures()
    yield from nested()
    yield from wrapped()


def one_of(count, name):
    """The same choice on every machine"""
    return zlib.crc32(name.encode()) % count == 0


def bounded_members():
    """Every container with EICAR (of the polyglots a fourth) and with one other object, a choice of the nested, all ways to lie in a message with two objects,
    and the whole matrix of structures"""
    others = [content for content in OBJECTS if content != "eicar"]
    yield from texts_in_structures()
    for number, name in enumerate(CONTAINERS):
        if name.startswith("poly-"):
            if one_of(4, name):
                yield member((name,), "eicar")
        else:
            yield member((name,), "eicar")
            yield member((name,), others[number % len(others)])
    yield from (each for each in nested() if one_of(20, each.name))
    yield from (each for each in wrapped() if each.chain in ((), ("zip-lzma",)) and each.content in ("eicar", "doc-embeds"))
