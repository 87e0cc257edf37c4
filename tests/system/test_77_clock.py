"""Clocks that jump (row 11) and periods that roll under load (row 12, whose kills
are in test_60_periods): each token in exactly one period, nobody two quotas.

AIGW_TEST_CLOCK_OFFSET names a file; what stands in it is added to wall time.
"""
import asyncio
import datetime
import os
import time
import unittest

from faults import FaultCase
from gateway import wait_for
from load import chat

HOUR, DAY = 3600, 86400


class Clock(FaultCase):
    def gateway(self, **kw):
        gw = super().gateway(**kw)
        self.offset_file = os.path.join(gw.dir, "offset")
        gw.env["AIGW_TEST_CLOCK_OFFSET"] = self.offset_file
        self.set_clock(self.offset)
        return gw

    def setUp(self):
        super().setUp()
        self.offset = 0

    def set_clock(self, seconds):
        """The file is there whole, or as it was."""
        self.offset = seconds
        with open(self.offset_file + ".new", "w") as f:
            f.write("%d" % (seconds * 1000))
        os.rename(self.offset_file + ".new", self.offset_file)

    def set_time(self, year, month, day, hour, minute=0, second=0):
        when = datetime.datetime(year, month, day, hour, minute, second,
                                 tzinfo=datetime.timezone.utc)
        self.offset = when.timestamp() - time.time()

    def used(self, name="k0"):
        return self.gw.usage_of(name)[0]["usage"]

    def total(self, name="k0"):
        return self.gw.ctl("key", "get", name)["total"]["tokens"]

    def some_calls(self, count=3):
        async def go():
            for _ in range(count):
                outcome = await self.call(chat(tokens=5))
                self.assertEqual(outcome.status, 200, outcome.body)
        asyncio.run(go())
        wait_for(self.gw.settled, 60)

    def check_periods(self):
        """Periods partition the total; rows are counted once."""
        periods = self.gw.ctl("key", "periods", "k0")
        self.assertEqual(sum(p["used"] for p in periods), self.total())
        self.gw.verify()
        return periods

    def restart(self, seconds):
        self.assertEqual(self.gw.stop(), 0)
        self.set_clock(self.offset + seconds)
        self.gw.start()

    def test_row_11_a_clock_that_jumps_while_running(self):
        self.set_time(2028, 2, 28, 12) # the next day is the 29th
        gw = self.start(keys=1)
        self.some_calls()
        first = self.used()
        for seconds in (-HOUR, -DAY, DAY, 2 * HOUR, 30 * DAY):
            was = self.offset
            self.set_clock(was + seconds)
            self.some_calls()
            # back: never opens a period; far ahead: not believed at once
            self.assertEqual(self.used(), self.total(), seconds)
            self.set_clock(was)
        self.assertEqual(self.used(), self.total())
        self.assertGreater(self.used(), first)
        # less than an hour ahead is believed: nothing ends by that here
        self.set_clock(self.offset + HOUR - 60)
        self.some_calls()
        self.assertEqual(self.used(), self.total())
        self.check_periods()
        self.assertIn("jumped forward", gw.log())

    def test_row_11_a_clock_that_is_wrong_at_the_start(self):
        self.set_time(2028, 2, 28, 12)
        gw = self.start(keys=1)
        self.some_calls()
        for seconds in (-HOUR, -20 * HOUR, -10 * DAY, 3 * DAY):
            was = self.offset
            self.restart(seconds)
            before = self.used()
            self.assertEqual(before, self.total(), seconds)
            self.some_calls()
            self.assertEqual(self.used(), self.total(), seconds)
            # what is made under a wrong clock gets no second quota by its
            # correction; ten days behind, the ledger says so and follows
            self.restart(was - self.offset)
            self.assertEqual(self.used(), self.total())
        self.assertIn("behind the ledger's last time", gw.log())
        self.assertIn("ahead of the ledger's last time", gw.log())
        # the next day, which is the 29th of February, is another period
        self.restart(13 * HOUR)
        wait_for(lambda: self.used() == 0, 30, "the roll")
        self.some_calls()
        self.restart(24 * HOUR - 60)
        wait_for(lambda: self.used() == 0, 30, "the roll into March")
        self.some_calls()
        periods = self.check_periods()
        self.assertEqual(len(periods), 3)

    def test_row_11_local_midnight_where_the_clocks_change(self):
        # Berlin, 26 March 2028: 2:00 becomes 3:00, the day has 23 hours
        self.set_time(2028, 3, 25, 22, 59, 57)
        self.start(keys=1, server="timezone = Europe/Berlin")
        self.some_calls()
        wait_for(lambda: self.used() == 0, 30, "local midnight, 23:00 UTC")
        self.some_calls()
        resets = self.gw.usage_of("k0")[0]["resets_at"]
        self.assertTrue(resets.startswith("2028-03-26T22:00:00"), resets)
        self.assertEqual(len(self.check_periods()), 2)

    def test_row_12_streams_over_midnight_are_in_one_period_each(self):
        streams = 50
        self.set_time(2028, 2, 29, 23, 59, 56)
        gw = self.start(keys=1, workers=2)

        async def go():
            async def one():
                outcome = await self.call(chat(tokens=40, stream=True,
                                               delay_ms=200))
                self.assertTrue(outcome.clean)
            await asyncio.gather(*(one() for _ in range(streams)))
        asyncio.run(go()) # eight seconds: over midnight for all of them
        wait_for(gw.settled, 60)
        wait_for(lambda: len(gw.ctl("key", "periods", "k0")) >= 2, 30, "a roll")
        self.some_calls()
        periods = self.check_periods()
        self.assertEqual(len(periods), 2)
        self.assertTrue(gw.usage_of("k0")[0]["resets_at"]
                        .startswith("2028-03-02"))
        self.audit()


if __name__ == "__main__":
    unittest.main()
