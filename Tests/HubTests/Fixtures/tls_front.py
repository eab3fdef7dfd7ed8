"""Stands before the test hub and speaks TLS: tls_front.py CERTIFICATE PORT prints its own port.

The certificate (localhost.pem, with its key) is signed by itself and of no use elsewhere:
openssl ecparam -name prime256v1 -genkey -noout; openssl req -x509 -new -days 36500 -subj /CN=localhost
-addext subjectAltName=DNS:localhost,IP:127.0.0.1
"""
import asyncio
import ssl
import sys


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def main(certificate, port):
    async def connected(reader, writer):
        to = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, to[1]), pipe(to[0], writer), return_exceptions=True)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
