-- dbt's chains of CTEs and what it wraps them in.

with source as (
    select * from public.accounts
),
renamed as (
    select
        id as account_id,
        email,
        full_name as account_name,
        country,
        plan,
        created_at::date as created_on
    from source
)
select * from renamed;

with accounts as (
    select * from public.accounts
),
invoices as (
    select * from public.invoices
),
account_invoices as (
    select account_id, min(issued_on) as first_invoice, max(issued_on) as latest_invoice, count(id) as number_of_invoices
    from invoices group by account_id
),
account_payments as (
    select i.account_id, sum(p.amount) as total_amount
    from public.payments p left join invoices i on p.invoice_id = i.id group by 1
),
final as (
    select a.id as account_id, a.email, a.full_name, ai.first_invoice, ai.latest_invoice, ai.number_of_invoices, ap.total_amount as lifetime_value
    from accounts a
    left join account_invoices ai on a.id = ai.account_id
    left join account_payments ap on a.id = ap.account_id
)
select * from final order by account_id;

select count(*) as failures, count(*) != 0 as should_warn, count(*) != 0 as should_error
from (
    select id from public.accounts where id is null
) dbt_internal_test;

select count(*) as failures from (
    select id as unique_field, count(*) as n_records from public.accounts where id is not null group by id having count(*) > 1
) dbt_internal_test;

select count(*) as failures from (
    select email from public.accounts where email is null
) dbt_internal_test;

select count(*) as failures from (
    select tax_id as unique_field, count(*) as n_records from public.accounts where tax_id is not null group by tax_id having count(*) > 1
) dbt_internal_test;

with child as (select account_id as from_field from public.invoices where account_id is not null),
parent as (select id as to_field from public.accounts)
select from_field from child left join parent on child.from_field = parent.to_field where parent.to_field is null;

with all_values as (select plan as value_field, count(*) as n_records from public.accounts group by plan)
select * from all_values where value_field not in ('free', 'team', 'pro');

create table public.dim_accounts__dbt_tmp as (
    with source as (select id, country, plan, created_at from public.accounts)
    select id, country, plan, date_trunc('month', created_at) as cohort from source
);
alter table public.dim_accounts__dbt_tmp rename to dim_accounts;

create temporary table fct_tmp as (
    select i.id, i.account_id, a.country, i.amount from public.invoices i join public.accounts a on a.id = i.account_id where i.issued_on >= '2024-03-01'
);
delete from public.daily_totals where day in (select date '2024-01-03');
insert into public.daily_totals (day, orders, revenue) select date '2024-01-03', count(*), sum(amount) from fct_tmp;

create view public.stg_invoices__dbt_tmp as (select id, account_id, amount from public.invoices where status = 'paid');

select distinct table_schema as "table_schema", table_name as "table_name", case table_type when 'BASE TABLE' then 'table' when 'EXTERNAL TABLE' then 'external' when 'MATERIALIZED VIEW' then 'materializedview' else lower(table_type) end as "table_type" from information_schema.tables where table_schema ilike 'public' and table_name ilike 'acc%' and table_name not ilike '';

select column_name, data_type, character_maximum_length, numeric_precision, numeric_scale from information_schema.columns where table_name = 'accounts' and table_schema = 'public' order by ordinal_position;

select 'work' as database, tablename as name, schemaname as schema, 'table' as type from pg_tables where schemaname ilike 'public' union all select 'work', viewname, schemaname, 'view' from pg_views where schemaname ilike 'public' order by 2;

with relation as (select pg_rewrite.ev_class as class, pg_rewrite.oid as id from pg_rewrite), class as (select oid as id, relname as name, relnamespace as schema, relkind as kind from pg_class), dependency as (select distinct pg_depend.objid as id, pg_depend.refobjid as ref from pg_depend), schema as (select pg_namespace.oid as id, pg_namespace.nspname as name from pg_namespace where nspname != 'information_schema' and nspname not like 'pg\_%'), referenced as (select relation.id as id, referenced_class.name, referenced_class.schema, referenced_class.kind from relation join class as referenced_class on relation.class = referenced_class.id where referenced_class.kind in ('r', 'v', 'm')), relationships as (select referenced.name as referenced_name, referenced.schema as referenced_schema_id, dependent_class.name as dependent_name, dependent_class.schema as dependent_schema_id, referenced.kind as kind from referenced join dependency on referenced.id = dependency.id join class as dependent_class on dependency.ref = dependent_class.id where (referenced.name != dependent_class.name or referenced.schema != dependent_class.schema)) select referenced_schema.name as referenced_schema, relationships.referenced_name as referenced_name, dependent_schema.name as dependent_schema, relationships.dependent_name as dependent_name, relationships.kind as kind from relationships join schema as dependent_schema on relationships.dependent_schema_id = dependent_schema.id join schema as referenced_schema on relationships.referenced_schema_id = referenced_schema.id group by 1, 2, 3, 4, 5 order by referenced_schema, referenced_name, dependent_schema, dependent_name;

with months as (select generate_series(date '2024-01-01', date '2024-05-01', interval '1 month')::date as month),
per_account as (select a.id, a.plan, m.month from public.accounts a cross join months m where a.created_at < m.month + interval '1 month'),
revenue as (select account_id, date_trunc('month', issued_on)::date as month, sum(amount) as amount from public.invoices group by 1, 2),
joined as (select p.id, p.plan, p.month, coalesce(r.amount, 0) as mrr, lag(coalesce(r.amount, 0)) over (partition by p.id order by p.month) as previous from per_account p left join revenue r on r.account_id = p.id and r.month = p.month),
classified as (select *, case when previous is null then 'new' when previous = 0 and mrr > 0 then 'reactivated' when mrr = 0 and previous > 0 then 'churned' when mrr > previous then 'up' when mrr < previous then 'down' else 'same' end as change from joined)
select month, plan, change, count(*) as accounts, sum(mrr - coalesce(previous, 0)) as delta from classified group by 1, 2, 3 order by 1, 2, 3;

with ranked as (select *, row_number() over (partition by tax_id order by created_at desc, id) as rn from public.accounts where tax_id is not null), latest as (select * from ranked where rn = 1) select id, email, tax_id, country from latest order by id;

--: no origin
--: since 16
with dbt__cte__a as (select id, email, phone, country from public.accounts), dbt__cte__b as (select a.id, a.email, a.phone, t.subject from dbt__cte__a a join public.tickets t on t.account_id = a.id) select id, email, phone, count(subject) as tickets from (select * from dbt__cte__b) x group by id, email, phone having count(*) > 5;

with unioned as (select id, email, 'account' as source from public.accounts union all select c.id, c.email, 'customer' from public.customers c) select source, count(*), count(email) from unioned group by source order by source;

select md5(cast(coalesce(cast(id as text), '_null_') || '-' || coalesce(cast(country as text), '_null_') as text)) as account_key, id, email from public.accounts order by id;

--: needed a surrogate key of a value
select md5(email) as email_key from public.accounts;

--: needed a copy of values would outlive a grant
create table public.stg_accounts as (select id, email from public.accounts);

--: needed a view is a new name for protected data
create view public.stg_accounts_view as (select id, country from public.accounts);
