"""Same origin: what changes something is done by our own pages and by programs, never by a page from elsewhere.

A browser says with every POST where the page comes from: in `Sec-Fetch-Site` (W3C Fetch Metadata), an older one in
`Origin` (which is `null` for our own forms too, as our pages send no referrer). A program says neither. So nothing has
to be remembered between showing a form and taking it in.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

from hie.base.errors import Category, HieError

_OURS = ("same-origin", "none")


async def same_origin(request: Request) -> None:
    """Raise FORBIDDEN for a request that changes something and comes from a page of another origin."""
    if request.method in ("GET", "HEAD"):
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        ours = site in _OURS
    else:
        ours = origin is None or urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    if not ours:
        raise HieError(Category.FORBIDDEN, "This was asked by a page from elsewhere.")
