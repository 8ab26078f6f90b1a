"""An actor without a system: what it says and what it wants to be woken for is kept in lists."""

from actors.messages import Address, Begin, Directory, Role
from storage.config import Run, Settings

OUTSIDE = Address("outside")


def alone(kind, folder, role, *peers, **run):
    """It has begun in this folder and knows its peers, whose addresses are their roles."""

    class Alone(kind):
        def __init__(self):
            super().__init__()
            self.told, self.woken, self.stopped = [], [], False

        def tell(self, target, message):
            self.told.append((target.text, message))

        def wake(self, _after_seconds, message):
            self.woken.append(message)

        def stop(self):
            self.stopped = True

        def hears(self, message):
            """What it says to this."""
            before = len(self.told)
            self.receive(message, OUTSIDE)
            return self.told[before:]

        def wakes(self):
            """Its timers go off."""
            woken, self.woken = self.woken, []
            return [said for message in woken for said in self.hears(message)]

    actor = Alone()
    actor.receive(Begin(Role(role), Settings(), Run(data_dir=str(folder), **run)), OUTSIDE)
    actor.receive(Directory(1, {Role(peer): Address(peer) for peer in peers}), OUTSIDE)
    return actor
