"""The error tree, named by what an error stops. A bad record is no error: it is a value (`etl.model.Rejected`).

KoreEtlError
├── ConfigError                 stops the run before it starts        exit 2
├── SourceError
│   ├── AttemptFailed           stops one HTTP attempt: tried again, within bounds
│   │   ├── Throttled           ... and every request of the account pauses
│   │   │   └── Overloaded      ... and it is the server's trouble, not our rate
│   │   └── TokenRefused        ... once, with a new token; then the account is refused
│   ├── WindowFailed            stops a window: recorded as failed, the others go on       exit 1
│   └── AccountFailed           stops an account: the others go on
│       ├── AccountRefused      credentials, scope                exit 3 when it is every account
│       └── AccountUnavailable  down, elsewhere, or throttled     exit 5 when it is every account
├── Interrupted                 a signal ends a verb that has no run to close              exit 130 or 143
├── LeaseError                  stops an account: the others go on
│   ├── LeaseHeld               another run has it                                         exit 4
│   └── LeaseLost               another run took it over; nothing more is written          exit 1
└── WarehouseError              stops the run                                              exit 6
    └── SchemaMismatch          the database is on another schema version than this program

Messages are whole sentences for the person who reads them: what was wrong, where, what to do next.
They never carry a secret, a token, a message text, a payload or the values of a row.
"""

from __future__ import annotations


class KoreEtlError(Exception):
    """Everything this program raises on purpose. `remedy`: the end of its message that says what to do, or empty."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    @property
    def cause(self) -> str:
        """The message without its remedy."""
        return str(self).removesuffix(self.remedy).rstrip(" ;") if self.remedy else str(self)


class ConfigError(KoreEtlError):
    """The configuration cannot be used; `problems` holds one sentence for each thing to mend."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Interrupted(KoreEtlError):
    """Stopped by a signal."""

    def __init__(self, code: int) -> None:
        super().__init__("Stopped by a signal.")
        self.code = code


class SourceError(KoreEtlError):
    """Something between us and Kore.ai."""


class AttemptFailed(SourceError):
    """One HTTP attempt gave no usable answer; another may. `retry_after` is what the server asked for, in seconds."""

    is_outage = True
    """Whether it may be one of many in an outage: trying again then costs the run's retry budget."""

    def __init__(
        self, message: str, *, remedy: str = "", retry_after: float | None = None, answered: bool = True
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after
        self.answered = answered  # False: nothing came back at all (DNS, TCP, TLS, time)


class Throttled(AttemptFailed):
    """The source said: too many requests."""

    is_outage = False  # the account waits as a whole, so there is no crowd of retries


class Overloaded(Throttled):
    """503, and when to come back."""

    is_outage = True


class TokenRefused(AttemptFailed):
    """401: the token, the scope or the app was not accepted; `said` is Kore.ai's own sentence, which tells which."""

    def __init__(self, message: str, *, said: str = "") -> None:
        super().__init__(message)
        self.said = said


class WindowFailed(SourceError):
    """This window could not be read; the others go on."""


class AccountFailed(SourceError):
    """Nothing more can be read from this account in this run; the other accounts go on."""


class AccountRefused(AccountFailed):
    """Kore.ai does not accept this account's credentials, scope or app."""


class AccountUnavailable(AccountFailed):
    """The source is down, unreachable, not where it should be, or asks to stay away for longer than we wait."""


class LeaseError(KoreEtlError):
    """The account belongs to another run."""


class LeaseHeld(LeaseError):
    """Another run reads and writes this account now."""


class LeaseLost(LeaseError):
    """Another run has taken this account over; nothing more may be written."""


class WarehouseError(KoreEtlError):
    """The warehouse cannot be used: not there, not writable, locked, full, or broken."""


class SchemaMismatch(WarehouseError):
    """The database is on an older or a newer schema than this program."""
