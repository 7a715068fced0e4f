"""The unified social credit code of organisations (统一社会信用代码, USCC): check character by GB 32100."""

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))


def check_character(body: str) -> str:
    """The 18th character for the first 17; raises `KeyError` for a character that the code does not use."""
    total = sum(_VALUE[character] * weight for character, weight in zip(body, _WEIGHTS, strict=True))
    return _ALPHABET[(31 - total % 31) % 31]


def is_valid(code: str) -> bool:
    """Whether `code` (ASCII, upper case) has 18 characters of the alphabet and the right check character."""
    if len(code) != 18 or any(character not in _VALUE for character in code):
        return False
    return check_character(code[:17]) == code[17]
