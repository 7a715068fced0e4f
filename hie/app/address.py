"""An address on which nothing can listen: said so that whoever starts the server knows what to change."""

import contextlib
import errno
from collections.abc import Iterator

from hie.base.errors import Category, HieError

_REASONS = {
    errno.EADDRINUSE: "another program listens there. End it, or choose another {}",
    errno.EACCES: "this user may not. Choose a {} above 1023",
}
"""What the system says -> what is told, with the option that names the port."""


@contextlib.contextmanager
def listening(what: str, host: str, port: int, option: str) -> Iterator[None]:
    """Turn an `OSError` of whoever begins to listen into UNAVAILABLE, which names `what`, the address and `option`."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"{error.strerror}. Choose another {{}}").format(option)
        raise HieError(Category.UNAVAILABLE, f"{what} cannot listen on {host} port {port}: {reason}.") from error
