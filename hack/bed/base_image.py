"""The base of the bed's own Python images: Debian as this machine has it, by debootstrap.

The project's Dockerfiles name a public base; the bed hands them this one instead, since it pulls
nothing. Where packages come from, and whom to trust on the way there, is the machine's own
business, read when the base is made: its apt sources, its certificates, its pip settings. An image
built on it is for this machine only.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
from pathlib import Path

from bed.cache import content_key, kept, progress
from bed.errors import Missing
from bed.images import NAMES, Image, ensure_builder, run_apart, run_builder

_INCLUDED = "python3,python3-venv,ca-certificates"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf")
_PIP_OWN_FILES = (".pip/pip.conf", ".config/pip/pip.conf")
_PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host")
_DOCKERFILE = """\
FROM scratch
ADD root.tar /
CMD ["python3"]
"""


def python_base() -> Image:
    """Debian with Python and its venv module, made once for the same sources; about a minute."""
    ensure_builder()
    release, source = _debian()
    trusted, pip = _certificates(), _pip_settings()
    key = content_key(release, source, _INCLUDED, trusted, pip, _DOCKERFILE)
    name = f"{NAMES}/python:{key}"

    def make(folder: Path) -> None:
        root = folder / "root"
        with progress("making the base of Python images (once; about a minute)"):
            options = ["--variant=minbase", f"--include={_INCLUDED}"]
            run_apart("debootstrap", *options, release, str(root), source)
            _settle(root, trusted, pip)
            archived = ["tar", "--create", f"--directory={root}", "--numeric-owner", "--file"]
            run_apart(*archived, str(folder / "root.tar"), ".")
            shutil.rmtree(root)
            (folder / "Dockerfile").write_text(_DOCKERFILE)
            run_builder(folder / "image.tar", name, folder, folder / "Dockerfile")
            (folder / "root.tar").unlink()

    return Image(name, kept("python-base", key, make) / "image.tar")


def _settle(root: Path, trusted: bytes, pip: str) -> None:
    """What the machine knows of its network goes in; what apt can load again goes out."""
    root.joinpath(*_CERTIFICATES.parts[1:]).write_bytes(trusted)
    (root / "etc" / "pip.conf").write_text(pip)
    for folder in ("var/cache/apt", "var/lib/apt/lists", "var/cache/debconf"):
        shutil.rmtree(root / folder)
        (root / folder).mkdir()


def _debian() -> tuple[str, str]:
    """The machine's release and the address that its apt has it from."""
    said = Path("/etc/os-release").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in said if "=" in line)
    release = settings.get("VERSION_CODENAME", "").strip('"')
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)"]
    listed = subprocess.run([*asked, "Created-By: Packages"], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        source, codename, component = line.split()
        if (codename, component) == (release, "main"):
            return release, source
    remedy = "give this machine's apt the main component of its own release"
    raise Missing(f"a package source for {release or 'this system'}", remedy)


def _certificates() -> bytes:
    return Path(os.environ.get("SSL_CERT_FILE", _CERTIFICATES)).read_bytes()


def _pip_settings() -> str:
    """The machine's pip.conf as far as it says where packages are, for inside the image."""
    read = configparser.ConfigParser(interpolation=None)
    read.read([*_PIP_FILES, *(Path.home() / file for file in _PIP_OWN_FILES)])
    lines = ["[global]", f"cert = {_CERTIFICATES}"]
    for setting in _PIP_SETTINGS:
        variable = f"PIP_{setting.upper().replace('-', '_')}"
        if value := os.environ.get(variable) or read.get("global", setting, fallback=""):
            lines.append(f"{setting} = {value}")
    return "\n".join(lines) + "\n"
