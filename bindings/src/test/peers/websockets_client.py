# SPDX-License-Identifier: Apache-2.0
"""websockets_client.py URL SIZE...: Python's websockets sends each size as text and as binary and compares."""
import asyncio
import random
import sys

import websockets


def text_of(size):
    return "aé€🚀" * (size // 10) + "z" * (size % 10)


def bytes_of(size):
    return random.Random(size).randbytes(size)


def connect(url, **options):
    """ws://..., ws+unix:///PATH, or ws+unix:@NAME in the abstract namespace."""
    if not url.startswith("ws+unix:"):
        return websockets.connect(url, **options)
    name = url.removeprefix("ws+unix:")
    path = "\0" + name[1:] if name.startswith("@") else name.removeprefix("//")
    return websockets.unix_connect(path, "ws://localhost/", **options)


async def main(url, sizes):
    async with connect(url, max_size=None) as socket:
        for extension in socket.extensions:
            print(extension.name, flush=True)
        for size in sizes:
            for kind, payload in (("text", text_of(size)), ("binary", bytes_of(size))):
                await socket.send(payload)
                reply = await socket.recv()
                if type(reply) is not type(payload) or reply != payload:
                    raise AssertionError(f"{kind} of {size} bytes differs")
                print(kind, size, flush=True)
        await socket.close(1000, "done")
    print("closed", socket.close_code, flush=True)


asyncio.run(main(sys.argv[1], [int(size) for size in sys.argv[2:]]))
