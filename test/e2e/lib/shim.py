"""shim - the daemon's system calls, made to fail one by one (fakes/fault_shim.c)"""
import errno
import mmap
import struct

from .process import folder
from .tamis import build_directory

ERRORS = (errno.EIO, errno.ENOSPC, errno.EMFILE)


class Shim:
    """arm(n, error): from now on calls are counted and the n-th fails (0: none); disarm(); count; failed: its name or "".

    locks: record locks are among the calls.
    """
    LAYOUT = struct.Struct("6I40s")

    def __init__(self, locks=True):
        self.locks = locks
        path = folder("shim") / "control"
        path.write_bytes(bytes(4096))
        path.chmod(0o666)
        self.path = path
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def environment(self):
        library = build_directory() / "libfault_shim.so"
        if not library.exists():     # the loader would only warn, and no call would ever fail
            raise RuntimeError(f"{library} is missing; build the target fault_shim")
        return {"LD_PRELOAD": str(library), "TAMIS_FAULT_FILE": str(self.path)} | ({"TAMIS_FAULT_LOCKS": "1"} if self.locks else {})

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
