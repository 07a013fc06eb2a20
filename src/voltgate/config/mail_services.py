"""Mail servers by the names of their services, as Nodemailer has them ("well-known services"): facts, kept up here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PLAIN, _TLS, _STARTTLS, _OTHER = 25, 465, 587, 2525


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and its port."""

    host: str
    port: int

    @property
    def secure(self) -> bool:
        """Whether TLS begins with the first byte: so it is on that port."""
        return self.port == _TLS


_REGIONS = (
    "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1 eu-central-1 "
    "eu-north-1 eu-west-1 eu-west-2 eu-west-3 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 "
    "us-west-2"
).split()

SERVICES: Mapping[str, Server] = {
    "126": Server("smtp.126.com", _TLS),
    "163": Server("smtp.163.com", _TLS),
    "1und1": Server("smtp.1und1.de", _TLS),
    "Aliyun": Server("smtp.aliyun.com", _TLS),
    "AliyunQiye": Server("smtp.qiye.aliyun.com", _TLS),
    "AOL": Server("smtp.aol.com", _STARTTLS),
    "Aruba": Server("smtps.aruba.it", _TLS),
    "Bluewin": Server("smtpauths.bluewin.ch", _TLS),
    "BOL": Server("smtp.bol.com.br", _STARTTLS),
    "DynectEmail": Server("smtp.dynect.net", _PLAIN),
    "ElasticEmail": Server("smtp.elasticemail.com", _TLS),
    "Ethereal": Server("smtp.ethereal.email", _STARTTLS),
    "FastMail": Server("smtp.fastmail.com", _TLS),
    "FeishuMail": Server("smtp.feishu.cn", _TLS),
    "ForwardEmail": Server("smtp.forwardemail.net", _TLS),
    "GandiMail": Server("mail.gandi.net", _STARTTLS),
    "Gmail": Server("smtp.gmail.com", _TLS),
    "GMX": Server("mail.gmx.com", _STARTTLS),
    "Godaddy": Server("smtpout.secureserver.net", _PLAIN),
    "GodaddyAsia": Server("smtp.asia.secureserver.net", _PLAIN),
    "GodaddyEurope": Server("smtp.europe.secureserver.net", _PLAIN),
    "Hotmail": Server("smtp-mail.outlook.com", _STARTTLS),
    "iCloud": Server("smtp.mail.me.com", _STARTTLS),
    "Infomaniak": Server("mail.infomaniak.com", _STARTTLS),
    "KolabNow": Server("smtp.kolabnow.com", _TLS),
    "Loopia": Server("mailcluster.loopia.se", _TLS),
    "Loops": Server("smtp.loops.so", _STARTTLS),
    "Mail.ru": Server("smtp.mail.ru", _TLS),
    "Mailcatch.app": Server("sandbox-smtp.mailcatch.app", _OTHER),
    "MailerSend": Server("smtp.mailersend.net", _STARTTLS),
    "Mailgun": Server("smtp.mailgun.org", _TLS),
    "Mailjet": Server("in.mailjet.com", _STARTTLS),
    "Mailtrap": Server("live.smtp.mailtrap.io", _STARTTLS),
    "Mandrill": Server("smtp.mandrillapp.com", _STARTTLS),
    "Naver": Server("smtp.naver.com", _STARTTLS),
    "OhMySMTP": Server("smtp.ohmysmtp.com", _STARTTLS),
    "One": Server("send.one.com", _TLS),
    "Outlook365": Server("smtp.office365.com", _STARTTLS),
    "Postmark": Server("smtp.postmarkapp.com", _OTHER),
    "Proton": Server("smtp.protonmail.ch", _STARTTLS),
    "QQ": Server("smtp.qq.com", _TLS),
    "QQex": Server("smtp.exmail.qq.com", _TLS),
    "Resend": Server("smtp.resend.com", _TLS),
    "Runbox": Server("smtp.runbox.com", _TLS),
    "SendCloud": Server("smtp.sendcloud.net", _OTHER),
    "SendGrid": Server("smtp.sendgrid.net", _STARTTLS),
    "SendinBlue": Server("smtp-relay.brevo.com", _STARTTLS),
    "SendPulse": Server("smtp-pulse.com", _TLS),
    "SES": Server("email-smtp.us-east-1.amazonaws.com", _TLS),
    **{f"SES-{region.upper()}": Server(f"email-smtp.{region}.amazonaws.com", _TLS) for region in _REGIONS},
    "Seznam": Server("smtp.seznam.cz", _TLS),
    "SMTP2GO": Server("mail.smtp2go.com", _OTHER),
    "Sparkpost": Server("smtp.sparkpostmail.com", _STARTTLS),
    "Tipimail": Server("smtp.tipimail.com", _STARTTLS),
    "Tutanota": Server("smtp.tutanota.com", _TLS),
    "Yahoo": Server("smtp.mail.yahoo.com", _TLS),
    "Yandex": Server("smtp.yandex.ru", _TLS),
    "Zimbra": Server("smtp.zimbra.com", _STARTTLS),
    "Zoho": Server("smtp.zoho.com", _TLS),
}

_ALIASES = {
    "Aruba PEC": "Aruba",
    "Dynect": "DynectEmail",
    "Feishu": "FeishuMail",
    "QQ Enterprise": "QQex",
    "Brevo": "SendinBlue",
    "email.cz": "Seznam",
    "fastmail.fm": "FastMail",
    "Gandi": "GandiMail",
    "gmail.com": "Gmail",
    "gmx.com": "GMX",
    "gmx.de": "GMX",
    "gmx.net": "GMX",
    "Google Mail": "Gmail",
    "googlemail.com": "Gmail",
    "Hotmail.com": "Hotmail",
    "Kolab": "KolabNow",
    "Mac": "iCloud",
    "Me": "iCloud",
    "me.com": "iCloud",
    "Outlook": "Hotmail",
    "Outlook.com": "Hotmail",
    "PostmarkApp": "Postmark",
    "ProtonMail": "Proton",
    "seznam.cz": "Seznam",
    "yahoo.com": "Yahoo",
    "yandex.ru": "Yandex",
}


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9.-]", "", name.lower())


_BY_NAME = {_folded(name): server for name, server in SERVICES.items()} | {
    _folded(alias): SERVICES[name] for alias, name in _ALIASES.items()
}


def server_of(service: str) -> Server | None:
    """Return the server of a service, however its name is written; None if the service is not known."""
    return _BY_NAME.get(_folded(service))
