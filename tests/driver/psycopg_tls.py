"""Direct TLS, the newest protocol, and cancelling, with libpq 17 or newer."""

import socket
import sys
import threading
import time

import psycopg

login = sys.argv[1]

with psycopg.connect(login + " sslnegotiation=direct") as connection:
    print("direct", connection.execute("SELECT current_user").fetchone()[0])

with psycopg.connect(login + " max_protocol_version=latest") as connection:
    print("latest protocol", connection.pgconn.full_protocol_version)

with psycopg.connect(login) as connection:
    threading.Timer(0.5, connection.cancel_safe).start()
    started = time.monotonic()
    try:
        connection.execute("SELECT pg_sleep(30)")
        print("not cancelled")
    except psycopg.errors.QueryCanceled:
        print("cancelled" if time.monotonic() - started < 10 else "cancelled late")

# A cancel request needs no TLS, as with PostgreSQL; and with a wrong key it
# does nothing.
with psycopg.connect(login) as connection:
    key = (0x12345678).to_bytes(4, "big")
    request = (16).to_bytes(4, "big") + (80877102).to_bytes(4, "big")
    request += connection.info.backend_pid.to_bytes(4, "big") + key
    with socket.create_connection((connection.info.host, connection.info.port)) as plain:
        plain.sendall(request)
        assert plain.recv(1) == b""
    connection.execute("SELECT pg_sleep(0.3)")
    print("a wrong key cancels nothing")
