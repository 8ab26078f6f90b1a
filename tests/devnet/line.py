"""A wire that can be cut: a TCP port of this machine that leads to another, until it does not."""

import asyncio
import threading


class Line:
    """with Line(net.anvil.port) as line: ... line.port, line.cut(), line.mend()"""

    def __init__(self, port):
        self.behind, self.port, self.whole = port, 0, True
        self._writers = set()
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_):
        self.cut()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}"

    def cut(self):
        """Every connection breaks, and a new one breaks at once."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def mend(self):
        self.whole = True

    async def _cut(self):
        self.whole = False
        for writer in list(self._writers):
            writer.transport.abort()

    def _run(self):
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(self, reader, writer):
        if not self.whole:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.behind)
        self._writers |= {writer, back}
        await asyncio.gather(_flow(reader, back), _flow(there, writer))
        self._writers -= {writer, back}


async def _flow(reader, writer):
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, OSError):
        pass
    finally:
        writer.transport.abort()
