#!/usr/bin/env bash
# Starlette: a request's body stays in memory until the request is gone, even if the handler deletes its reference.
#
# One would guess that a handler which decodes an uploaded picture and deletes the bytes has given the memory back
# while it computes its answer. Request.body() keeps the bytes on the request, so that it can be called again, and
# the request lives until the answer is sent. With 64 uploads of 10 MB that wait for a busy worker, 640 MB stay.
# What to do: read request.stream() into a buffer of your own, and count its bytes against a budget before reading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check starlette==1.10.0
cd "$folder"
cat > body.py <<'PYTHON'
import asyncio
import gc
import tracemalloc

import starlette
from starlette.requests import Request

SIZE = 10_000_000


async def receive():
    return {"type": "http.request", "body": bytes(SIZE), "more_body": False}


async def kept(read):
    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    tracemalloc.start()
    await read(request)  # the bytes go out of scope here
    gc.collect()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return left


async def whole(request):
    assert len(await request.body()) == SIZE


async def stream(request):
    assert sum([len(part) async for part in request.stream()]) == SIZE


print("starlette", starlette.__version__)
by_body, by_stream = asyncio.run(kept(whole)), asyncio.run(kept(stream))
print(f"still held after body():   {by_body:>10,} bytes")
print(f"still held after stream(): {by_stream:>10,} bytes")
assert by_body >= SIZE, "the body is let go now"
assert by_stream < SIZE / 100
PYTHON
venv/bin/python body.py
echo "as described: the request holds the body"
