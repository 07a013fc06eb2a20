"""The page that says why somebody is not signed in: whoever sees it has come from the provider, by a browser."""

from __future__ import annotations

from html import escape

from fastapi.responses import HTMLResponse

from voltgate.web.single_sign_on.settings import BEGIN, Kind, Settings

_STATUS: dict[Kind, int] = {
    "off": 404,
    "again": 400,
    "denied": 403,
    "nobody": 403,
    "unverified": 403,
    "unnamed": 403,
    "taken": 409,
    "full": 409,
    "away": 502,
    "busy": 503,
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_ENGLISH: dict[Kind, str] = {
    "off": "This gateway has no single sign-on.",
    "again": "This sign-in has ended, was used already, or began in another browser. Begin anew.",
    "denied": "The provider did not let you go on, or you have cancelled.",
    "nobody": "You are known, but nothing is allowed to you here. Ask whoever administers this gateway for a role.",
    "unverified": "The provider names no verified address of e-mail for you, and this gateway asks for one.",
    "unnamed": "The provider does not say by which name this gateway shall know you. Tell whoever administers it.",
    "taken": "There is another user of your name here. Ask whoever administers this gateway to delete that one.",
    "full": "This gateway has as many users as it can have. Tell whoever administers it.",
    "away": "The provider cannot be used at the moment. Try again later, or sign in by a password or a token. "
    "The log of this gateway says why.",
    "busy": "Too many sign in at once. Try again in a moment.",
}
_GERMAN: dict[Kind, str] = {
    "off": "Dieses Gateway hat keine Anmeldung über einen Anbieter.",
    "again": "Diese Anmeldung ist abgelaufen, wurde schon benutzt oder begann in einem anderen Browser. "
    "Beginnen Sie neu.",
    "denied": "Der Anbieter hat Sie nicht weitergelassen, oder Sie haben abgebrochen.",
    "nobody": "Sie sind bekannt, aber Ihnen ist hier nichts erlaubt. Bitten Sie die Verwaltung dieses Gateways um eine "
    "Rolle.",
    "unverified": "Der Anbieter nennt keine bestätigte E-Mail-Adresse von Ihnen, und dieses Gateway verlangt eine.",
    "unnamed": "Der Anbieter sagt nicht, unter welchem Namen dieses Gateway Sie kennen soll. Sagen Sie es seiner "
    "Verwaltung.",
    "taken": "Hier gibt es einen anderen Benutzer mit Ihrem Namen. Bitten Sie die Verwaltung dieses Gateways, ihn zu "
    "löschen.",
    "full": "Dieses Gateway hat so viele Benutzer, wie es haben kann. Sagen Sie es seiner Verwaltung.",
    "away": "Der Anbieter ist im Moment nicht zu gebrauchen. Versuchen Sie es später noch einmal, oder melden Sie sich "
    "mit einem Passwort oder einem Token an. Das Log dieses Gateways sagt, warum.",
    "busy": "Zu viele melden sich gleichzeitig an. Versuchen Sie es gleich noch einmal.",
}
_WORDS = {
    "en": ("You are not signed in", "Try again", "Sign in in another way", _ENGLISH),
    "de": ("Sie sind nicht angemeldet", "Noch einmal versuchen", "Anders anmelden", _GERMAN),
}

_PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} · Voltgate</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
{links}</main>
</body>
</html>
"""


def refusal_page(kind: Kind, accepted: str, settings: Settings | None) -> HTMLResponse:
    """Return the page of a refusal, in the language that a header Accept-Language likes more: English or German."""
    language = _language(accepted)
    title, again, otherwise, texts = _WORDS[language]
    links = ""
    if settings is not None:
        address = escape(settings.public_url)
        links = f'<p><a href="{address}{BEGIN}">{again}</a></p>\n<p><a href="{address}/">{otherwise}</a></p>\n'
    page = _PAGE.format(language=language, title=title, text=texts[kind], links=links)
    return HTMLResponse(page, _STATUS[kind], {**_HEADERS, "Content-Language": language, "Vary": "Accept-Language"})


def _language(accepted: str) -> str:
    """Return the language that is named first of those that there are (browsers write them in order)."""
    named = (part.strip()[:2].lower() for part in accepted[:200].split(","))
    return next((each for each in named if each in _WORDS), "en")
