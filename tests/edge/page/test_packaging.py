"""The page's files come with a wheel, and with a clone, of which an editable install is a list of links."""

import shutil
import subprocess
import sys
import zipfile

from command_line import ROOT

from edge.page.server import FILES

# What a wheel of the page needs; the artifacts and weights are megabytes that no page is made of.
LEFT_OUT = shutil.ignore_patterns(
    "artifacts", "bundles", "weights", "__pycache__", "tests", "docs", ".*", "dist", "build"
)


def test_a_clone_has_them_where_the_server_looks():
    assert FILES.resolve() == ROOT / "apps" / "page"


def test_a_wheel_has_them(tmp_path):
    clone = shutil.copytree(ROOT, tmp_path / "clone", symlinks=True, ignore=LEFT_OUT)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", str(tmp_path))
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(clone)], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = {
            name.removeprefix("edge/page/files/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("edge/page/files/")
        }
    assert found == {path.name: path.read_bytes() for path in (ROOT / "apps" / "page").iterdir()}
