-- The sample shop of `bauta demo` and of docker-compose.yml: 20,000 made-up
-- customers in six related tables. Deterministic: every run makes the same
-- rows. Names are common ones; addresses, numbers and people are invented,
-- mail domains are those reserved for examples (RFC 2606).
CREATE TABLE customers (
    id         int4 PRIMARY KEY,
    first_name text NOT NULL,
    last_name  text NOT NULL,
    email      text NOT NULL,
    phone      text,
    ssn        text NOT NULL,
    birth_date date NOT NULL,
    country    text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE addresses (
    id          int4 PRIMARY KEY,
    customer_id int4 NOT NULL REFERENCES customers,
    kind        text NOT NULL CHECK (kind IN ('home', 'delivery')),
    street      text NOT NULL,
    postcode    text NOT NULL,
    city        text NOT NULL
);
CREATE TABLE products (
    id       int4 PRIMARY KEY,
    name     text NOT NULL,
    category text NOT NULL,
    price    numeric(10, 2) NOT NULL
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
CREATE TABLE support_tickets (
    id          int4 PRIMARY KEY,
    customer_id int4 NOT NULL REFERENCES customers,
    opened_at   timestamptz NOT NULL,
    subject     text NOT NULL,
    body        text NOT NULL
);

-- Multiplication by a prime spreads neighbours apart; no two customers share a
-- mail address since it carries the id.
INSERT INTO customers
SELECT i, f, l,
       lower(f) || '.' || lower(l) || i || '@' || (ARRAY['example.com', 'example.net', 'example.org'])[1 + i * 7 % 3],
       CASE WHEN i % 9 = 0 THEN NULL
            ELSE '+44 7700 ' || lpad((i::int8 * 48611 % 1000000)::text, 6, '0') END,
       lpad((900 + i::int8 * 7 % 99)::text, 3, '0') || '-' || lpad((i::int8 * 31 % 97 + 1)::text, 2, '0') || '-'
           || lpad((i::int8 * 7919 % 10000)::text, 4, '0'),
       date '1940-01-01' + (i::int8 * 6007 % 23000)::int4,
       (ARRAY['GB', 'IE', 'SE', 'DE', 'NL', 'FR', 'PL', 'ES'])[1 + (i::int8 * 97 % 8)::int4],
       timestamptz '2019-01-01 08:00+00' + i * interval '2 hours'
FROM (SELECT i,
             (ARRAY['Anna', 'Ben', 'Chloe', 'David', 'Elena', 'Finn', 'Grace', 'Hugo', 'Ines', 'Jack', 'Katarina',
                    'Liam', 'Maria', 'Noah', 'Olivia', 'Pavel', 'Quentin', 'Rosa', 'Samir', 'Tess', 'Umar', 'Vera',
                    'William', 'Xenia', 'Yusuf', 'Zoe', 'Aisha', 'Bruno', 'Clara', 'Dmitri', 'Emma', 'Felix'])
                 [1 + (i::int8 * 2654435761 % 4294967296 / 134217728)::int4] AS f,
             (ARRAY['Smith', 'Jones', 'Taylor', 'Brown', 'Novak', 'Murphy', 'Walsh', 'Johansson', 'Lindberg', 'Mueller',
                    'Schmidt', 'Weber', 'Jansen', 'Bakker', 'Martin', 'Bernard', 'Dubois', 'Kowalski', 'Garcia',
                    'Martinez', 'Lopez', 'Evans', 'Khan', 'Patel', 'Singh', 'Ahmed', 'Chen', 'Wong', 'Rossi',
                    'Costa', 'Nielsen', 'Hansen', 'Berg', 'Fischer', 'Kelly', 'Byrne', 'Ryan'])
                 [1 + (i::int8 * 40503 % 37)::int4] AS l
      FROM generate_series(1, 20000) AS i) AS person;

INSERT INTO addresses
SELECT i, 1 + (i - 1) % 20000, CASE WHEN i <= 20000 THEN 'home' ELSE 'delivery' END,
       (1 + i::int8 * 61 % 240) || ' ' || (ARRAY['High Street', 'Station Road', 'Mill Lane', 'Church Walk', 'Park Avenue',
           'Kings Way', 'Harbour Street', 'Garden Close', 'Bridge Road', 'Hill Rise'])[1 + (i::int8 * 7919 % 10)::int4],
       lpad((i::int8 * 104729 % 100000)::text, 5, '0'),
       (ARRAY['Leeds', 'Cork', 'Uppsala', 'Bremen', 'Utrecht', 'Lyon', 'Gdansk', 'Bilbao', 'York', 'Galway'])
           [1 + (i::int8 * 31 % 10)::int4]
FROM generate_series(1, 26000) AS i;

INSERT INTO products
SELECT i, (ARRAY['Oak', 'Steel', 'Linen', 'Glass', 'Wool'])[1 + i % 5] || ' '
           || (ARRAY['lamp', 'chair', 'kettle', 'blanket', 'shelf', 'mirror', 'desk', 'clock'])[1 + i % 8] || ' ' || i,
       (ARRAY['home', 'office', 'kitchen', 'garden'])[1 + i % 4], 4.95 + (i * 37 % 400)
FROM generate_series(1, 400) AS i;

INSERT INTO orders
SELECT i, 1 + (i::int8 * 7907 % 20000)::int4, (ARRAY['new', 'paid', 'sent', 'sent', 'sent', 'returned'])[1 + i % 6],
       timestamptz '2023-01-01 00:00+00' + i * interval '17 minutes'
FROM generate_series(1, 45000) AS i;

INSERT INTO order_items
SELECT 1 + i / 2, 1 + (i::int8 * 211 % 400)::int4, 1 + i % 4 FROM generate_series(0, 89999) AS i;

INSERT INTO support_tickets
SELECT i, c.id, timestamptz '2024-01-01 09:00+00' + i * interval '47 minutes',
       (ARRAY['Late delivery', 'Wrong item', 'Refund please', 'Cannot log in', 'Change of address'])[1 + i % 5],
       'Dear team, this is ' || c.first_name || ' ' || c.last_name || ' (' || c.email || '). '
           || (ARRAY['My parcel has not come.', 'The lamp is a chair.', 'Please refund my last order.',
                     'My password is refused.', 'I have moved house.'])[1 + i % 5]
FROM generate_series(1, 6000) AS i JOIN customers c ON c.id = 1 + (i::int8 * 6151 % 20000)::int4;

CREATE INDEX ON addresses (customer_id);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON support_tickets (customer_id);

-- ana analyses, sam decides about access, etl moves data.
CREATE ROLE ana LOGIN PASSWORD 'ana';
CREATE ROLE sam LOGIN PASSWORD 'sam';
CREATE ROLE etl LOGIN PASSWORD 'etl';
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ana, sam, etl;
ANALYZE;
