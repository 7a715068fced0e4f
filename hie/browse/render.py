"""Turning values into pages: templates, links, headers. Nothing in a template runs or styles inline."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from pypinyin import Style, lazy_pinyin
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hie.base.errors import RETRY_AFTER, Category, HieError
from hie.browse.dates import day, shown
from hie.browse.medicine import dose_text
from hie.browse.place import REGIONS
from hie.browse.trend import spark
from hie.browse.words import LANGUAGES, PACKAGES, Words, catalogues

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
"""Content-Security-Policy of every page; `connect-src` lets the page's own script fetch a drawer or more rows."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file: its bytes, content type and a hash of its content for the URL."""

    body: bytes
    content_type: str
    digest: str


def assets(packages: Sequence[str] = PACKAGES) -> dict[str, Asset]:
    """All static files of some packages by name."""
    found = {}
    for entry in (entry for name in packages for entry in resources.files(name).joinpath("static").iterdir()):
        suffix = entry.name.rsplit(".", 1)[-1]
        if suffix in _TYPES:
            body = entry.read_bytes()
            found[entry.name] = Asset(body, _TYPES[suffix], hashlib.sha256(body).hexdigest()[:12])
    return found


@cache
def _templates(packages: tuple[str, ...]) -> Environment:
    """The templates of some packages; a template is compiled when it is first asked for."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"shown": shown, "day": day, "lines": _lines, "spoken": _spoken}
    made.globals |= {"spark": spark, "REGIONS": REGIONS, "initials": initials, "dose": dose_text}
    return made


def warm(packages: Sequence[str] = PACKAGES) -> None:
    """Compile every template, a third of a second's work, so that the first page after a start does not wait for it."""
    templates = _templates(tuple(packages))
    for name in templates.list_templates(extensions=["html"]):
        templates.get_template(name)


class Renderer:
    """Renders the templates of this package, or of others that build upon it, in either language."""

    def __init__(self, packages: Sequence[str] = PACKAGES, names: Mapping[str, str] | None = None) -> None:
        """`names`: see `catalogues`."""
        self.assets = assets(packages)
        self._words = catalogues(packages, names)
        self._templates = _templates(tuple(packages))

    def words(self, request: Request) -> Words:
        """The catalogue that the URL asks for with `lang`."""
        return self._words.get(request.query_params.get("lang", ""), self._words[LANGUAGES[0]])

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """One page, with the security headers; one that may come later says when to ask again."""
        words = self.words(request)
        body = self._templates.get_template(template).render(
            t=words,
            lang=words.language,
            link=link_maker(request),
            asset=self._asset_url(request),
            other_language=_other_language(request, words.language),
            **values,
        )
        later = {"Retry-After": RETRY_AFTER} if status == 503 else {}
        return HTMLResponse(body, status, headers={**HEADERS, **later})

    def asset(self, request: Request) -> Response:
        """The static file that the path names, kept for a year under the URL with its hash; NOT_FOUND without one."""
        found = self.assets.get(request.path_params["name"])
        if found is None:
            raise HieError(Category.NOT_FOUND, "There is no such file.")
        fresh = request.query_params.get("v") == found.digest
        cache = "public, max-age=31536000, immutable" if fresh else "no-cache"
        headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Content-Type": found.content_type}
        return Response(found.body, headers=headers)

    def _asset_url(self, request: Request) -> Callable[[str], str]:
        root = request.scope.get("root_path", "")
        return lambda name: f"{root}/static/{name}?v={self.assets[name].digest}"


def link_maker(request: Request) -> Callable[..., str]:
    """A function that makes URLs inside the browser: path parts, then parameters. The language is kept."""
    root = request.scope.get("root_path", "")
    language = request.query_params.get("lang", "")

    def link(path: str = "", **params: str) -> str:
        kept = {name: value for name, value in params.items() if value}
        if language in LANGUAGES[1:]:
            kept.setdefault("lang", language)
        return f"{root}/{path}" + (f"?{urlencode(kept)}" if kept else "")

    return link


def _other_language(request: Request, language: str) -> str:
    """URL of this page in the other language; only the filters of a URL are kept, and it holds nothing else."""
    params = [(k, v) for k, v in request.query_params.multi_items() if k not in ("lang", "part")]
    if language == LANGUAGES[0]:
        params.append(("lang", LANGUAGES[1]))
    query = f"?{urlencode(params)}" if params else ""
    return f"{request.scope['path'] if request.method == 'GET' else request.scope.get('root_path', '') + '/'}{query}"


def initials(title: str) -> str:
    """Pinyin initials for the search box: 血常规 -> `xcg`."""
    return "".join(part[:1] for part in lazy_pinyin(title[:40], style=Style.FIRST_LETTER)).lower()


def _spoken(key: str) -> str:
    """The name of an element without a word of ours: `element.lotNumber` -> `lot number`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", key.rsplit(".", 1)[-1]).lower()


def _lines(text: str) -> Markup:
    """Text with its line breaks kept."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())
