"""What rollouts of releases, and settings of the fleet, ask of the store."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from mbusheadend.fleet.settings_order import SettingsForFleet
from mbusheadend.rollout.health import Seen
from mbusheadend.rollout.offers import Standing
from mbusheadend.rollout.state import Member, MemberState, Rollout


class Rollouts(Protocol):
    """Rollouts and their masters; settings that are set at many masters."""

    async def rollouts(self, limit: int = 200) -> tuple[Rollout, ...]:
        """Give the newest, the newest first."""

    async def rollout(self, id: str) -> Rollout:
        """Give one; raise `UnknownError`."""

    async def put_rollout(self, rollout: Rollout, members: Iterable[Member] = ()) -> Rollout:
        """Add a rollout (version 0), or change the one that has this version, together with some of its masters.

        Give it with its new version. Raise `ChangedError` where it has another one by now.
        """

    async def delete_rollout(self, id: str) -> None:
        """Forget one with all that is known of its masters; raise `UnknownError`."""

    async def rollout_members(
        self, id: str, up_to_ring: int | None = None, states: Iterable[MemberState] = ()
    ) -> tuple[Member, ...]:
        """Give its masters by ring and serial number: of the rings up to one, in some states (none: in all)."""

    async def count_members(self, id: str) -> Mapping[tuple[int, MemberState], int]:
        """Count them by ring and state."""

    async def seen_of_rollout(self, rollout: Rollout) -> Mapping[str, Seen]:
        """Give what is known of those of its masters in the rings up to the present one that are here."""

    async def standings(self, serial: str) -> tuple[Standing, ...]:
        """Tell how a master stands in every rollout."""

    async def all_standings(
        self,
    ) -> tuple[Mapping[str, Standing], Mapping[str, Mapping[str, MemberState]]]:
        """Give every rollout by its id, and of each master that is in any how it stands in which."""

    async def put_fleet_settings(self, order: SettingsForFleet) -> None:
        """Store an order, or what has changed of it."""

    async def fleet_settings(self, id: str) -> SettingsForFleet:
        """Give one; raise `UnknownError`."""

    async def all_fleet_settings(self, limit: int = 100) -> tuple[SettingsForFleet, ...]:
        """Give the newest, the newest first."""

    async def forget_fleet_settings(self, before: datetime) -> int:
        """Forget orders that were made before a time; say how many."""
