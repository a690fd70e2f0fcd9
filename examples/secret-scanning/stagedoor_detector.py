"""A plugin for detect-secrets 1.5: Stagedoor's credentials, and secrets of its signing keys.

    detect-secrets scan -p stagedoor_detector.py

Only texts whose check digits are right are found (spec/credentials.md), so chance does not look like a credential.
"""

import re
import zlib

from detect_secrets.plugins.base import RegexBasedDetector

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECK_CHARS = 6


def is_checked(text):
    """Whether the last six digits are the CRC-32 of all before them."""
    before, check = text[:-CHECK_CHARS], text[-CHECK_CHARS:]
    number = 0
    for digit in check:
        number = number * 62 + DIGITS.index(digit)
    return number == zlib.crc32(before.encode())


class StagedoorDetector(RegexBasedDetector):
    """Finds credentials by their form and their check digits."""

    secret_type = "Stagedoor credential"
    denylist = [
        re.compile(r"\bsd(?:root|key|pat|oat|lnk)_[0-9A-Za-z]{65}\b", re.ASCII),
        re.compile(r"\bsdsec_[0-9A-Za-z]{49}\b", re.ASCII),
    ]

    def analyze_string(self, string):
        """Every match whose check is right."""
        yield from filter(is_checked, super().analyze_string(string))
