"""Write the table of `licences.md`: the licence of every package that mnistry may bring.

Run it in an environment with everything installed, after a change of dependencies:

    python docs/licences.py

Licences are those that the installed packages state. What is compiled into wheels is kept by hand
below; `tests/test_licences.py` compares it with the files of the installed wheels.
"""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
BEGIN, END = "<!-- packages: made by docs/licences.py -->\n", "<!-- end of packages -->\n"

# Apache-2.0 software may use these as it does here: as packages of their own, unchanged.
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "FTL", "HDF5"),
    *("IJG", "ISC", "MIT", "MIT-CMU", "OpenSSL", "PSF-2.0", "Unicode-3.0", "Zlib", "libpng-2.0"),
    *("libtiff", "curl"),
}
COPYLEFT = {
    *("GPL-3.0-or-later WITH GCC-exception-3.1", "LGPL-2.1-or-later", "LGPL-3.0-only", "MPL-2.0"),
    "LGPL-3.0-or-later",
}

# Libraries beside a wheel's modules, by the beginnings of their files' names.
LIBRARIES = {
    "libXau": "MIT", "libaec": "BSD-2-Clause", "libaom": "BSD-2-Clause",
    "libavcodec": "LGPL-2.1-or-later", "libavformat": "LGPL-2.1-or-later",
    "libavif": "BSD-2-Clause", "libavutil": "LGPL-2.1-or-later", "libbrotlicommon": "MIT",
    "libbrotlidec": "MIT", "libcrypto": "OpenSSL", "libde265": "LGPL-3.0-or-later",
    "libdrm": "MIT", "libfreetype": "FTL", "libgfortran": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libgomp": "GPL-3.0-or-later WITH GCC-exception-3.1", "libharfbuzz": "MIT",
    "libhdf5": "HDF5", "libhdf5_hl": "HDF5", "libheif": "LGPL-3.0-or-later", "libjpeg": "IJG",
    "liblcms2": "MIT", "liblzma": "0BSD", "libopenblasp": "BSD-3-Clause",
    "libopenjp2": "BSD-2-Clause", "libpng16": "libpng-2.0",
    "libquadmath": "LGPL-2.1-or-later", "libscipy_openblas": "BSD-3-Clause",
    "libscipy_openblas64_": "BSD-3-Clause", "libsharpyuv": "BSD-3-Clause", "libssl": "OpenSSL",
    "libswresample": "LGPL-2.1-or-later", "libswscale": "LGPL-2.1-or-later",
    "libsz": "BSD-2-Clause", "libtiff": "libtiff", "libvpx": "BSD-3-Clause",
    "libwebp": "BSD-3-Clause", "libwebpdemux": "BSD-3-Clause", "libwebpmux": "BSD-3-Clause",
    "libxcb": "MIT", "libzstd": "BSD-3-Clause",
}  # fmt: skip
# What is compiled into a package's own modules, and its licences, as its notices state them.
COMPILED = {
    "google-re2": {"RE2": "BSD-3-Clause", "Abseil": "Apache-2.0"},
    "jaxlib": {"XLA and LLVM": "Apache-2.0", "Eigen": "MPL-2.0", "oneDNN": "Apache-2.0"},
    "matplotlib": {"FreeType": "FTL", "Agg": "BSD-3-Clause", "Qhull": "MIT"},
    "ml-dtypes": {"Eigen": "MPL-2.0"},
    "onnx": {"Protocol Buffers": "BSD-3-Clause"},
    "onnxruntime": {"Eigen": "MPL-2.0", "Protocol Buffers": "BSD-3-Clause", "MLAS": "MIT"},
    "pyarrow": {"Arrow, Parquet, Thrift": "Apache-2.0", "LZ4, Snappy, Zstandard": "BSD-3-Clause"},
    "pypdfium2": {"PDFium": "BSD-3-Clause", "FreeType": "FTL", "libjpeg-turbo": "IJG",
                  "ICU": "Unicode-3.0", "OpenJPEG": "BSD-2-Clause", "Little CMS": "MIT"},
    "ray": {"gRPC and aiohttp": "Apache-2.0", "psutil and colorama": "BSD-3-Clause"},
    "uharfbuzz": {"HarfBuzz": "MIT"},
}  # fmt: skip

