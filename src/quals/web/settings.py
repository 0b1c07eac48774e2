"""Limits of the service, and who may use it."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

from quals.errors import InputError


@dataclass(frozen=True)
class ServeSettings:
    """Options of ``quals serve``.

    Attributes:
        host: address to bind to.
        port: port to bind to; 0 lets the system choose.
        token: what clients must send as ``Authorization: Bearer``; needed unless the address is a loopback one.
        batch: most summaries in one call of the metric.
        queue: most summaries accepted and not yet scored; beyond it the answer is 429.
        rows: most summaries in one request.
        characters: longest document or summary.
        bytes: largest request body.
        timeout: seconds until a request that is still waiting is given up with 504.
    """

    host: str = "127.0.0.1"
    port: int = 8017
    token: str = ""
    batch: int = 16
    queue: int = 512
    rows: int = 32  # some 2 s each on two CPU cores: within the timeout
    characters: int = 200_000
    bytes: int = 4_000_000
    timeout: float = 120.0

    def __post_init__(self) -> None:
        for name in ("batch", "queue", "rows", "characters", "bytes", "timeout"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError("must be above 0", field=name)
        if not (self.token.isascii() and self.token.isprintable() and self.token == self.token.strip()):
            message = "only ASCII without line ends, or blanks around it, gets through an HTTP header as it is"
            raise InputError(message, field="token")
        if not self.loopback and not self.token:
            raise InputError(f"{self.host} can be reached from other machines: give a --token (or QUALS_TOKEN)")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
