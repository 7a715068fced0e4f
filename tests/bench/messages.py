"""Made-up Wujiang messages, any number of them, each with its own patient, visit and report numbers."""

from datetime import date

ITEMS = (
    ("WBC", "白细胞计数", "10^9/L", "3.5-9.5", "6.20"),
    ("RBC", "红细胞计数", "10^12/L", "3.8-5.1", "4.41"),
    ("HGB", "血红蛋白", "g/L", "115-150", "131"),
    ("PLT", "血小板计数", "10^9/L", "125-350", "210"),
    ("GLU", "葡萄糖", "mmol/L", "3.9-6.1", "5.30"),
    ("K", "钾", "mmol/L", "3.5-5.3", "4.2"),
    ("CREA", "肌酐", "umol/L", "41-73", "66"),
    ("CRP", "C反应蛋白", "mg/L", "<10", "<0.5"),
)
_MSH = "MSH|^~\\&|{app}|WJYY^12320509MBHE01015B^USCC|HIE|YRD|{time}||{type}|{control}|P|2.4|||||CHN|UNICODE UTF-8"
_PID = "PID|1||C{n}^^^^IDCard~L{n}^^^^LocalID||测试{n}||19{year:02d}0417|{sex}|||江苏省苏州市吴江区||120{n:08d}"


def adt(n: int, *, event: str = "A01", run: str = "X") -> bytes:
    """An admission, registration, update or discharge of patient `n`; 0.6 KB."""
    time = f"202601{1 + n % 28:02d}{n % 24:02d}3000"
    segments = [
        _MSH.format(app="HIS", time=time, type=f"ADT^{event}", control=f"{run}{n}{event}"),
        f"EVN|{event}|{time}",
        _pid(n),
        f"PV1|1|I|W12^1201^03^^^^^^呼吸内科病区||||D100^周闻|||||||2|||||V{n}" + "|" * 25 + time,
        "DG1|1||J18.900^肺炎^I10|||A",
    ]
    return _encode(segments)


def oru(n: int, results: int = 10, *, run: str = "X") -> bytes:
    """A laboratory report with `results` results for patient `n`."""
    return _report(n, f"{run}{n}", f"202601{1 + n % 28:02d}{n % 24:02d}4500", results)


def report(n: int, day: date, results: int) -> bytes:
    """One of many laboratory reports of patient `n`: that of a day."""
    return _report(n, f"D{day:%Y%m%d}", f"{day:%Y%m%d}084500", results)


def merge(n: int, retired: int) -> bytes:
    """Patient `retired` is patient `n`."""
    time = "20260301090000"
    head = _MSH.format(app="HIS", time=time, type="ADT^A40", control=f"M{n}")
    return _encode([head, f"EVN|A40|{time}", _pid(n), f"MRG|L{retired}^^^^LocalID"])


def _report(n: int, number: str, time: str, results: int) -> bytes:
    segments = [
        _MSH.format(app="LIS", time=time, type="ORU^R01", control=f"{number}R"),
        _pid(n),
        f"PV1|1|I{'|' * 17}V{n}",
        f"OBR|1|SQ{n}|B{number}|XCG^血常规^99WJL|||{time}||||||||0101^全血|||||||{time}|||F",
    ]
    for k in range(results):
        code, name, unit, interval, value = ITEMS[k % len(ITEMS)]
        segments.append(f"OBX|{k + 1}|NM|{code}^{name}^99WJL|{1 + k // len(ITEMS)}|{value}|{unit}|{interval}|N|||F")
    return _encode(segments)


def _pid(n: int) -> str:
    return _PID.format(n=n, year=30 + n % 70, sex="MF"[n % 2])


def _encode(segments: list[str]) -> bytes:
    return ("\r".join(segments) + "\r").encode()
