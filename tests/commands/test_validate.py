"""`hie validate`: readable output, exit code, profiles, JSON and XML."""

from pathlib import Path

from typer.testing import CliRunner

from hie.cli import app

GOOD = '{"resourceType": "Patient", "birthDate": "2024-02-29"}'
BAD = '{\n "resourceType": "Patient",\n "birthDate": "2023-02-30"\n}'
XML = '<Patient xmlns="http://hl7.org/fhir">\n  <gender value="M"/>\n</Patient>'


def run(tmp_path: Path, *arguments: str, **files: str) -> tuple[int, str]:
    paths = []
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text)
        paths.append(str(path))
    result = CliRunner().invoke(app, ["validate", *paths, *arguments])
    return result.exit_code, result.output


def test_a_valid_file_gives_exit_code_0(tmp_path: Path) -> None:
    code, output = run(tmp_path, "--errors-only", good=GOOD)
    assert (code, "✓" in output) == (0, True)


def test_an_error_is_told_with_its_place(tmp_path: Path) -> None:
    code, output = run(tmp_path, good=GOOD, bad=BAD)
    assert code == 1
    line = next(line for line in output.splitlines() if "primitive-date" in line)
    assert line.split()[:4] == ["3:2", "error", "primitive-date", "Patient.birthDate"]


def test_xml_is_read_and_placed(tmp_path: Path) -> None:
    code, output = run(tmp_path, "--errors-only", bad=XML)
    assert code == 1
    assert "2:3  error        binding-required      Patient.gender" in output


def test_an_unknown_profile_is_an_error(tmp_path: Path) -> None:
    code, output = run(tmp_path, "--errors-only", "--profile", "http://x.org/none", good=GOOD)
    assert (code, "profile-unknown" in output) == (1, True)


def test_text_that_is_no_resource(tmp_path: Path) -> None:
    code, output = run(tmp_path, bad="{")
    assert (code, "fatal" in output) == (1, True)
