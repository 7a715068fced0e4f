"""The adapter contract on the three regions that ship. Golden files anew: `python tests/contract/test_adapters.py`."""

from pathlib import Path
from typing import ClassVar

from adapters.jiashan import adapter as jiashan
from adapters.qingpu import adapter as qingpu
from adapters.wujiang import adapter as wujiang
from hie.plugin import Adapter
from hie.testing.adapter_contract import AdapterContract, write_golden

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "contract"


class TestWujiang(AdapterContract):
    adapter: ClassVar[Adapter] = wujiang
    golden: ClassVar[Path] = GOLDEN / "wujiang"


class TestJiashan(AdapterContract):
    adapter: ClassVar[Adapter] = jiashan
    golden: ClassVar[Path] = GOLDEN / "jiashan"


class TestQingpu(AdapterContract):
    adapter: ClassVar[Adapter] = qingpu
    golden: ClassVar[Path] = GOLDEN / "qingpu"


if __name__ == "__main__":
    for one in (wujiang, jiashan, qingpu):
        write_golden(one, GOLDEN / one.region)
