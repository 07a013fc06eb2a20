"""From `[alerts]` of the configuration to the ways to people, and to how messages are written."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from voltgate.alerts.channels.apprise_channel import AppriseChannel, AppriseSettings
from voltgate.alerts.channels.channel import Channel
from voltgate.alerts.channels.mail import MailChannel, MailSettings
from voltgate.alerts.channels.pushover import PushoverChannel, PushoverSettings
from voltgate.alerts.channels.webhook import WebhookChannel, WebhookSettings
from voltgate.alerts.templates import DEFAULT, Templates
from voltgate.config import alert_channels as sections
from voltgate.config.alerts import DEFAULT_TEMPLATE, Alerts, AlertTemplate


def channels_of(alerts: Alerts, before: Mapping[str, Channel] = MappingProxyType({})) -> dict[str, Channel]:
    """Return the channels by name; one of `before` that has not changed goes on. None keeps anything open."""
    found = {name: _channel(section) for name, section in alerts.channels.items()}
    return {name: _unchanged(channel, before.get(name)) for name, channel in found.items()}


def _unchanged(channel: Channel, before: Channel | None) -> Channel:
    """Return the channel as it was, if it is the same: it knows who has got which message already."""
    is_same = before is not None and type(before) is type(channel) and before.settings == channel.settings
    return before if before is not None and is_same else channel


def templates_of(alerts: Alerts) -> Mapping[str, Templates]:
    """Return how messages are written, by event; what is left out of one is as in `default`, under "" here."""
    sections = dict(alerts.templates)
    default = _templates(sections.pop(DEFAULT_TEMPLATE, AlertTemplate()), DEFAULT)
    return {"": default} | {event: _templates(section, default) for event, section in sections.items()}


def _templates(section: AlertTemplate, default: Templates) -> Templates:
    """Return the templates of a section; HTML of the default goes with its text alone."""
    if section.text is None and section.html is None:
        return Templates(section.subject or default.subject, default.text, default.html)
    text = section.text if section.text is not None else default.text
    return Templates(section.subject or default.subject, text, section.html)


def _channel(section: sections.Channel) -> Channel:
    if section.mail is not None:
        return _mail(section.mail)
    if section.pushover is not None:
        return _pushover(section.pushover)
    if section.webhook is not None:
        return _webhook(section.webhook)
    assert section.apprise is not None  # noqa: S101 - the configuration was checked
    urls = tuple(url.get_secret_value() for url in section.apprise.urls)
    return AppriseChannel(AppriseSettings(urls, section.apprise.timeout))


def _mail(section: sections.Mail) -> Channel:
    server, auth = section.server, section.auth
    return MailChannel(
        MailSettings(
            sender=section.sender,
            to=section.to,
            host=server.host,
            port=server.port,
            secure=section.is_secure,
            starttls=section.begins_tls,
            username=auth.user if auth is not None else None,
            password=auth.password.get_secret_value() if auth is not None else None,
            ca=str(section.ca) if section.ca is not None else None,
            sendmail=str(section.sendmail) if section.sendmail is not None else None,
            timeout=section.timeout,
        )
    )


def _pushover(section: sections.Pushover) -> Channel:
    return PushoverChannel(
        PushoverSettings(
            user=section.user.get_secret_value(),
            token=section.token.get_secret_value(),
            endpoint=section.endpoint,
            device=section.device,
            priority=section.priority,
            urgent=section.urgent,
            repeat=round(section.repeat),
            expire=round(section.expire),
            sound=section.sound,
            url=section.url,
            timeout=section.timeout,
        )
    )


def _webhook(section: sections.Webhook) -> Channel:
    return WebhookChannel(
        WebhookSettings(
            url=section.url.get_secret_value(),
            secret=section.secret.get_secret_value() if section.secret is not None else None,
            headers={name: value.get_secret_value() for name, value in section.headers.items()},
            ca=str(section.ca) if section.ca is not None else None,
            timeout=section.timeout,
        )
    )
