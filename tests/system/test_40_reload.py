"""Reload and stop under load: nobody notices."""
import asyncio
import signal
import time
import unittest

from gateway import GatewayCase, wait_for
from load import Connection, chat


class Reload(GatewayCase):
    def test_a_broken_configuration_is_refused_and_the_old_one_serves(self):
        gw = self.gateway(provider=None).start()
        key = gw.create_key("k")
        with open(gw.config, "a") as f:
            f.write("[server]\nworkres = 3\n")
        gw.signal(signal.SIGHUP)
        wait_for(lambda: "workres" in gw.log(), 10, "message")
        self.assertIn("aigw.ini:", gw.log())
        body = {"model": "builtin/echo", "messages": [
            {"role": "user", "content": "still"}]}
        self.assertEqual(gw.call(key, body)[0], 200)
        checked = gw.tool("aigw", "-t", "-c", gw.config, ok=False)
        self.assertEqual(checked.returncode, 1)
        self.assertIn("workers", checked.stderr) # the suggestion

    def test_a_reload_acts_on_models_and_workers(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url, workers=1).start()
        key = gw.create_key("k")
        self.assertEqual(gw.call(key, chat(model="m2"))[0], 404)
        gw.models, gw.workers = ("m1", "m2"), 3
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: gw.call(key, chat(model="m2"))[0] == 200, 10, "model m2")
        wait_for(lambda: len(gw.children("worker")) == 3, 10, "3 workers")

    def test_a_reload_with_an_unusable_certificate_is_refused(self):
        gw = self.gateway(provider=None).start()
        key = gw.create_key("k")
        body = {"model": "builtin/echo", "messages": [
            {"role": "user", "content": "still"}]}
        for name in ("cert.pem", "key.pem"):
            with open("%s/%s" % (gw.dir, name), "w") as f:
                f.write("this is no PEM")
        gw.server = "tls_listen = 127.0.0.1:0\ntls_cert = %s/cert.pem\n" \
            "tls_key = %s/key.pem" % (gw.dir, gw.dir)
        gw.write_config()
        wait_for(lambda: len(gw.children("worker")) == 2, 20, "both workers")
        workers = set(gw.children("worker"))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: "reload refused" in gw.log(), 10, "refusal")
        self.assertEqual(gw.call(key, body)[0], 200)
        self.assertEqual(set(gw.children("worker")), workers)
        self.assertEqual(gw.ctl("status")["config"]["last_reload"], "refused")
        gw.server = ""
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: gw.ctl("status")["config"]["last_reload"] == "ok", 10)

    def test_a_second_master_of_an_instance_is_refused(self):
        gw = self.gateway(provider=None).start()
        key = gw.create_key("k")
        other = self.gateway(provider=None)
        other.instance = gw.instance
        other.write_config()
        done = gw.tool("aigw", "-c", other.config, ok=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("instance", other.log() + done.stderr)
        self.assertEqual(gw.call(key, {"model": "builtin/echo", "messages": [
            {"role": "user", "content": "still"}]})[0], 200)

    def run_storm(self, seconds, streams, stream_seconds, clients):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url,
                          server="drain_timeout = 120s").start()
        key = gw.create_key("k")
        failures, served = [], [0]

        async def keep_alive(stop):
            connection = Connection(gw.port)
            while not stop.is_set():
                outcome = await connection.call(key, chat(tokens=1))
                served[0] += 1
                if outcome.status != 200 or outcome.error:
                    failures.append((outcome.status, outcome.error))
            connection.close()

        async def stream():
            events = int(stream_seconds * 4)
            outcome = await Connection(gw.port).call(
                key, chat(tokens=events, stream=True, delay_ms=250))
            if outcome.status != 200 or not outcome.clean or \
                    outcome.tokens != events:
                failures.append(("stream", outcome.status, outcome.tokens,
                                 outcome.error))

        async def storm():
            stop = asyncio.Event()
            streams_running = [asyncio.create_task(stream())
                               for _ in range(streams)]
            await asyncio.sleep(1)
            tasks = [asyncio.create_task(keep_alive(stop)) for _ in range(clients)]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                gw.signal(signal.SIGHUP)
                await asyncio.sleep(0.1)
            stop.set()
            await asyncio.gather(*tasks)
            await asyncio.gather(*streams_running)
        asyncio.run(storm())
        self.assertEqual(failures[:5], [])
        self.assertGreater(served[0], 100)

        def one_generation():
            workers = [w for w in gw.ctl("status")["workers"]
                       if w["state"] == "live"]
            return len({w["config_generation"] for w in workers}) == 1 and \
                len(gw.children("worker")) == 2
        wait_for(one_generation, 60, "one generation lives")
        wait_for(gw.settled, 30)
        gw.verify()

    def test_reloads_ten_times_a_second_cut_nothing(self):
        self.run_storm(10, 200, 30, 50)

    def test_quit_lets_streams_finish_and_term_ends_them_with_an_event(self):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url).start()
        key = gw.create_key("k")

        async def streaming(how):
            before = len(provider.book.snapshot())
            task = asyncio.create_task(Connection(gw.port).call(
                key, chat(tokens=40, stream=True, delay_ms=50)))
            while not task.done():
                entries = provider.book.snapshot()
                if len(entries) > before and entries[-1]["served"] > 3:
                    break
                await asyncio.sleep(0.01)
            gw.signal(how)
            return await task
        outcome = asyncio.run(streaming(signal.SIGQUIT))
        self.assertEqual((outcome.status, outcome.tokens, outcome.clean),
                         (200, 40, True))
        self.assertEqual(gw.process.wait(20), 0)
        gw.start()
        outcome = asyncio.run(streaming(signal.SIGTERM))
        self.assertEqual(outcome.status, 200)
        self.assertIsNotNone(outcome.error)
        self.assertNotIn(b"[DONE]", outcome.body)
        self.assertEqual(gw.process.wait(20), 0)

    def test_winch_drains_workers_and_a_reload_brings_them_back(self):
        gw = self.gateway(provider=None).start()
        gw.signal(signal.SIGWINCH)
        wait_for(lambda: not gw.children("worker"), 20, "no worker")
        gw.signal(signal.SIGHUP)
        wait_for(lambda: len(gw.children("worker")) == 2, 20, "workers again")
        gw.wait_ready()

    def test_usr1_reopens_the_error_log(self):
        import os
        gw = self.gateway(provider=None).start()
        os.rename(gw.log_path, gw.log_path + ".1")
        gw.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(gw.log_path), 10, "new log")


if __name__ == "__main__":
    unittest.main()
