"""What an error tells a person: a code, a place, what to do next, and never what somebody said."""

import json
import re

SECRET = "the-secret-of-the-conversation"
ERROR = re.compile(r"\A(PL-[A-Z]+-\d{3})  .+\.\n(?: +(?:Expected|Found) .+\.\n)? +Try: .+\n\Z", re.DOTALL)
GOOD_LINE = json.dumps(
    {"chosen": f"\n\nHuman: {SECRET}\n\nAssistant: a", "rejected": f"\n\nHuman: {SECRET}\n\nAssistant: b"}
).encode()


def fails(result, code=None, exit_code=None):
    """The call ended in an error a person can act on; returns its code."""
    ended, out, err = result
    assert out == ""
    match = ERROR.match(err)
    assert match, err
    assert match[1] != "PL-BUG-001", err
    assert SECRET not in err
    assert code is None or re.fullmatch(code, match[1]), err
    assert ended == exit_code if exit_code else ended in (1, 2)
    return match[1]
