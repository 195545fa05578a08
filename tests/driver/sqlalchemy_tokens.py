"""An ORM over masked columns: finds records by their tokens, and saves whole
records as it read them.

Usage: sqlalchemy_tokens.py CONNECTION_STRING

Policy: `ssn` is a token, `phone` is fpe, `email` is masked and leads nowhere.
Prints what it found, one line a step.
"""

import sys

from sqlalchemy import Date, Numeric, create_engine, insert, select, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.orm.attributes import flag_modified


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    ssn: Mapped[str | None]
    phone: Mapped[str | None]
    birth_date = mapped_column(Date)
    salary = mapped_column(Numeric)
    country: Mapped[str] = mapped_column(default="SE")


REVERSIBLE = ["ssn", "phone"]


def main():
    fields = dict(part.split("=", 1) for part in sys.argv[1].split())
    url = "postgresql+psycopg://{user}:{password}@{host}:{port}/{dbname}".format(**fields)
    engine = create_engine(url)

    with Session(engine) as session:
        tokens = [c.ssn for c in session.scalars(select(Customer).where(Customer.id <= 3).order_by(Customer.id))]
        print("tokens", all(token.startswith("tok_") for token in tokens))
        # Beyond psycopg's threshold, the statement is prepared on the server.
        for turn in range(8):
            found = session.scalars(select(Customer.id).where(Customer.ssn == tokens[turn % 3])).all()
            assert found == [1 + turn % 3], found
        print("found by token")
        found = session.scalars(select(Customer.id).where(Customer.ssn.in_(tokens)).order_by(Customer.id)).all()
        print("found by list", found)
        phone = session.get(Customer, 4).phone
        print("found by fpe", session.scalars(select(Customer.id).where(Customer.phone == phone)).all())

    # The whole record is saved, as a form that shows it would.
    for turn in range(7):
        with Session(engine) as session:
            customer = session.get(Customer, 1)
            customer.name = f"Turn {turn}"
            for name in REVERSIBLE:
                flag_modified(customer, name)
            session.commit()
    print("saved whole")

    with Session(engine) as session:
        customer = session.get(Customer, 2)
        shown = {name: getattr(customer, name) for name in ["name", "country", "birth_date", "salary", *REVERSIBLE]}
        session.execute(update(Customer).where(Customer.ssn == shown["ssn"]).values(**shown))
        session.add(Customer(id=201, **shown))
        session.add_all([Customer(id=202, name="x", ssn=shown["ssn"]), Customer(id=203, name="y", ssn=None)])
        session.commit()
    print("copied")

    # Many rows at once, as a list of VALUES; what has no value yet is NULL.
    rows = [{"id": 204 + n, "name": "bulk", "ssn": tokens[n], "email": None, "phone": None} for n in range(2)]
    with Session(engine) as session:
        many = insert(Customer).returning(Customer.id, sort_by_parameter_order=True)
        print("bulk", session.scalars(many, rows).all())
        session.commit()

    # A mask that leads nowhere must not be saved in the value's place.
    for column, value in [("email", None), ("ssn", "123-45-6789"), ("phone", "***")]:
        with Session(engine) as session:
            customer = session.get(Customer, 3)
            customer.name = "must not be written"
            if value is not None:
                setattr(customer, column, value)
            flag_modified(customer, column)
            try:
                session.commit()
                print("SAVED", column)
            except ProgrammingError as error:
                print("refused", column, error.orig.sqlstate)


main()
