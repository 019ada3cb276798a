"""Get from package registries what the samples are built with: ONNX Runtime for C++ and JavaScript.

``build/onnxruntime/``   include/ and lib/ as a release of ONNX Runtime has them. The library is the
                         Python package's; no package for Python has the headers, but the one for
                         Unity on npm does.
``js/node_modules/``     what js/package-lock.json names

``make samples`` runs this. A tool that is not there is said, and what needs it is left out.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent
ONNXRUNTIME = SAMPLES / "build" / "onnxruntime"
HEADERS_PACKAGE = "com.github.asus4.onnxruntime@0.4.9"
HEADERS = "package/Plugins/iOS~/onnxruntime.xcframework/ios-arm64/onnxruntime.framework/Headers/"
LIBRARY_LINKS = ("libonnxruntime.so", "libonnxruntime.so.1")


def main() -> None:
    """Get both, where npm is there."""
    npm = shutil.which("npm")
    if npm is None:
        print("samples: no npm here, so both are left out: install Node.js 18 or later")
        return
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=SAMPLES / "js", check=True, stdout=subprocess.DEVNULL)
    missing = [tool for tool in ("cmake", "c++") if shutil.which(tool) is None]
    library = find_library()
    if missing or library is None:
        reason = " or ".join(missing) or "library in the Python package onnxruntime"
        print(f"samples: no {reason} here, so C++ is left out")
        return
    if not (ONNXRUNTIME / "include").is_dir():
        get_headers(npm)
    link_library(library)


def get_headers(npm: str) -> None:
    """Unpack the headers alone: the package has libraries for phones, too."""
    ONNXRUNTIME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ONNXRUNTIME) as folder:
        command = [npm, "pack", "--silent", HEADERS_PACKAGE]
        done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
        unpacked = Path(folder) / "include"
        unpacked.mkdir()
        with tarfile.open(Path(folder) / done.stdout.strip()) as archive:
            for member in archive:
                name = member.name.removeprefix(HEADERS)
                if member.isfile() and "/" not in name:
                    (unpacked / name).write_bytes(archive.extractfile(member).read())
        unpacked.rename(ONNXRUNTIME / "include")


def find_library() -> Path | None:
    """The library within the Python package, None where there is none."""
    package = find_spec("onnxruntime")
    if package is None:
        return None
    return next(Path(package.origin).parent.glob("capi/libonnxruntime.so.*"), None)


def link_library(library: Path) -> None:
    """Link to the library under the names that linkers look for."""
    (ONNXRUNTIME / "lib").mkdir(parents=True, exist_ok=True)
    for name in LIBRARY_LINKS:
        link = ONNXRUNTIME / "lib" / name
        link.unlink(missing_ok=True)
        link.symlink_to(library)


if __name__ == "__main__":
    main()
