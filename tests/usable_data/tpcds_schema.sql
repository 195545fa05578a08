-- Some tables of a retailer's warehouse, in the manner of TPC-DS.
CREATE TABLE date_dim (d_date_sk int PRIMARY KEY, d_date date, d_year int, d_moy int, d_qoy int, d_dow int, d_day_name text, d_month_seq int, d_week_seq int);
CREATE TABLE item (i_item_sk int PRIMARY KEY, i_item_id char(16), i_item_desc text, i_current_price numeric(7,2), i_brand_id int, i_brand text, i_class text, i_category text, i_manufact_id int, i_manager_id int);
CREATE TABLE store (s_store_sk int PRIMARY KEY, s_store_id char(16), s_store_name text, s_state char(2), s_county text, s_city text, s_zip text, s_gmt_offset numeric);
CREATE TABLE customer_address (ca_address_sk int PRIMARY KEY, ca_street_number text, ca_street_name text, ca_city text, ca_county text, ca_state char(2), ca_zip text, ca_country text, ca_gmt_offset numeric);
CREATE TABLE tpcds_customer (c_customer_sk int PRIMARY KEY, c_customer_id char(16) UNIQUE, c_current_addr_sk int REFERENCES customer_address, c_salutation text, c_first_name text, c_last_name text, c_preferred_cust_flag char(1), c_birth_country text, c_birth_month int, c_login text, c_email_address text);
CREATE VIEW customer AS SELECT * FROM tpcds_customer;
CREATE TABLE store_sales (ss_sold_date_sk int REFERENCES date_dim, ss_item_sk int REFERENCES item, ss_customer_sk int REFERENCES tpcds_customer, ss_addr_sk int, ss_store_sk int REFERENCES store, ss_ticket_number int, ss_quantity int, ss_list_price numeric(7,2), ss_sales_price numeric(7,2), ss_ext_sales_price numeric(9,2), ss_ext_discount_amt numeric(9,2), ss_net_paid numeric(9,2), ss_net_profit numeric(9,2), ss_coupon_amt numeric(7,2), PRIMARY KEY (ss_item_sk, ss_ticket_number));
CREATE TABLE store_returns (sr_returned_date_sk int, sr_item_sk int, sr_customer_sk int, sr_store_sk int, sr_ticket_number int, sr_return_amt numeric(7,2), PRIMARY KEY (sr_item_sk, sr_ticket_number));
CREATE TABLE web_sales (ws_sold_date_sk int, ws_item_sk int, ws_bill_customer_sk int, ws_order_number int, ws_quantity int, ws_ext_sales_price numeric(9,2), ws_net_paid numeric(9,2), PRIMARY KEY (ws_item_sk, ws_order_number));
INSERT INTO date_dim SELECT i, d, extract(year FROM d), extract(month FROM d), extract(quarter FROM d), extract(dow FROM d), trim(to_char(d, 'Day')), (extract(year FROM d) - 1900) * 12 + extract(month FROM d) - 1, i / 7 FROM (SELECT i, date '1999-01-01' + i * 3 AS d FROM generate_series(0, 400) i) x;
INSERT INTO item SELECT i, 'ITEM' || lpad(i::text, 12, 'A'), 'desc ' || i, i * 2, i % 10, 'brand' || i % 10, 'class' || i % 4, (ARRAY['Books', 'Music', 'Sports', 'Home'])[1 + i % 4], i % 20, i % 8 FROM generate_series(1, 40) i;
INSERT INTO store SELECT i, 'STORE' || i, 'Store ' || i, (ARRAY['TN', 'CA'])[1 + i % 2], 'County ' || i % 3, 'City ' || i % 3, 30000 + i, -5 FROM generate_series(1, 5) i;
INSERT INTO customer_address SELECT i, i, 'Main Street', 'City ' || i % 5, 'County ' || i % 3, (ARRAY['TN', 'CA', 'GA'])[1 + i % 3], 30000 + i, 'United States', -5 FROM generate_series(1, 50) i;
INSERT INTO tpcds_customer SELECT i, 'CUST' || lpad(i::text, 12, 'A'), 1 + i % 50, 'Dr.', 'First' || i % 20, 'Last' || i % 30, (ARRAY['Y', 'N'])[1 + i % 2], 'NORWAY', 1 + i % 12, 'login' || i, 'mail' || i || '@x.org' FROM generate_series(1, 60) i;
INSERT INTO store_sales SELECT i % 400, 1 + i % 40, 1 + i % 60, 1 + i % 50, 1 + i % 5, i, 1 + i % 9, i % 90, i % 80, (i % 80) * 3, i % 5, (i % 80) * 2.5, (i % 80) - 20, i % 3 FROM generate_series(1, 600) i;
INSERT INTO store_returns SELECT ss_sold_date_sk + 1, ss_item_sk, ss_customer_sk, ss_store_sk, ss_ticket_number, ss_sales_price FROM store_sales WHERE ss_ticket_number % 4 = 0;
INSERT INTO web_sales SELECT i % 400, 1 + i % 40, 1 + i % 60, i, 1 + i % 5, i % 70, i % 65 FROM generate_series(1, 300) i;
ANALYZE;
