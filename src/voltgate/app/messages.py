"""The message log, as a process is made of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from voltgate.config import Config
from voltgate.directory.slices import unhurried
from voltgate.gateway import Gateway
from voltgate.ocpp.folding import folding
from voltgate.telemetry.messages.recorder import Recorder, Recording
from voltgate.telemetry.messages.writer import Settings
from voltgate.web.message_log import MessageLog

_A_DAY = 86400.0


def message_log_of(
    config: Config, home: Path, part: str, gateway: Callable[[], Gateway], clock: Callable[[], float]
) -> MessageLog:
    """Return the message log of a process; `part` is the folder of a worker within the log's, "" for none."""
    folder = home / config.messages.folder / part
    fold = fold_of(config)

    async def look() -> None:
        async for few in unhurried(list(gateway().sessions.values())):
            for session in few:
                session.look_for_taps()

    recorder = Recorder(settings_of(config, folder), clock, time.time, fold)
    made = MessageLog(recorder, folder, look, fold)
    made.remember()
    recorder.follow(recorder.settings, recording_of(config))
    return made


def fold_of(config: Config) -> Callable[[str], str]:
    """Return what makes of an identity what is compared."""
    return folding(case_sensitive=config.directory.case_sensitive)


def settings_of(config: Config, folder: Path) -> Settings:
    """Return what the writer goes by."""
    section = config.messages
    return Settings(str(folder), section.bytes, section.days * _A_DAY, section.mask != "none")


def recording_of(config: Config) -> Recording:
    """Return what the configuration has recorded."""
    return Recording(tuple(map(fold_of(config), config.messages.stations)), config.messages.routes)


def follow(log: MessageLog, config: Config) -> None:
    """Go by another configuration; the folder stays."""
    folder = Path(log.recorder.settings.folder)
    log.recorder.follow(settings_of(config, folder), recording_of(config))
