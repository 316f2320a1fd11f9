"""What our keys and channels on the server are called."""

from __future__ import annotations

import re

from attrs import field, frozen


@frozen
class Names:
    """The names within one namespace.

    Braces make a cluster keep an answer and its lease on one server, where a script can see both.
    """

    namespace: str
    _answer: re.Pattern[str] = field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        pattern = re.escape(self.namespace) + r":\{([0-9a-f]{64})\}"
        object.__setattr__(self, "_answer", re.compile(pattern))

    def answer(self, key: str) -> str:
        return f"{self.namespace}:{{{key}}}"

    def lease(self, key: str) -> str:
        """Whose turn it is to compute an answer: its owner's token."""
        return f"{self.namespace}:{{{key}}}:lease"

    @property
    def trial(self) -> str:
        """What is written to see whether writing works."""
        return f"{self.namespace}:trial"

    @property
    def ended(self) -> str:
        """The channel on which the keys of leases are told as they end."""
        return f"{self.namespace}:ended"

    def answers(self, prefix: str = "") -> str:
        """A pattern for SCAN: the names of answers whose key begins so, and little else."""
        return f"{self.namespace}:{{{prefix}*}}"

    def key_of(self, name: bytes) -> str | None:
        """The key of the answer called `name`; None where that is no answer's name."""
        found = self._answer.fullmatch(name.decode("utf-8", "replace"))
        return found[1] if found is not None else None
