"""Reads a protected column, `customers.email`, by every way that psycopg 3 has.

Prints each value that it gets, one a line, as `WAY<tab>VALUE`.

Usage: psycopg_masked.py CONNECTION_STRING
"""

import sys

import psycopg

QUERY = "SELECT email FROM customers ORDER BY id"


def main():
    def say(way, values):
        for value in values:
            print(way, value, sep="\t", flush=True)

    with psycopg.connect(sys.argv[1], autocommit=True) as conn:
        for binary in (False, True):
            rows = conn.cursor(binary=binary).execute("SELECT email FROM customers WHERE id > %s ORDER BY id", (0,))
            say(f"extended, binary {binary}", (r[0] for r in rows))
            for turn in range(3):
                cur = conn.cursor(binary=binary).execute(QUERY, prepare=True)
                say(f"prepared, binary {binary}, turn {turn}", (r[0] for r in cur))
            with conn.transaction(), conn.cursor("named", binary=binary) as cur:
                cur.itersize = 9
                cur.execute(QUERY)
                say(f"server-side cursor, binary {binary}", (r[0] for r in cur))
            say(f"single rows, binary {binary}", (r[0] for r in conn.cursor().stream(QUERY, binary=binary)))
        with psycopg.ClientCursor(conn) as cur:
            cur.execute("SELECT email FROM customers WHERE id > %s ORDER BY id", (0,))
            say("simple", (r[0] for r in cur))
        with conn.pipeline():
            say("pipeline", (r[0] for r in conn.execute(QUERY)))
        with conn.cursor().copy(f"COPY ({QUERY}) TO STDOUT") as copy:
            say("copy of a query", (r[0] for r in copy.rows()))
        with conn.cursor().copy("COPY customers (email) TO STDOUT") as copy:
            say("copy of a table", (r[0] for r in copy.rows()))
        with conn.cursor().copy(f"COPY ({QUERY}) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["text"])
            say("binary copy", (r[0] for r in copy.rows()))
        with psycopg.ServerCursor(conn, "held", withhold=True) as cur:
            cur.execute(QUERY)
            say("held cursor", (r[0] for r in cur.fetchall()))
        updated = conn.execute("UPDATE customers SET notes = 'seen' WHERE id < 4 RETURNING email")
        say("returning", (r[0] for r in updated))


main()
