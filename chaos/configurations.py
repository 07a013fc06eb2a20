"""The configuration's file of a gateway: whole, or with something in it that is to be refused, or to be taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chaos.shape import Ports


def overlay(what: str, ports: Ports, file: Path) -> Mapping[str, Any]:
    """Return what differs in a document that is wrong, or another than usual."""
    usual = f"ws://127.0.0.1:{ports.stations}"
    certificate, key = pair_of(file)
    match what:
        case "host impossible":
            stations: list[Any] = [usual, f"ws://gateway..example:{ports.spare}"]
        case "port taken":
            stations = [usual, f"ws://127.0.0.1:{ports.taken}"]
        case "certificate missing":
            secure = f"wss://127.0.0.1:{ports.spare}"
            stations = [usual, {"url": secure, "certificate": certificate, "key": key}]
        case "hosts changed":
            stations = [f"ws://0.0.0.0:{ports.stations}"]
        case "claims limited":
            return {"claims": {"most": 1}}
        case _:
            return {}
    return {"listen": {"stations": stations}}


def pair_of(file: Path) -> tuple[Path, Path]:
    """Return where the certificate and the key of a gateway are, if they are there."""
    return file.with_suffix(".pem"), file.with_suffix(".key")


def put(file: Path, text: str, what: str = "") -> None:
    """Put a configuration there, or what is left of one. It may be read at any time."""
    written = file.with_suffix(".new")
    match what:
        case "file gone":
            file.unlink()
            return
        case "file unreadable":  # for root too
            written.symlink_to(file.name)
        case "file half written":
            written.write_text(text[: text.index('= "', len(text) // 2) + 3])
        case "syntax wrong":
            written.write_text(f"{text}[[\n")
        case _:
            written.write_text(text)
    written.replace(file)
