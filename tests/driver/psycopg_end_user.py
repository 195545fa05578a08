"""Names an end user from psycopg, with a token made of the standard library.

Usage: psycopg_end_user.py CONNECTION_STRING KEY PERSON
"""

import base64
import hashlib
import hmac
import json
import sys
import time

import psycopg
from psycopg import sql


def token(person, key, seconds=60):
    part = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
    now = int(time.time())
    claims = {"sub": person, "iat": now, "exp": now + seconds}
    signed = b".".join(part(json.dumps(p).encode()) for p in ({"alg": "HS256", "typ": "JWT"}, claims))
    return (signed + b"." + part(hmac.new(key.encode(), signed, hashlib.sha256).digest())).decode()


def shown(conn):
    value = conn.execute("SELECT email FROM customers WHERE id = %s", (1,)).fetchone()[0]
    return "masked" if "***" in value else "true"


def who(conn):
    return conn.execute("SELECT end_user FROM bauta.whoami()").fetchone()[0]


def main():
    login, key, person = sys.argv[1:]
    with psycopg.connect(login, autocommit=True) as conn:
        conn.execute(sql.SQL("SET bauta.end_user = {}").format(sql.Literal(token(person, key))))
        print("named", who(conn), shown(conn))
        conn.execute("RESET bauta.end_user")
        print("reset", shown(conn))
    with psycopg.connect(login, options=f"-c bauta.end_user={token(person, key)}") as conn:
        print("options", who(conn), shown(conn))


main()
