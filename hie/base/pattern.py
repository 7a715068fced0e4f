"""Regular expressions that others send: whether a search with one can take for ever."""

import re

_TOKEN = re.compile(
    r"(?P<atom>\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<open>\((?:\?P?<?)?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<repeat>[*+?]|\{\d+\}|\{\d*,\d*\})[?+]?"
)


def explodes(pattern: str) -> bool:
    """Whether something that can match in several ways is repeated, at any depth: `(a+)*`, `((a+))+`, `(a|ab)*`.

    Such a pattern may try exponentially many ways. Some that never do are told as well (`(a|b)*`).
    """
    varies, inner, closed = [False], False, -1
    for token in _TOKEN.finditer(pattern):
        if token["open"]:
            varies.append(False)
        elif token["close"] and len(varies) > 1:
            inner, closed = varies.pop(), token.end()
            varies[-1] |= inner
        elif token["or"]:
            varies[-1] = True
        elif repeat := token["repeat"]:
            if repeat != "?" and inner and token.start() == closed:
                return True
            varies[-1] |= not repeat[1:-1].isdigit()
    return False
