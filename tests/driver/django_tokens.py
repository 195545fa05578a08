"""Django over masked columns: finds records by their tokens, saves whole records
as it read them, and is refused before it would store a mask.

Usage: django_tokens.py CONNECTION_STRING

Policy: `ssn` is a token, `phone` is fpe, `email` and `notes` are masked and lead
nowhere. Runs twice: with values in the text, and bound by the server. Prints
what it found, one line a step.
"""

import sys

import django
from django.conf import settings
from django.db.utils import DatabaseError

fields = dict(part.split("=", 1) for part in sys.argv[1].split())


def connect(**options):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": fields["dbname"],
        "USER": fields["user"],
        "PASSWORD": fields["password"],
        "HOST": fields["host"],
        "PORT": fields["port"],
        "OPTIONS": options,
    }


settings.configure(
    DATABASES={"default": connect(), "bound": connect(server_side_binding=True)},
    USE_TZ=True,
)
django.setup()

from django.db import models, transaction  # noqa: E402


class Customer(models.Model):
    name = models.TextField()
    email = models.TextField(null=True)
    ssn = models.TextField(null=True)
    phone = models.CharField(max_length=20, null=True)
    birth_date = models.DateField(null=True)
    salary = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    country = models.TextField(default="SE")
    notes = models.TextField(null=True)

    class Meta:
        app_label = "shop"
        db_table = "customers"
        managed = False


MASKED = ["email", "notes"]


def refused(what, action):
    try:
        action()
        print("SAVED", what)
    except DatabaseError as error:
        print("refused", what, error.__cause__.sqlstate)


def play(using, base):
    people = Customer.objects.using(using)
    tokens = list(people.filter(id__lte=3).order_by("id").values_list("ssn", flat=True))
    print("tokens", all(token.startswith("tok_") for token in tokens))
    print("found by token", people.get(ssn=tokens[1]).id)
    found = people.filter(ssn__in=tokens, id__lte=50).order_by("id")
    print("found by list", list(found.values_list("id", flat=True)))
    print("not found", people.exclude(ssn__in=tokens).filter(id__lte=4).count())

    # What leads nowhere is not loaded, and so not saved; all else is saved as it was read.
    for turn in range(7):
        person = people.defer(*MASKED).get(id=1)
        person.name = f"Turn {turn}"
        person.save()
    print("saved what was loaded")

    # A whole record with masks in it is refused before anything is written.
    person = people.get(id=2)
    person.name = "must not be written"
    refused("whole", person.save)
    # A few of its fields can be saved.
    person.name = f"{using} two"
    person.save(update_fields=["name", "ssn", "phone", "birth_date"])
    print("saved fields")
    people.filter(id=2).update(ssn=person.ssn, country="SE")
    refused("update", lambda: people.filter(id=2).update(ssn="123-45-6789"))

    # A new record, a copy, and the same once more as an upsert.
    copy = Customer(id=base, name="copy", ssn=person.ssn, phone=person.phone, email=None, notes=None)
    copy.save(using=using, force_insert=True)
    upsert = {"update_conflicts": True, "unique_fields": ["id"], "update_fields": ["ssn", "phone"]}
    other = people.get(id=3)
    people.bulk_create([Customer(id=base, name="copy", ssn=other.ssn, phone=other.phone)], **upsert)
    print("copied", people.get(id=base).ssn == other.ssn)

    # Many rows at once, as arrays.
    rows = [Customer(id=base + n, name="bulk", ssn=tokens[n], email=None, birth_date=None) for n in (1, 2)]
    try:
        people.bulk_create(rows)
        print("bulk", [people.get(id=base + n).ssn == tokens[n] for n in (1, 2)])
        people.filter(id__gt=base).delete()
    except DatabaseError as error:
        print("bulk", error.__cause__.sqlstate)

    # All or nothing.
    def half():
        with transaction.atomic(using=using):
            people.filter(id=3).update(name="must not be written")
            people.filter(id=3).update(email="r***@e***.com")

    refused("half", half)


play("default", 401)
play("bound", 501)
