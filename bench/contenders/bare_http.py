"""A bare way from POST to Kafka: one handler, kafka-python with acks=all, 202 after the acknowledgement.

Prints its port once it listens.  No key, no checks, no id but the caller's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import uvicorn
from kafka import KafkaProducer


def main() -> None:
    producer = KafkaProducer(
        bootstrap_servers=[os.environ["BENCH_BOOTSTRAP"]], acks="all", enable_idempotence=True
    )
    topic = os.environ["BENCH_TOPIC"]
    threads = ThreadPoolExecutor(32)

    def produce(key: str, body: bytes) -> None:
        producer.send(topic, key=key.encode(), value=body).get(timeout=10)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            part = await receive()
            body += part.get("body", b"")
            more = part.get("more_body", False)
        identity = json.loads(body)["channel_ref"]
        await asyncio.get_running_loop().run_in_executor(threads, produce, identity, body)
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 202, "headers": head})
        answer = json.dumps({"complaint_id": identity}).encode()
        await send({"type": "http.response.body", "body": answer})

    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, interface="asgi3", log_level="warning", access_log=False, lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
