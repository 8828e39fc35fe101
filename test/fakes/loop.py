"""loop - one asyncio event loop in a thread of its own, on which all fakes run

Tests stay plain synchronous code: they start a fake, talk to the daemon, and look at what the fake recorded.
"""
import asyncio
import socket
import struct
import threading

_lock = threading.Lock()
_loop = None


def loop():
    """The loop, started on first use; it lives as long as the process."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="fakes", daemon=True).start()
        return _loop


def run(coroutine, timeout=30):
    """Runs a coroutine on the loop from another thread and returns its result."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(timeout)


def reset(writer):
    """Ends a connection with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Server:
    """A listening socket on 127.0.0.1 (a port from the kernel) or on a unix path; subclasses write `serve`."""

    def __init__(self, path=None, port=0):
        self.path = path
        self.port = port
        self.connections = 0
        self._server = None
        self._tasks = set()
        self._writers = set()

    async def serve(self, reader, writer):
        raise NotImplementedError

    async def _accepted(self, reader, writer):
        self.connections += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self.serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, TimeoutError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            try:
                writer.close()
            except RuntimeError:
                pass

    def start(self):
        async def listen():
            if self.path:
                return await asyncio.start_unix_server(self._accepted, self.path, limit=2**20, backlog=1024)
            return await asyncio.start_server(self._accepted, "127.0.0.1", self.port, limit=2**20, backlog=1024)

        self._server = run(listen())
        if not self.path:
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    def stop(self):
        """Stops listening and drops every connection."""
        async def close():
            if self._server is not None:
                self._server.close()
                self._server = None
            for writer in list(self._writers):
                writer.transport.abort()
            for task in list(self._tasks):
                task.cancel()

        run(close())

    def restart(self):
        """Listens again at the same place."""
        return self.start()

    @property
    def open_connections(self):
        return len(self._writers)

    @property
    def address(self):
        return self.path if self.path else f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
