"""Errors sorted by what happens next. A library's own error is translated at the adapter's door.

TrainleaseError
├── Conflict        the object changed since it was read: drop the decision, read again
├── NotFound        a live read says that it is not there
├── AlreadyExists   a create found its name taken: read it and compare
├── NotLeader       another replica may be active: do nothing
├── Unavailable     the other side is away or slow: wait, then retry
│   └── AnswerLost  the call may have landed: observe before it is repeated
├── Refused         the other side says no for now (capacity, quota, throttled, wrong state)
└── NeedsPerson     nothing here can mend it: say what to do in a condition
    ├── SchemaInvalid  a database lacks a table, column, grant or row
    ├── Forbidden      credentials or rights are missing
    └── BadSpec        the object asks for something that cannot be
        ├── ImageMissing   what it is to run is not there
        └── SeveralModels  a run logged more than one model

Restored            (no port's error) this process knows what never was: end it

Messages never hold a secret: an adapter passes on what it composed itself.
"""


class TrainleaseError(Exception):
    """Base of all errors that cross a port."""


class Conflict(TrainleaseError):
    """A compare-and-set lost (HTTP 409): start again from a fresh read."""


class NotFound(TrainleaseError):
    """A live GET answered NotFound."""


class AlreadyExists(TrainleaseError):
    """A create found an object of that name."""


class NotLeader(TrainleaseError):
    """This process does not hold the leader Lease, or no longer for certain."""


class Unavailable(TrainleaseError):
    """The other side is away, slow or broken; the same call may work later."""


class AnswerLost(Unavailable):
    """The call was sent and its answer did not come: it may have landed."""


class Refused(TrainleaseError):
    """The other side answered no, and may answer yes later. `word` is capacity, quota, ..."""

    def __init__(self, message: str, word: str = "refused") -> None:
        super().__init__(message)
        self.word = word


class NeedsPerson(TrainleaseError):
    """Only a person can mend it; the message says what to do."""


class SchemaInvalid(NeedsPerson):
    """A platform's database lacks something; the message has the statement for a DBA."""


class Forbidden(NeedsPerson):
    """Credentials are wrong or a right is missing."""


class BadSpec(NeedsPerson):
    """The object asks for something that cannot be done."""


class ImageMissing(BadSpec):
    """The image of a training is not there; the message says which are, or where to put it."""


class SeveralModels(BadSpec):
    """A run logged several models, and which one is meant only a person can say."""


class Restored(Exception):
    """The API server is back at an earlier state: what this process knows never was, and its
    watches wait for versions that are yet to come. It must end; one that starts anew is well."""
