"""Container images without a registry: built here by buildah, kept in the cache as archives.

Whatever a Dockerfile names with FROM must be an image of this module, handed over as a build
argument: nothing is ever pulled. Each build runs in mounts and processes of its own, so that
nothing of it stays on the machine but files in the cache, however it ends. Its layers are kept
there too: where only the last lines of a Dockerfile have other sources, only they run again.

Not in here: the Dockerfiles of the project, the base that they stand on (`base_image`), and how a
node takes an archive in (`Node.load`).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bed.cache import cache_folder, content_key, kept, locked, progress
from bed.debian import DebianPrograms
from bed.errors import PartFailed

_PROGRAMS = DebianPrograms(
    part="the image builder",
    packages=("buildah", "runc", "busybox-static", "debootstrap"),
    programs=("buildah", "runc", "/bin/busybox", "debootstrap"),
)
NAMES = "bed.trainlease.dev"  # looked up nowhere
_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_BUSYBOX = """\
FROM scratch
COPY root/ /
ENV PATH=/bin
CMD ["sleep", "2147483647"]
"""
# Without this its C library looks for plug-ins, which a program in one file cannot load.
_RESOLVE = "hosts: files dns\n"


@dataclass(frozen=True)
class Image:
    """An image by the name that pods use, in a file that container runtimes take in."""

    name: str
    archive: Path

    @property
    def base(self) -> str:
        """What a Dockerfile's FROM says to build on it."""
        return f"docker-archive:{self.archive}"


def ensure_builder() -> None:
    """The programs that build images are there, or `Missing` says what to do."""
    _PROGRAMS.ensure_installed()


def build(
    name: str,
    context: Path,
    *,
    dockerfile: Path | None = None,
    args: Mapping[str, str] | None = None,
    bases: Mapping[str, Image] | None = None,
) -> Image:
    """The image that `context` makes, built if nothing like it was; its name says its content.

    `args` are build arguments; `bases` too, for `ARG BASE` and `FROM ${BASE}`. Any change of a
    file below `context` is another image.
    """
    ensure_builder()
    file = dockerfile or context / "Dockerfile"
    bases = bases or {}
    arguments = {**(args or {}), **{key: base.base for key, base in bases.items()}}
    said = [f"{key}={value}" for key, value in sorted(arguments.items())]
    key = content_key(file, *said, *_contents(context))
    full_name = f"{NAMES}/{name}:{key}"

    def make(folder: Path) -> None:
        with progress(f"building the image {name} (once for these sources)"):
            run_builder(folder / "image.tar", full_name, context, file, said)

    return Image(full_name, kept(f"image-{name}", key, make) / "image.tar")


def busybox_image() -> Image:
    """A shell and its small tools; sleeps if told nothing. It serves as the sandbox image too."""
    ensure_builder()
    busybox = Path("/bin/busybox")

    def make(folder: Path) -> None:
        root = folder / "root"
        (root / "bin").mkdir(parents=True)
        shutil.copy(busybox, root / "bin" / "busybox")
        listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        for tool in set(listed.stdout.split()) - {"busybox"}:
            (root / "bin" / tool).symlink_to("busybox")
        (root / "etc").mkdir()
        (root / "etc" / "nsswitch.conf").write_text(_RESOLVE)
        (folder / "Dockerfile").write_text(_BUSYBOX)

    return build("busybox", kept("busybox", content_key(busybox, _BUSYBOX, _RESOLVE), make))


def run_builder(
    archive: Path, name: str, context: Path, dockerfile: Path, args: Sequence[str] = ()
) -> None:
    """Build and write to `archive` at once, whatever the cache has; `args` are NAME=VALUE."""
    buildah = ["buildah", f"--root={cache_folder() / 'buildah'}", "--runroot=/run/buildah"]
    options = ["--layers", "--isolation=chroot", "--pull-never", f"--tag={name}"]
    options += [f"--build-arg={argument}" for argument in args]
    with locked("buildah"):
        run_apart(*buildah, "build", *options, f"--file={dockerfile}", str(context))
        run_apart(*buildah, "push", "--quiet", name, f"docker-archive:{archive}:{name}")


def run_apart(*command: str) -> None:
    """Run it in mounts and processes that end with it, and with this process."""
    script = 'mount -t tmpfs tmpfs /run && exec "$@"'
    done = subprocess.run(
        [*_APART, "/bin/sh", "-c", script, "sh", *command],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        raise PartFailed(command[0], f"ended with {done.returncode}", tail)


def _contents(context: Path) -> list[str | Path | bytes]:
    """Names, modes and bytes of all that is below `context`."""
    found: list[str | Path | bytes] = []
    for path in sorted(context.rglob("*")):
        found.append(f"{path.relative_to(context)} {path.lstat().st_mode:o}")
        if path.is_symlink():
            found.append(str(path.readlink()))
        elif path.is_file():
            found.append(path)
    return found
