import asyncio
from contextlib import suppress
from urllib.parse import urlsplit


async def get(url: str, within: float = 5) -> tuple[int, str]:
    """Status and body of a loopback URL; status 0 when nobody answers. A client library would take 0.2 s to import."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            try:
                request = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                answer = (await reader.read()).decode(errors="replace")
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return 0, ""
    head, _, body = answer.partition("\r\n\r\n")
    status = head.split(" ", 2)[1:2]
    return (int(status[0]) if status and status[0].isdigit() else 0), body
