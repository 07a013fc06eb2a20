"""Where the identity goes in the URL of a backend: exactly where the other proxy put it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.config.backends import Backend
from voltgate.convert.upstream import read_upstream


@pytest.mark.parametrize(
    ("before", "url"),
    [
        ("ws://x/ocpp/", "ws://x/ocpp/{station}"),
        ("ws://x/ocpp//", "ws://x/ocpp//{station}"),
        ("ws://x/ocpp", "ws://x/ocpp{station}"),
        ("ws://x/ocpp?id=", "ws://x/ocpp?id={station}"),
        ("ws://x/ocpp/CP_", "ws://x/ocpp/CP_{station}"),
        ("ws://x?id=", "ws://x/?id={station}"),
        ("ws://x?", "ws://x/?{station}"),
        ("WSS://X.example:443/", "wss://X.example:443/{station}"),
        ("ws://[::1]:9000/", "ws://[::1]:9000/{station}"),
        ("ws://x/{id}/", "ws://x/%7Bid%7D/{station}"),
        ("ws://user:pass@x/", "ws://x/{station}"),
        ("ws://us%40er:p%3Aass@x/@/", "ws://x/@/{station}"),
    ],
)
def test_the_identity_stays_where_it_was(before: str, url: str) -> None:
    """The identity stands right behind the old URL, in its path or its query."""
    assert read_upstream(before).url == url


def test_a_user_name_in_the_url() -> None:
    """A user name becomes a setting; of a password it is kept that there was one, and no more."""
    found = read_upstream("ws://us%40er:p%3Aass@x/")
    assert (found.username, found.has_password) == ("us@er", True)
    assert "ass" not in repr(found).replace("has_password", "")
    assert read_upstream("ws://user@x/").has_password is False


WORDS = st.text(st.sampled_from("abcXYZ019-_.~"), min_size=1, max_size=8)
LABELS = st.text(st.sampled_from("abcXYZ019-_"), min_size=1, max_size=8)


@given(st.sampled_from(["ws", "wss"]), LABELS, st.lists(WORDS, max_size=3), st.sampled_from(["/", "?id=", "/CP_"]))
def test_voltgate_dials_what_was_dialled(scheme: str, host: str, path: list[str], end: str) -> None:
    """For whatever path, the URL that is dialled for a charger is the one that was dialled before."""
    before = f"{scheme}://{host}.example/{'/'.join(path)}{end}"
    backend = Backend(url=read_upstream(before).url)
    assert backend.websocket_template.replace("{station}", "CP1") == f"{before}CP1"
