"""Files that stations upload, diagnostics and logs: a folder with tickets, one for each upload that was asked for.

A ticket is a secret in the address that a station is given. The folder holds the secret's digest only, and no name in
it comes from a wire: `<digest>.json` says what was asked for, `.part` is a file that arrives, and `.file` a whole one.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

PREFIX = "/uploads/"
"""Stands before the secret in the path of an address."""
_LONGEST_SECRET = 100
"""Characters of a secret that are looked at; ours have 43."""
_DIGEST = 64


class Refused(Exception):  # noqa: N818 - what a station or an operator is told
    """An upload that is not taken; the text says why."""


class NoTicket(Refused):
    """There is no such ticket: it was never given, was used, or has expired."""


class Arriving(Refused):
    """The same file arrives already."""


class TooLarge(Refused):
    """The file is larger than one may be."""


class Full(Refused):
    """The folder holds as much as it may."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the folder takes, and for how long.

    `file` and `total` are bytes, `tickets` counts uploads that are asked for or kept. Seconds: `expires` until a ticket
    may be used no more, `patience` that a file may take to arrive, `keeps` that a whole file stays.
    """

    file: int = 256 << 20
    total: int = 4 << 30
    tickets: int = 10_000
    expires: float = 86400.0
    patience: float = 1800.0
    keeps: float = 30 * 86400.0


class Upload(msgspec.Struct, frozen=True):
    """One upload: what was asked for, and, once it is whole, when it came and how many bytes it has."""

    id: str
    station: str
    about: str
    asked: float
    expires: float
    received: float | None = None
    size: int | None = None


class Folder:
    """The folder of uploads. Every method may block for the disk; any thread may call it."""

    def __init__(self, path: Path, wall: Callable[[], float], bounds: Bounds | None = None) -> None:
        self._path = path
        self._wall = wall
        self.bounds = bounds or Bounds()
        self._changing = threading.Lock()
        self._kept = 0
        self._coming = 0
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def ticket(self, station: str, about: str) -> tuple[str, Upload]:
        """Return the secret of a new ticket, and what it is for. Raise Full if there are too many."""
        with self._changing:
            self._sweep()
            if sum(1 for _ in self._path.glob("*.json")) >= self.bounds.tickets:
                raise Full(f"There are {self.bounds.tickets:,} uploads: remove some")
        secret = secrets.token_urlsafe(32)
        now = self._wall()
        upload = Upload(_digest(secret), station, about, now, now + self.bounds.expires)
        self._describe(upload)
        return secret, upload

    def begin(self, secret: str) -> Part:
        """Return what the bytes of an upload are written to. Raise Refused."""
        upload = self._find(_digest(secret[:_LONGEST_SECRET]))
        now = self._wall()
        if upload is None or upload.received is not None or upload.expires <= now:
            raise NoTicket("There is no such upload address: it was used, has expired, or never was")
        with self._changing:
            self._sweep()
            self._kept = sum(_size(each) for each in self._path.glob("*.file"))
            try:
                file = open(self._at(upload.id, ".part"), "xb")  # noqa: SIM115 - it is closed by the part
            except FileExistsError:
                raise Arriving("This file arrives already") from None
        return Part(self, upload, file)

    def uploads(self) -> Iterator[Upload]:
        """Yield every upload that was asked for and is kept, in no order."""
        for path in self._path.glob("*.json"):
            upload = self._find(path.stem)
            if upload is not None:
                yield upload

    def whole(self, upload: str) -> Path | None:
        """Return where the file of an upload is, by its id; None if there is no whole one."""
        path = self._at(upload, ".file") if _is_digest(upload) else None
        return path if path is not None and path.exists() else None

    def remove(self, upload: str) -> bool:
        """Forget an upload and its file; return whether there was one."""
        if not _is_digest(upload):
            return False
        there = self._at(upload, ".json").exists()
        for suffix in (".json", ".file"):
            self._at(upload, suffix).unlink(missing_ok=True)
        return there

    def remove_all(self, station: str) -> None:
        """Forget all uploads of a station, by its key: also what it was asked for and has not brought."""
        for upload in list(self.uploads()):
            if upload.station == station:
                self.remove(upload.id)

    def take(self, count: int) -> None:
        """Count bytes that are about to be written. Raise Full if the folder has no room for them."""
        with self._changing:
            if self._kept + self._coming + count > self.bounds.total:
                raise Full(f"All uploads together may have {self.bounds.total:,} bytes: remove some")
            self._coming += count

    def finish(self, upload: Upload, size: int) -> Upload:
        """Keep a file that is whole; its ticket is used."""
        done = msgspec.structs.replace(upload, received=self._wall(), size=size)
        self._describe(done)
        with self._changing:
            self._at(upload.id, ".part").replace(self._at(upload.id, ".file"))
            self._coming -= size
            self._kept += size
        return done

    def abandon(self, upload: Upload, size: int) -> None:
        """Forget a file that did not come whole; its ticket may be used again."""
        with self._changing:
            self._coming -= size
        self._at(upload.id, ".part").unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what has expired, and what a process left behind that died while a file arrived."""
        now = self._wall()
        for part in self._path.glob("*.part"):
            if now - _changed(part, now) > self.bounds.patience:
                part.unlink(missing_ok=True)
        for upload in list(self.uploads()):
            kept = upload.received + self.bounds.keeps if upload.received is not None else upload.expires
            if kept <= now and not self._at(upload.id, ".part").exists():
                self.remove(upload.id)

    def _find(self, digest: str) -> Upload | None:
        try:
            return msgspec.json.decode(self._at(digest, ".json").read_bytes(), type=Upload)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _describe(self, upload: Upload) -> None:
        """Write what an upload is, whole or not at all."""
        written = self._at(upload.id, ".new")
        written.write_bytes(msgspec.json.encode(upload))
        written.replace(self._at(upload.id, ".json"))

    def _at(self, digest: str, suffix: str) -> Path:
        return self._path / f"{digest}{suffix}"


class Part:
    """A file that arrives: it is finished or abandoned, in any case."""

    def __init__(self, folder: Folder, upload: Upload, file: BinaryIO) -> None:
        self._folder = folder
        self._upload = upload
        self._file = file
        self._size = 0

    def write(self, some: bytes) -> None:
        """Write bytes. Raise TooLarge or Full before the disk has them."""
        most = self._folder.bounds.file
        if self._size + len(some) > most:
            raise TooLarge(f"An upload may have {most:,} bytes")
        self._folder.take(len(some))
        self._size += len(some)
        self._file.write(some)

    def finish(self) -> Upload:
        """Keep the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._folder.finish(self._upload, self._size)

    def abandon(self) -> None:
        """Forget the file."""
        self._file.close()
        self._folder.abandon(self._upload, self._size)


class Tickets:
    """Gives stations addresses to upload to. `url` is what stands before the path of them, as stations reach it."""

    def __init__(self, folder: Folder, url: str) -> None:
        self._folder = folder
        self.url = url

    async def address(self, station: str, about: str) -> tuple[str, str]:
        """Return an address for one upload of a station, and the upload's id. Raise Full if there are too many."""
        secret, upload = await asyncio.to_thread(self._folder.ticket, station, about)
        return f"{self.url.rstrip('/')}{PREFIX}{secret}", upload.id

    async def take_back(self, upload: str) -> None:
        """Forget an upload that nobody was asked for."""
        await asyncio.to_thread(self._folder.remove, upload)


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _is_digest(name: str) -> bool:
    return len(name) == _DIGEST and all(each in "0123456789abcdef" for each in name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _changed(path: Path, now: float) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return now
