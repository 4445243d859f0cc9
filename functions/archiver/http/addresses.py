"""Where a request may go: which addresses.

Providers name hosts (links, redirects), so a host is resolved once per connection, every address it resolves to is
judged, and the socket is opened to a judged address while TLS still verifies the host's name.
"""

from __future__ import annotations

import enum
import ipaddress
import socket

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_AWS_LOCAL = ipaddress.IPv6Network("fd00:ec2::/32")

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(Exception):
    """A host resolves to an address that must not be asked. The text names the host and the way out."""


class Unreachable(Exception):
    """No connection to a host came about. The text says how it failed, without the host."""


class Reach(enum.Enum):
    """Which addresses a source may ask. Metadata addresses are in the reach of none."""

    PUBLIC = "public"
    PRIVATE = "private"  # and public ones, but by TLS alone
    LOOPBACK = "loopback"  # and all others: a base_url on this machine is a run on this machine

    @classmethod
    def of(cls, host: str, *, allow_private: bool) -> Reach:
        """The reach of a source whose base_url has this host."""
        if not allow_private:
            return cls.PUBLIC
        name = host.lower().strip("[]").rstrip(".")
        try:
            return cls.LOOPBACK if is_loopback(name) else cls.PRIVATE
        except ValueError:
            return cls.LOOPBACK if name == "localhost" or name.endswith(".localhost") else cls.PRIVATE


def resolved(host: str, port: int, reach: Reach, *, tls: bool = True) -> list[str]:
    """The addresses of `host`, all of them fit to be asked. Raises AddressRefused or Unreachable."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("its name could not be resolved") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if reason := _refusal(address, reach, tls=tls):
            raise AddressRefused(f"host {host} resolves to {reason}")
    return addresses


def _refusal(address: str, reach: Reach, *, tls: bool) -> str | None:
    if is_metadata(address):
        return "a link-local or metadata address"
    if reach is Reach.PUBLIC and not is_public(address):
        return "a private address; set allow_private_addresses = true for a self-hosted provider"
    if reach is Reach.PRIVATE and is_loopback(address):
        return "this machine itself, which only a base_url on this machine may ask"
    if reach is not Reach.PUBLIC and not tls and is_public(address):
        return "a public address, which is asked by https only"
    return None


def is_loopback(address: str) -> bool:
    """Whether `address`, or an IPv4 address that it carries inside, is this machine. Raises ValueError for none."""
    return any(each.is_loopback or each.is_unspecified for each in _with_embedded(address))


def is_public(address: str) -> bool:
    """Whether `address` and every IPv4 address that it carries inside belong to the public internet."""
    return all(_is_public(each) for each in _with_embedded(address))


def is_metadata(address: str) -> bool:
    """Whether `address` leads to a machine's own metadata or neighbours, or to many: refused for every source."""
    return any(
        each.is_link_local or each.is_multicast or (each.version == 6 and each in _AWS_LOCAL)
        for each in _with_embedded(address)
    )


def _is_public(address: _Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    return address.version == 4 or address in _GLOBAL_UNICAST


def _with_embedded(address: str) -> list[_Address]:
    """The address, or the IPv4 addresses that a translator would send its packets to."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return [parsed]
    if parsed.ipv4_mapped:
        return [parsed.ipv4_mapped]
    if parsed in _NAT64:
        return [ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)]
    return [parsed, parsed.sixtofour] if parsed.sixtofour else [parsed]
