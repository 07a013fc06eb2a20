"""Close codes of WebSocket, by name.

Source: RFC 6455 section 7.4.1 and IANA's registry "WebSocket Close Code Number", which section 11.7 founds.
https://www.iana.org/assignments/websocket/websocket.xhtml
"""

from __future__ import annotations

NORMAL = 1000
"""The connection has served its purpose."""
GOING_AWAY = 1001
"""The endpoint goes away: it shuts down, or has lost what the connection was for."""
PROTOCOL_ERROR = 1002
"""The peer broke the protocol."""
UNSUPPORTED = 1003
"""A kind of data that the endpoint does not take, such as a binary message."""
NO_CODE = 1005
"""A Close came without a code. Never sent."""
NO_CLOSE = 1006
"""The connection ended without a Close. Never sent."""
BAD_DATA = 1007
"""A message whose content does not fit its type, such as a text that is not UTF-8."""
POLICY = 1008
"""A message or a peer that the endpoint does not accept, for a reason that no other code has."""
TOO_BIG = 1009
"""A message larger than the endpoint takes."""
INTERNAL = 1011
"""A fault of the endpoint itself."""
TRY_AGAIN = 1013
"""The endpoint cannot serve the peer now: it may come again later (IANA's registry)."""

NO_SIGN_OF_LIFE, READS_NOTHING, WAS_SILENT = "no sign of life", "read nothing", "The station was silent"
SILENT = (NO_SIGN_OF_LIFE, READS_NOTHING, WAS_SILENT)
"""How the reason begins for which a connection is ended on which nothing is heard of the other side any more."""

REPLACED, ELSEWHERE = "Replaced by a new connection", "This station is connected to another gateway by now"
GOES_ON = (REPLACED, ELSEWHERE)
"""The reasons for which a connection is ended of a station that has a newer one."""
