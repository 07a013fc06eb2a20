"""The measurement of SOAP: calls through Voltgate against nginx, which passes the same bytes without looking."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from bench.contenders import CONTENDERS, Place, voltgate_command
from bench.installs import program
from bench.machine import Cores, Failure
from bench.phases import Bench, Plan, Sample

STATIONS = 200


def nginx(place: Place) -> list[str]:
    """Run one worker of nginx as HTTP proxy that keeps its connections to the upstream, as its manual says."""
    config = f"""
daemon off;
user root;
pid {place.folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile {place.connections};
events {{ worker_connections {place.connections}; }}
http {{
  access_log off;
  client_body_temp_path {place.folder}/body;
  proxy_temp_path {place.folder}/proxy;
  fastcgi_temp_path {place.folder}/fastcgi;
  uwsgi_temp_path {place.folder}/uwsgi;
  scgi_temp_path {place.folder}/scgi;
  keepalive_timeout 1h;
  keepalive_requests 100000000;
  upstream csms {{
    server 127.0.0.1:{place.backend};
    keepalive {2 * STATIONS};
    keepalive_requests 100000000;
    keepalive_timeout 1h;
  }}
  server {{
    listen 127.0.0.1:{place.port} backlog=4096;
    location / {{
      proxy_pass http://csms;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }}
  }}
}}
"""
    path = place.folder / "nginx.conf"
    path.write_text(config if os.geteuid() == 0 else config.replace("user root;\n", ""), encoding="utf-8")
    return [program("nginx"), "-p", str(place.folder), "-c", str(path), "-e", "stderr"]


def settings(place: Place) -> str:
    """Write Voltgate's configuration: SOAP on both sides, its limits on, above what a bench reaches."""
    return f"""
[listen]
stations = []
soap = ["http://127.0.0.1:{place.port}"]
http = "127.0.0.1:{place.http}"

[limits]
handshakes_per_second = 1000000
messages_per_second = 100000

[backends.first]
url = "http://127.0.0.1:{place.backend}/ocpp/soap"

[routes.bench]
rules = [{{ answer = "first" }}]

[[stations]]
match = "*"
route = "bench"
"""


SOAP = {
    "none": CONTENDERS["none"],
    "nginx": replace(CONTENDERS["nginx"], title="nginx, bytes passed", command=nginx),
    "voltgate": replace(CONTENDERS["voltgate"], title="Voltgate, SOAP to SOAP", command=voltgate_command(settings)),
}
"""Who is measured with SOAP, under the names that they have elsewhere."""


class SoapBench(Bench):
    """One contender between SOAP stations and a SOAP central system."""

    generator, backend = "bench.soap_generator", "bench.soap_backend"

    def open(self, stations: int, seconds: float = 120.0) -> None:
        """Connect so many stations, each of which makes a call; connections to the upstream are the proxy's affair."""
        opened = self.connect(stations, seconds)
        if opened < stations:
            log = self.proxy.log() if self.proxy else ""
            raise Failure(f"{self.contender.title}: {opened} of {stations} stations were answered\n{log}")

    def faults(self, counts: list[dict[str, Any]]) -> dict[str, int]:
        """Compare what was sent, answered and heard by the upstream."""
        found = {name: sum(count.get(name, 0) for count in counts) for name in ("lost", "doubled", "wrong", "broken")}
        found["unheard"] = sum(count["sent"] for count in counts) - self.heard("answer", "calls")
        found["misheard"] = self.heard("answer", "out_of_order") + self.heard("answer", "wrong")
        return {name: count for name, count in found.items() if count}


def soap(name: str, number: int, plan: Plan, cores: Cores) -> Sample:
    """Measure SOAP calls a second and CPU time a call, 200 stations in a closed loop."""
    contender = SOAP[name]
    with SoapBench(contender, cores, awake=True) as bench:
        bench.open(STATIONS)
        counts, spent = bench.drive({"do": "load"}, plan.warm, plan.load)
        faults = bench.faults(counts)
    rate = sum(count["in_window"] / count["seconds"] for count in counts)
    figures = {"rate": rate}
    if name != "none" and rate:
        calls = rate * spent.seconds
        figures |= {
            "capacity": calls / spent.total,
            "micros": spent.total / calls * 1e6,
            "user": spent.user / calls * 1e6,
            "system": (spent.total - spent.user) / calls * 1e6,
            "share": spent.share,
        }
    return Sample(name, number, figures, faults, spent.foreign if bench.proxy else 0.0)
