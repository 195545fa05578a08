"""A session that touches nothing protected, by every way that psycopg 3 has.

Prints what it saw, one line a step, without anything that differs from run to
run. The test runs it directly and through bauta and compares.

Usage: psycopg_plain.py CONNECTION_STRING
"""

import datetime
import decimal
import sys
import threading
import uuid

import psycopg
from psycopg import pq
from psycopg.rows import dict_row


def say(*parts):
    print(*parts, flush=True)


def columns(cursor):
    return [(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cursor.description]


def error(run):
    try:
        run()
        say("no error")
    except psycopg.Error as e:
        d = e.diag
        say(type(e).__name__, e.sqlstate, d.severity, d.message_primary, d.message_detail, d.message_hint,
            d.statement_position, d.table_name, d.constraint_name, d.column_name)


def types(conn):
    values = ("text ' \\ \x01 ü 漢", 7, 2**40, decimal.Decimal("12345.678900"), 1.5, True, datetime.date(1984, 5, 6),
              datetime.datetime(1984, 5, 6, 7, 8, 9, 123), datetime.timedelta(days=3, seconds=4), b"\x00\xff",
              uuid.UUID(int=5), [1, None, 3], ["a", 'b"', None], None)
    for binary in (False, True):
        with conn.cursor(binary=binary) as cur:
            cur.execute("SELECT " + ", ".join(["%s"] * 4 + ["%s::float8"] + ["%s"] * 8 + ["%s::text"]), values)
            say("types", binary, columns(cur), cur.fetchall())
            cur.execute("SELECT c_int2, c_int4, c_int8, c_numeric, c_float4, c_float8, c_bool, c_date, c_timestamp, "
                        "c_timestamptz, c_uuid, c_bytea, c_inet, c_json, c_jsonb, c_texts, c_ints FROM vault ORDER BY id")
            say("stored types", binary, columns(cur), cur.fetchall())


def statements(conn):
    for prepare in (None, True, False):
        for n in range(7):
            cur = conn.execute("SELECT id, name FROM products WHERE id = %s", (n,), prepare=prepare)
            say("prepared", prepare, cur.statusmessage, cur.fetchall())
    cur = conn.cursor(row_factory=dict_row)
    cur.execute("SELECT status, count(*) FROM orders GROUP BY status ORDER BY status")
    say("grouped", cur.fetchall(), cur.rowcount)
    cur = conn.execute("SELECT 1; SELECT 'two'; CREATE TEMP TABLE scratch (a int4, b text); SELECT 3")
    while True:
        say("several", cur.statusmessage, cur.fetchall() if cur.description else None)
        if not cur.nextset():
            break
    cur = conn.cursor()
    cur.executemany("INSERT INTO scratch VALUES (%s, %s) RETURNING a", [(n, str(n)) for n in range(20)], returning=True)
    say("many", cur.statusmessage, cur.rowcount, cur.fetchone())


def streams(conn):
    with conn.cursor("named", withhold=True) as cur:
        cur.itersize = 7
        cur.execute("SELECT id FROM orders ORDER BY id")
        say("server-side cursor", [row[0] for row in cur])
    with conn.transaction(), conn.cursor("scrolled", scrollable=True) as cur:
        cur.execute("SELECT id FROM orders ORDER BY id")
        cur.scroll(50)
        say("scrolled", cur.fetchone())
    say("single rows", sum(1 for _ in conn.cursor().stream("SELECT generate_series(1, %s)", (5000,))))
    for options in ("", "(FORMAT csv, HEADER)", "(FORMAT binary)"):
        with conn.cursor().copy(f"COPY (SELECT * FROM products ORDER BY id) TO STDOUT {options}") as copy:
            say("copy out", options, b"".join(bytes(block) for block in copy))
    with conn.cursor() as cur:
        with cur.copy("COPY scratch FROM STDIN") as copy:
            for n in range(1000):
                copy.write_row((n, "row\t%d" % n))
        say("copy in", cur.rowcount)

        def aborted():
            with cur.copy("COPY scratch FROM STDIN") as copy:
                copy.write_row((1, "x"))
                raise psycopg.DataError("changed my mind")

        error(aborted)
        say("after it", conn.execute("SELECT count(*) FROM scratch").fetchone())


def pipelines(conn):
    with conn.pipeline() as pipeline:
        one = conn.execute("SELECT %s::int4 + 1", (1,))
        two = conn.execute("SELECT count(*) FROM orders")
        pipeline.sync()
        say("pipeline", one.fetchall(), two.fetchall())

    def broken():
        with conn.pipeline():
            conn.execute("SELECT 1")
            conn.execute("SELECT 1 / %s", (0,))
            conn.execute("SELECT 2")

    error(broken)
    say("after it", conn.info.transaction_status.name, conn.execute("SELECT 4").fetchone())


def transactions(conn):
    with conn.transaction(force_rollback=True):
        conn.execute("INSERT INTO scratch VALUES (-1, 'gone')")
        with conn.transaction():
            say("nested", conn.info.transaction_status.name)
            error(lambda: conn.execute("SELECT 1 / 0"))
            say("nested, failed", conn.info.transaction_status.name)
            raise psycopg.Rollback
        say("outer", conn.info.transaction_status.name)
    conn.autocommit = False
    conn.execute("SELECT 1")
    say("in", conn.info.transaction_status.name)
    error(lambda: conn.execute("SELECT 1 / 0"))
    say("failed", conn.info.transaction_status.name)
    error(lambda: conn.execute("SELECT 1"))
    conn.rollback()
    conn.autocommit = True
    say("out", conn.info.transaction_status.name)


def errors(conn):
    error(lambda: conn.execute("SELECT nothing FROM orders"))
    error(lambda: conn.execute("SELEC 1"))
    error(lambda: conn.execute("INSERT INTO products VALUES (1, 'again', 1)"))
    error(lambda: conn.execute("INSERT INTO order_items VALUES (999, 1, 1)"))
    error(lambda: conn.execute("SELECT %s::int4", ("x",)))
    error(lambda: conn.execute("SELECT no_such_function(1)"))
    error(lambda: conn.execute("SET nothing.of.it = 1; SET work_mem = 'much'"))


def asynchronous(conn, dsn):
    notices = []
    conn.add_notice_handler(lambda d: notices.append((d.severity, d.sqlstate, d.message_primary)))
    conn.execute("DROP TABLE IF EXISTS not_there")
    say("notices", notices)
    conn.execute("LISTEN channel")
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("NOTIFY channel, 'payload'")
    for notify in conn.notifies(timeout=10, stop_after=1):
        say("notify", notify.channel, notify.payload)
    timer = threading.Timer(0.5, conn.cancel)
    timer.start()
    error(lambda: conn.execute("SELECT pg_sleep(20)"))
    timer.join()
    with psycopg.connect(dsn, autocommit=True) as other:
        say("real pid", other.info.backend_pid == other.execute("SELECT pg_backend_pid()").fetchone()[0])


def parameters(conn):
    names = ("server_version", "server_encoding", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
             "integer_datetimes", "standard_conforming_strings", "is_superuser", "session_authorization", "application_name")
    say("parameters", {n: conn.info.parameter_status(n) for n in names})
    conn.execute("SET TimeZone = 'Europe/Stockholm'")
    conn.execute("SET application_name = 'renamed'")
    say("changed", conn.info.parameter_status("TimeZone"), conn.info.parameter_status("application_name"))
    say("shown", conn.execute("SHOW search_path").fetchone(), conn.execute("SHOW statement_timeout").fetchone())
    conn.execute("RESET ALL")
    say("reset", conn.execute("SHOW search_path").fetchone(), conn.execute("SHOW statement_timeout").fetchone())


def main():
    dsn = sys.argv[1] + " options='-c search_path=public,pg_temp -c statement_timeout=60000' application_name=plain"
    with psycopg.connect(dsn, autocommit=True) as conn:
        say("libpq speaks", conn.pgconn.server_version // 10000, pq.TransactionStatus(conn.pgconn.transaction_status).name)
        types(conn)
        statements(conn)
        streams(conn)
        pipelines(conn)
        transactions(conn)
        errors(conn)
        asynchronous(conn, dsn)
        parameters(conn)


main()
