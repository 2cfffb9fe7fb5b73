"""Checks of what a user gives a model with ``--model-arg``: one line says what was expected."""

import os

from lvlm_eval.errors import InputError, nearest_names

DTYPES = ("auto", "float32", "float16", "bfloat16")


def check_whole(name: str, value: object, least: int, *, or_null: bool = False) -> None:
    """Refuse anything but a whole number from a least one.

    Raises:
        InputError: the value is something else.
    """
    if value is None and or_null:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}, expected a whole number from {least}.")


def check_above_zero(name: str, value: object, what: str, *, or_null: bool = False) -> None:
    """Refuse anything but a number above zero.

    Raises:
        InputError: the value is something else; ``what`` says what is measured.
    """
    if value is None and or_null:
        return
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise InputError(f"{name} is {value!r}, expected {what} above 0.")


def check_number(name: str, value: object) -> None:
    """Refuse anything but a number or null.

    Raises:
        InputError: the value is something else.
    """
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise InputError(f"{name} is {value!r}, expected a number or null.")


def check_dtype(name: str) -> None:
    """Refuse a type of weights that no back end is asked for.

    Raises:
        InputError: it is none of `DTYPES`.
    """
    if name not in DTYPES:
        raise InputError(f"unknown dtype '{name}'. {nearest_names(name, DTYPES)}")


def read_key(variable: str, *, needed: bool) -> str:
    """The key in an environment variable; empty where there is none.

    Raises:
        InputError: there is none and it is needed, or it holds what no header can.
    """
    key = os.environ.get(variable, "").strip()
    if not key and needed:
        raise InputError(f"set {variable} to your key, or give --base-url for your own server.")
    if not (key.isascii() and key.isprintable()):
        raise InputError(f"{variable} holds characters that no key has; set it again.")
    return key
