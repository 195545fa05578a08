-- The sample shop of the integration tests: small, and with a column of every
-- type family that masks know. Order of rows is by id; nothing is random.
CREATE TABLE customers (
    id         int4 PRIMARY KEY,
    name       text NOT NULL,
    email      text UNIQUE,
    ssn        text,
    phone      varchar(20),
    birth_date date,
    salary     numeric(10, 2),
    country    text NOT NULL DEFAULT 'SE',
    notes      text,
    created_at timestamptz NOT NULL DEFAULT '2024-01-01 12:00:00+00'
);
CREATE TABLE products (
    id    int4 PRIMARY KEY,
    name  text NOT NULL,
    price numeric(10, 2) NOT NULL
);
CREATE TABLE orders (
    id          int4 PRIMARY KEY,
    customer_id int4 NOT NULL REFERENCES customers,
    status      text NOT NULL,
    placed_at   timestamptz NOT NULL
);
CREATE TABLE order_items (
    order_id   int4 NOT NULL REFERENCES orders,
    product_id int4 NOT NULL REFERENCES products,
    quantity   int4 NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
-- One column a type, for masks in text and binary format.
CREATE TABLE vault (
    id int4 PRIMARY KEY,
    c_text text, c_varchar varchar(30), c_char char(8), c_int2 int2, c_int4 int4, c_int8 int8,
    c_numeric numeric, c_float4 float4, c_float8 float8, c_bool bool, c_date date,
    c_timestamp timestamp, c_timestamptz timestamptz, c_uuid uuid, c_bytea bytea, c_inet inet,
    c_json json, c_jsonb jsonb, c_texts text[], c_ints int4[]
);

INSERT INTO customers
SELECT i, initcap(n) || ' ' || f, n || i || '@' || d, lpad((i * 7919 % 1000000)::text, 6, '0') || '-' || lpad((i * 31 % 10000)::text, 4, '0'),
       '+46 70 ' || lpad((i * 12347 % 10000000)::text, 7, '0'), date '1950-01-01' + i * 211, 20000 + i * 137.5,
       (ARRAY['SE', 'NO', 'DE', 'FI'])[1 + i % 4], CASE WHEN i % 5 = 0 THEN NULL ELSE 'note ' || i END,
       timestamptz '2024-01-01 12:00:00+00' + i * interval '1 hour'
FROM generate_series(1, 50) i,
     LATERAL (SELECT (ARRAY['anna', 'bengt', 'carla', 'doris', 'egon', 'frida', 'gustav'])[1 + i % 7] n,
                     (ARRAY['Andersson', 'Berg', 'Carlsen', 'Dahl', 'Ek'])[1 + i % 5] f,
                     (ARRAY['example.com', 'mail.example.net', 'work.example.org'])[1 + i % 3] d) x;
INSERT INTO products SELECT i, 'Product ' || i, 9.95 * i FROM generate_series(1, 10) i;
INSERT INTO orders
SELECT i, 1 + i * 13 % 50, (ARRAY['new', 'paid', 'sent'])[1 + i % 3], timestamptz '2024-02-01 00:00+00' + i * interval '3 hours'
FROM generate_series(1, 120) i;
INSERT INTO order_items SELECT i, 1 + i % 10, 1 + i % 4 FROM generate_series(1, 120) i;
INSERT INTO vault VALUES
    (1, 'raw-text', 'raw-varchar', 'rawchar', 1234, 123456789, 1234567890123456789, 12345.6789, 1.5, 2.25, true,
     '1984-05-06', '1984-05-06 07:08:09', '1984-05-06 07:08:09+00', '6ec0bd7f-11c0-43da-975e-2a8ad9ebae0b', '\xdeadbeef',
     '192.0.2.17', '{"raw": "json"}', '{"raw": "jsonb"}', ARRAY['raw-one', 'raw-two'], ARRAY[11, 22, 33]),
    (2, '', '', '', 0, 0, 0, 0, 0, 0, false, '2000-01-01', '2000-01-01', '2000-01-01', '00000000-0000-0000-0000-000000000000',
     '', '::1/128', 'null', '[]', '{}', '{}'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE VIEW customer_contacts AS SELECT id, name AS full_name, email AS contact FROM customers;
CREATE VIEW swedish_contacts AS
SELECT c.id, c.full_name, c.contact FROM customer_contacts c JOIN customers x ON x.id = c.id WHERE x.country = 'SE';

GRANT ALL ON ALL TABLES IN SCHEMA public TO ana, sam, etl;
GRANT CREATE, USAGE ON SCHEMA public TO ana, sam, etl;
ANALYZE;
