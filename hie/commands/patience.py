"""How long a command goes on asking a server that does not answer, or cannot take a request now.

Before a server has answered at all it gets seconds: it may not run. One that has answered may be starting anew, and
gets minutes. It may say itself how long to wait (Retry-After).
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

import httpx

TRIES = 8
"""How often something is asked before the server counts as gone."""
PATIENCE = 300.0
"""Seconds for which it is asked again all the same, when the server answered before."""
FIRST_PAUSE = 0.1
"""Seconds before the second try; each further pause is twice as long, up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = 5.0
ASKED_PAUSE = 60.0
"""A server may ask for a longer pause, up to this one."""

NOT_TAKEN = frozenset({429, 503})
"""HTTP status of a server that did nothing with a request and may take it later."""
IN_BETWEEN = frozenset({502, 504})
"""HTTP status of what stands before a server: whether that got the request is not known."""
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout)
"""How a request fails that no server got."""
BROKEN = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""How a request fails that a server may have got, or may be about to answer."""
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods of requests that may be sent again when a server may have got them (RFC 9110 §9.2.2)."""


class Doubtful(httpx.TransportError):
    """The answer did not come to a request that cannot be sent again: whether it was carried out is not known."""


class Tries:
    """The tries of one request; `number` is how many came to nothing."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds for which is tried at the least."""
        self.number = 0
        self._patience = patience
        self._began, self._pause = monotonic(), FIRST_PAUSE

    def again(self) -> bool:
        """Whether there is another try after one that came to nothing."""
        self.number += 1
        return self.number < TRIES or monotonic() - self._began < self._patience

    async def pause(self, asked: float) -> None:
        """Wait for the next try, `asked` seconds where the server asks for more."""
        await asyncio.sleep(max(self._pause, min(asked, ASKED_PAUSE)))
        self._pause = min(self._pause * 2, LONGEST_PAUSE)


def asked_pause(response: httpx.Response) -> float:
    """For how many seconds an answer asks to wait; 0 where it does not say, or names a date."""
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


class PatientClient:
    """Asks a server over HTTP until it takes a request; `waits` is told why it waits."""

    def __init__(self, http: httpx.AsyncClient, waits: Callable[[str], None]) -> None:
        self._http = http
        self._waits = waits
        self._patience = 0.0

    async def request(self, method: str, target: str, **more: Any) -> httpx.Response:
        """The answer to a request, the last one where none was any better. One that is not idempotent is sent again
        only when the server cannot have got it.

        Raises the `httpx.TransportError` of the last try, `Doubtful` at once.
        """
        repeatable = method in IDEMPOTENT
        later = NOT_TAKEN | IN_BETWEEN if repeatable else NOT_TAKEN
        again = (*NOT_SENT, *BROKEN) if repeatable else NOT_SENT
        tries = Tries(self._patience)
        while True:
            try:
                answer = await self._http.request(method, target, **more)
            except (*NOT_SENT, *BROKEN, httpx.ReadTimeout) as error:
                if not isinstance(error, again):
                    raise Doubtful(str(error)) from error
                if not await self._again(tries, 0.0, "no answer"):
                    raise
                continue
            self._patience = PATIENCE
            if answer.status_code not in later:
                return answer
            if not await self._again(tries, asked_pause(answer), str(answer.status_code)):
                return answer

    async def _again(self, tries: Tries, asked: float, why: str) -> bool:
        if not tries.again():
            return False
        self._waits(why)
        await tries.pause(asked)
        return True
