"""Where shipped data lives: `profiles/` and `mappings/`, in a checkout and in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def data_path(*parts: str) -> Path:
    """The path of a shipped data file or folder, such as `data_path("profiles", "r4")`.

    A checkout keeps the folders beside `hie/`; a wheel keeps them in `hie/data/`. The checkout wins when both exist.
    Raises `FileNotFoundError` when neither has it.
    """
    for root in (_PACKAGE.parent, _PACKAGE / "data"):
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise FileNotFoundError("/".join(parts))
