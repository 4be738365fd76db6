"""Reproducible users and groups, with the characters that tend to get lost."""

from __future__ import annotations

import random
from typing import Any

Payload = dict[str, Any]

CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

GIVEN_NAMES = [
    "Ada", "Zoë", "Søren", "Łukasz", "Nguyễn", "Ἀλέξανδρος", "Владимир", "محمد",
    "שרה", "明", "さくら", "지우", "प्रिया", "Ñusta", 'Robert "Bob"', "D'Arcy",
    "back\\slash", "Jose\u0301",  # an accent of its own must not become one with its letter
    "Emoji 🦀👩‍👩‍👧", "tab\there",
]  # fmt: skip
FAMILY_NAMES = [
    "Lovelace", "O'Brien", "Müller-Lüdenscheidt", "Þórsdóttir", "Παπαδόπουλος",
    "Иванов", "القحطاني", "山田", "김", 'quoted "name"', "C:\\Users\\x", "van der Berg",
    "100%_sure; DROP", "{curly} [square] <angle>", "null", "Smith & Sons",
]  # fmt: skip
DEPARTMENTS = ["R&D", "Ventes", "Größte Abteilung", "人事部", 'The "A" Team', "IT\\Ops"]
STREETS = [
    "1 Main St",
    "Straße des 17. Juni 135",
    "東京都千代田区1-1",
    'Apt \\7 "rear"',
]
COUNTRIES = ["US", "DE", "JP", "FR", "IS"]
EMAIL_TYPES = ["work", "home", "other"]
PHONE_TYPES = ["work", "mobile", "fax"]


def user(number: int, rng: random.Random, *, edition: int = 1) -> Payload:
    """Return what a client writes for one user.

    `number` makes the unique attributes unique, whatever the letter case;
    `edition` tells versions of the same user apart.
    """
    given, family = rng.choice(GIVEN_NAMES), rng.choice(FAMILY_NAMES)
    payload: Payload = {
        "schemas": [CORE_USER],
        "userName": user_name(number, edition),
        "externalId": f"hr-{number:05}",
        "name": {
            "formatted": f"{given} {family}",
            "givenName": given,
            "familyName": family,
        },
        "displayName": f"{given} {family} ({number})",
        "active": rng.random() < 0.9,
        "emails": emails(number, rng),
    }
    if rng.random() < 0.3:
        payload["name"] |= {"middleName": "Q.", "honorificPrefix": "Dr."}
    if rng.random() < 0.5:
        payload |= {
            "nickName": given,
            "title": f'{rng.choice(["Chief", "Vice", "Assistant"])} "{family}"',
            "userType": rng.choice(["Employee", "Contractor"]),
            "preferredLanguage": "fr-CA",
            "locale": "de-AT",
            "timezone": "America/Los_Angeles",
            "profileUrl": f"https://people.example.com/~{number}?edition={edition}",
        }
    if rng.random() < 0.7:
        payload["phoneNumbers"] = [
            {"value": f"+1-555-{number:05}-{index}", "type": PHONE_TYPES[index]}
            for index in range(rng.randint(1, 3))
        ]
    if rng.random() < 0.5:
        payload["addresses"] = [
            address(rng, kind) for kind in rng.sample(EMAIL_TYPES, rng.randint(1, 2))
        ]
    if rng.random() < 0.2:
        payload["roles"] = [{"value": "reader", "display": "Léser", "primary": True}]
        payload["entitlements"] = [{"value": f"seat-{number}"}]
    if rng.random() < 0.2:
        payload["password"] = f'pä"ss\\wörd-{number}'
    if rng.random() < 0.6:
        payload["schemas"] = [CORE_USER, ENTERPRISE]
        payload[ENTERPRISE] = {
            "employeeNumber": f"{number:06}",
            "costCenter": f"{rng.randint(1000, 9999)}",
            "organization": "Universal Studios ™",
            "division": "Theme Park",
            "department": rng.choice(DEPARTMENTS),
        }
    return payload


def user_name(number: int, edition: int) -> str:
    """Return a unique user name; some need escaping in JSON, filters and logs."""
    shapes = [
        f"user{number:04}@example.com",
        f"EXAMPLE\\user{number:04}",
        f'"user{number:04}"',
        f"usér{number:04}@例え.example",
        f"user {number:04} + co",
    ]
    name = shapes[number % len(shapes)] if number % 3 == 0 else shapes[0]
    return name if edition == 1 else f"{name}#{edition}"


def emails(
    number: int, rng: random.Random, *, domain: str = "example.com"
) -> list[Payload]:
    """Return one to four addresses, of which the first is primary."""
    values: list[Payload] = []
    for index in range(rng.randint(1, 4)):
        email: Payload = {
            "value": f"u{number:04}.{index}+tag@{domain}",
            "type": EMAIL_TYPES[index % len(EMAIL_TYPES)],
        }
        if index == 0:
            email["primary"] = True
        elif rng.random() < 0.3:
            email |= {"primary": False, "display": f'"{index}" <{number}>'}
        values.append(email)
    return values


def address(rng: random.Random, kind: str) -> Payload:
    """Return a postal address whose formatted form has several lines."""
    street, country = rng.choice(STREETS), rng.choice(COUNTRIES)
    return {
        "type": kind,
        "streetAddress": street,
        "locality": "Köln",
        "postalCode": f"{rng.randint(0, 99999):05}",
        "country": country,
        "formatted": f"{street}\nKöln\n{country}",
    }


def group(number: int, member_ids: list[str], rng: random.Random) -> Payload:
    """Return what a client writes for one group; some members come with a type."""
    payload: Payload = {
        "schemas": [CORE_GROUP],
        "displayName": f'{rng.choice(DEPARTMENTS)} / Gruppe "{number}"',
        "externalId": f"grp-{number:03}",
    }
    if member_ids:
        payload["members"] = [
            {"value": id_} if index % 2 else {"value": id_, "type": "User"}
            for index, id_ in enumerate(member_ids)
        ]
    return payload
