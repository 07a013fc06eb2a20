"""The management system: what it answers stations with `url = "local:"`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from voltgate.config.values import RESTART, FilePath, Seconds, Section, Size, Text, split_url


class CsmsAuthority(Section):
    """Who signs the certificates that stations ask for."""

    certificate: FilePath = Field(
        description="PEM file: the certificate of the authority, followed by those above it. Read for each request."
    )
    key: FilePath = Field(description="PEM file: its private key, without a passphrase. Read for each request.")
    days: int = Field(
        default=365,
        ge=1,
        le=3650,
        description="For how many days a certificate holds; never longer than that of the authority.",
    )
    organization: Text = Field(
        default="",
        description="The organization that a station's request must name (2.0.1 A00.FR.510: that of the operator). "
        '`""`: any.',
    )


class Csms(Section):
    """What the management system goes by. What a network or a station has of its own comes first: the API says it."""

    interval: int = Field(default=300, ge=1, le=86_400, description="Seconds between the heartbeats of stations.")
    registration: Literal["Accepted", "Pending", "Rejected"] = Field(
        default="Accepted",
        description="What the BootNotification of a station is answered with that nobody has decided on. The gateway "
        "has let it in already: this is for stations that are to be looked at before they charge.",
    )
    retry: int = Field(
        default=60, ge=1, le=86_400, description="Seconds after which a station that is not Accepted asks again."
    )
    tokens: Literal["known", "any"] = Field(
        default="known",
        description='Who may charge. `"known"`: tokens that are in the list of tokens; `"any"`: those that are not '
        "in it, too.",
    )
    grace: Seconds = Field(
        default=60,
        ge=0,
        le=86_400,
        description="How long a station may be away before it and its connectors are shown as Unavailable.",
    )
    validation: Literal["lenient", "strict"] = Field(
        default="lenient",
        description='How payloads are held to the schemas. `"lenient"`: what stations err in without being '
        'misunderstood is let pass and counted; `"strict"`: it is refused. A transaction message never is.',
    )
    currency: Annotated[Text, Field(pattern=r"^[A-Z]{3}$")] = Field(
        default="EUR", description="The currency of tariffs that are put without one (ISO 4217)."
    )
    tell_costs: Seconds = Field(
        default=0,
        ge=0,
        le=86_400,
        description="How often stations of 2.x are told what their running transactions have cost so far "
        "(CostUpdated). 0: never. What a transaction has cost in the end stands in the answer to its last event.",
    )
    cost_vendor: Annotated[Text, Field(max_length=255)] = Field(
        default="",
        description="The vendorId of the DataTransfer that tells a station of 1.6 what a transaction has cost, such as "
        '`"org.openchargealliance.costmsg"`. `""`: none is told.',
    )
    cost_message: Annotated[Text, Field(max_length=50)] = Field(
        default="FinalCost", description="The messageId of that DataTransfer."
    )
    keep_jobs: Seconds = Field(
        default=90 * 86_400,
        ge=3600,
        le=3650 * 86_400,
        description="How long jobs that have ended are kept, with what each station said.",
    )
    authority: CsmsAuthority | None = Field(
        default=None,
        description="Who signs what stations ask for by SignCertificate, where the common name is the identity of the "
        "station. What it does not sign, and all without it, waits for an operator.",
    )
    keep_meter_values: Seconds = Field(
        default=400 * 86_400,
        ge=86_400,
        le=36_500 * 86_400,
        description="How long meter values are kept; what a transaction comes to is kept with it for good.",
    )
    keep_history: Seconds = Field(
        default=400 * 86_400,
        ge=86_400,
        le=36_500 * 86_400,
        description="How long it is kept what connectors reported, and what else stations said (notes).",
    )
    keep_rows: int = Field(
        default=20_000,
        ge=100,
        le=10_000_000,
        description="How many rows of each kind are kept of what a station tells: variables, charging profiles, "
        "reports, requests for certificates, statuses of connectors, and notes of each action (1,000 connectors at "
        "most). What it told first goes first, and is counted (`voltgate_csms_trimmed_total`). Transactions are not "
        "bounded, nor are their meter values.",
    )
    uploads: Text = Field(
        default="",
        description="The URL by which stations reach this gateway to upload diagnostics and logs to, as "
        '`"https://gateway.example"`: they are given addresses below `/uploads/` there, each good for one file. '
        '`""`: no uploads are taken. They are taken at `listen.uploads`.',
        json_schema_extra=RESTART,
    )
    uploads_folder: Annotated[Text, Field(min_length=1)] = Field(
        default="var/uploads",
        description="Where uploads are kept (it is made). Gateways of a cluster share one.",
        json_schema_extra=RESTART,
    )
    uploads_size: Size = Field(default=256 << 20, ge=1 << 10, le=1 << 40, description="The largest upload.")
    uploads_total: Size = Field(default=4 << 30, ge=1 << 10, le=1 << 50, description="What all uploads may have.")
    uploads_keep: Seconds = Field(
        default=30 * 86_400, ge=3600, le=3650 * 86_400, description="How long an upload is kept."
    )

    @field_validator("uploads")
    @classmethod
    def _reached(cls, url: str) -> str:
        if url:
            parts = split_url(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
                raise ValueError('is a URL like "https://gateway.example", without a query, or ""')
        return url
