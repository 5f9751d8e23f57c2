"""An order reaches a master that is on the line within a moment, over the real head-end."""

import asyncio
from pathlib import Path

from mbusheadend.fleet.masters import CallState, see_master
from mbusheadend.fleet.reading_now import read_master_now, read_progress
from mbushosting.contact import CONTACT, CommandResult, Orders
from mbushosting.readings import READINGS
from support.headend import call, now, running
from support.headend_messages import batch, listed, reading
from support.headend_meters import ADDRESS, telegram


async def test_a_master_on_the_line_hears_of_an_order_at_once_and_its_reading_ends_it(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.enrol("M1")
        desk = site.head_end.desk
        async with site.client("M1") as client:
            first = call(meters=listed(ADDRESS), meter_list="1")
            await client.post(CONTACT, content=first.model_dump_json())
            waiting = call(meter_list="1").model_dump_json()
            asking = asyncio.create_task(client.post(f"{CONTACT}?wait=50", content=waiting))
            id = await read_master_now(desk, "M1")
            async with asyncio.timeout(20):
                orders = Orders.model_validate_json((await asking).content)
            assert [command.id for command in orders.commands] == [id]
            assert (await see_master(desk, "M1")).row.state is CallState.CONNECTED
            sound = reading(1, ADDRESS, [telegram()], schedule=id, taken=now(), slot=now())
            answer = await client.post(READINGS, content=batch(sound).model_dump_json())
            assert answer.status_code == 200
            done = call(meter_list="1", results=(CommandResult(id=id, outcome="done"),))
            await client.post(CONTACT, content=done.model_dump_json())
            progress = await read_progress(desk, id)
            assert (progress.answered, progress.is_over) == (1, True)