# Licences that a package states in other words than SPDX's, or in none.
_SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD-3-Clause, Apache-2.0, dependency licenses": "Apache-2.0 AND BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-or-later",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "": "Apache-2.0",  # namex, by the file in its wheel
}
_OTHER_SYSTEMS = {"colorama": "BSD-3-Clause"}  # not installed on Linux


@dataclass(frozen=True)
class Package:
    """A package that mnistry, or what it needs, asks for.

    `extra` is the first of mnistry's extras that brings it, or ``"bare"``; `inside` maps what its
    wheel for Linux contains to its licence.
    """

    name: str
    licence: str
    extra: str
    inside: dict[str, str]


def packages() -> list[Package]:
    """Return all packages, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {"bare": project["dependencies"], **project["optional-dependencies"]}
    found: dict[str, Package] = {}
    for extra, requirements in wanted.items():
        for name in _closure([Requirement(text) for text in requirements]):
            if name not in found:
                found[name] = Package(name, licence_of(name), extra, inside(name))
    return [found[name] for name in sorted(found)]


def _closure(requirements: list[Requirement]) -> set[str]:
    """Return the names of what is needed, and of what that needs, on any system."""
    todo, seen = list(requirements), set()
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        key = name, frozenset(one.extras)
        if key in seen or name == "mnistry":  # which names its own extras
            continue
        seen.add(key)
        if name not in _OTHER_SYSTEMS:
            for text in importlib.metadata.requires(name) or ():
                other = Requirement(text)
                if other.marker is None or any(
                    other.marker.evaluate({"extra": extra, "sys_platform": system,
                                           "platform_system": names})
                    for extra in ("", *one.extras)
                    for system, names in (("linux", "Linux"), ("win32", "Windows"))
                ):  # fmt: skip
                    todo.append(other)
    return {name for name, _ in seen}


def licence_of(name: str) -> str:
    """Return a package's licence in SPDX's words, as its metadata state it."""
    if name in _OTHER_SYSTEMS:
        return _OTHER_SYSTEMS[name]
    about = importlib.metadata.metadata(name)
    classifiers = [
        text.rpartition(" :: ")[2]
        for text in about.get_all("Classifier", [])
        if text.startswith("License :: ")
    ]
    stated = about.get("License-Expression") or " AND ".join(classifiers) or about.get("License")
    return _SPDX.get(stated or "", stated or "")


def libraries(name: str) -> Iterator[str]:
    """Yield the libraries beside the modules of an installed package, without version and hash."""
    for file in importlib.metadata.files(name) or ():
        if file.parent.name.endswith(".libs"):
            yield re.split(r"[-.]", file.name)[0]


def inside(name: str) -> dict[str, str]:
    """Return what a package's wheel contains, and its licences."""
    if name in _OTHER_SYSTEMS:
        return {}
    return COMPILED.get(name, {}) | {one: LIBRARIES[one] for one in sorted(set(libraries(name)))}


def identifiers(expression: str) -> set[str]:
    """Return the licences in an SPDX expression.

    Examples
    --------
    >>> sorted(identifiers("BSD-3-Clause AND (MIT OR Zlib)"))
    ['BSD-3-Clause', 'MIT', 'Zlib']
    """
    return set(re.split(r" (?:AND|OR) ", re.sub(r"[()]", "", expression)))


def table() -> str:
    """Return the table as Markdown."""
    rows = [
        f"| {one.name} | {one.licence} | {one.extra} | {_grouped(one.inside)} |\n"
        for one in packages()
    ]
    head = "| package | licence | comes with | in its wheel for Linux |\n|---|---|---|---|\n"
    return head + "".join(rows)


def _grouped(inside: dict[str, str]) -> str:
    licences = sorted(set(inside.values()))
    return "; ".join(
        f"{licence}: {', '.join(name for name, own in inside.items() if own == licence)}"
        for licence in licences
    )


def main() -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
