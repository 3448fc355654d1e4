"""The observer looks where people read, and finds a secret that stands there."""

from demo.observer import leaks

SECRETS = {"saturno": "correct-horse", "latam": "battery-staple"}


def test_no_secret_in_any_place_is_no_leak() -> None:
    assert leaks(SECRETS, {"the audit log": [b"all is well"], "MLflow": []}) == ()


def test_a_secret_in_any_text_of_a_place_is_a_leak_once() -> None:
    places = {
        "the audit log": [b"fine", b"dsn=mysql://u:correct-horse@h/d", b"correct-horse"],
        "MLflow": [b"\x00binary battery-staple \xff"],
    }

    assert leaks(SECRETS, places) == (
        "the secret of latam's database stands in MLflow",
        "the secret of saturno's database stands in the audit log",
    )
