# SPDX-License-Identifier: Apache-2.0
"""websockets_server.py COMPRESSED: Python's websockets echoes on a port that it prints, until its input ends."""
import asyncio
import sys

import websockets


async def echo(socket, path=None):
    async for message in socket:
        await socket.send(message)


async def main(compression):
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, compression=compression) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main("deflate" if sys.argv[1] == "true" else None))
