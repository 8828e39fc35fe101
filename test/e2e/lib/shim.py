"""shim - the daemon's system calls, made to fail one by one (fakes/fault_shim.c)"""
import errno
import mmap
import struct

from .process import folder
from .tamis import build_directory

ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)


class Shim:
    """arm(n, error): from now on calls are counted and the n-th fails (0: none); disarm(); count; failed: its name or ""."""
    LAYOUT = struct.Struct("6I40s")

    def __init__(self):
        path = folder("shim") / "control"
        path.write_bytes(bytes(4096))
        path.chmod(0o666)
        self.path = path
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def environment(self):
        return {"LD_PRELOAD": str(build_directory() / "libfault_shim.so"), "TAMIS_FAULT_FILE": str(self.path)}

    def arm(self, number, error=errno.EIO, sticky=False):
        self.page[:self.LAYOUT.size] = self.LAYOUT.pack(0, number, error, int(sticky), 0, 0, b"")
        self.page[:4] = struct.pack("I", 1)

    def disarm(self):
        self.page[:4] = struct.pack("I", 0)

    def _fields(self):
        return self.LAYOUT.unpack(self.page[:self.LAYOUT.size])

    @property
    def count(self):
        return self._fields()[4]

    @property
    def failed(self):
        return self._fields()[6].split(b"\0")[0].decode()
