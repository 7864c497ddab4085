"""Which IP addresses count as the same client when a limit is applied."""

from ipaddress import IPv4Address, IPv6Network, ip_address

PREFIX = 64  # bits; the smallest network that a provider assigns to an IPv6 connection


def network(address: str) -> str:
    """Return the network that the limits for an address apply to.

    A client with IPv6 can use any of at least 2^64 addresses, so the limits apply to their network. With
    IPv4, they apply to the address. An address that is not an IP address is returned as it is.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Network((int(found), PREFIX), strict=False))
