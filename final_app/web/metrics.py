"""/metrics: counts and other measurements of this process, in the text format of Prometheus.

The format is described at https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, request

from final_app import current
from final_app.facts import KINDS, Typing
from final_app.lib import counts

if TYPE_CHECKING:
    from prometheus_client.core import Metric

NOT_STORED = {Typing.__name__}
PROXYS_OWN = ("HTTP_VIA", "HTTP_X_REAL_IP")  # in addition to all names that contain FORWARDED

metrics = Blueprint("metrics", __name__)


@metrics.get("/metrics")
def show() -> Response:
    """Return the metrics to a program on this machine. For all others, this page does not exist."""
    if not _is_local(request.environ):
        abort(404)
    try:
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
    except ModuleNotFoundError:  # it is in the extra `scale`
        abort(404)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Numbers:
    """A collector. The Prometheus package calls `collect` for each scrape."""

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            SummaryMetricFamily,
        )

        stored = CounterMetricFamily(
            "chat_facts", "What was stored, such as MessagePosted for a message.", labels=["type"]
        )
        for kind in sorted(KINDS.keys() - NOT_STORED):  # even zeros, to show the first increase
            stored.add_metric([kind], counts.facts[kind])
        yield stored
        yield SummaryMetricFamily(
            "chat_transaction_seconds",
            "Committed transactions, including the time that they waited for others.",
            count_value=counts.transactions,
            sum_value=counts.transaction_seconds,
        )
        for name, number, what in _counters():
            yield CounterMetricFamily(name, what, value=number)
        for name, number, what in _gauges():
            yield GaugeMetricFamily(name, what, value=number)


def _counters() -> list[tuple[str, int, str]]:
    return [
        ("chat_deliveries", counts.deliveries, "Events sent to sockets, once for each socket."),
        ("chat_connects", counts.connects, "Sockets of people that were let in."),
        ("chat_dropped", counts.dropped, "Connections closed because their client was too slow."),
    ]


def _gauges() -> list[tuple[str, int, str]]:
    here = current.presence()
    return [
        ("chat_queued_bytes", counts.queued_bytes(), "Bytes that wait for clients to read them."),
        ("chat_sockets", len(here.sids()), "Open sockets of people."),
        ("chat_people_online", len(here.online()), "People who are online, in all processes."),
    ]


def _is_local(environ: dict[str, Any]) -> bool:
    """Return whether a program on this machine sent the request, and not through a proxy."""
    came_by_proxy = any("FORWARDED" in name or name in PROXYS_OWN for name in environ)
    direct = environ.get("werkzeug.proxy_fix.orig", environ).get("REMOTE_ADDR", "")
    try:
        address = ip_address(direct)
    except ValueError:  # a Unix socket
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback and not came_by_proxy
