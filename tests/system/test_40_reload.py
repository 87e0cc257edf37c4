"""Reload and stop under load: nobody notices."""
import asyncio
import http.client
import json
import os
import re
import signal
import socket
import time
import unittest

from broken_configs import ADDED, LISTEN, REPLACED, WORKERS
from gateway import GatewayCase, wait_for
from load import Connection, chat

STORM_SECONDS = int(os.environ.get("AIGW_STORM_SECONDS", "6"))
ECHO = {"model": "builtin/echo", "messages": [{"role": "user", "content": "still"}]}


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

    def test_row_26_broken_configurations_leave_the_old_generation_untouched(self):
        gw = self.gateway(provider=None).start()
        key = gw.create_key("k")
        with open(gw.config) as f:
            good = f.read()
        busy = socket.socket()
        self.addCleanup(busy.close)
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        in_use = busy.getsockname()[1]
        broken = [(good + text + "\n", reason) for text, reason in ADDED]
        broken += [(re.sub("workers = .*", "workers = " + text, good), reason)
                   for text, reason in WORKERS]
        broken += [(re.sub("(?m)^listen = .*", r"\g<0>, " + text.replace(
            "%d", str(in_use)), good, count=1), reason) for text, reason in LISTEN]
        broken += [(good.replace(old, new), reason) for old, new, reason in REPLACED]
        broken += [(good.replace("workers", "tls_cert = /nowhere/cert.pem\n"
                                 "tls_key = /nowhere/key.pem\n"
                                 "tls_listen = 127.0.0.1:0\nworkers", 1), "cert"),
                   (None, "No such file|cannot"), ("", "data_dir|instance")]
        self.assertGreaterEqual(len(broken), 50)
        before = gw.children()
        generation = gw.ctl("status")["config"]["generation"]
        connection = http.client.HTTPConnection("127.0.0.1", gw.port, timeout=30)
        self.addCleanup(connection.close)
        for count, (text, reason) in enumerate(broken, 1):
            with open(gw.config + ".next", "w") as f:
                f.write(text or "")
            os.chmod(f.name, 0o600)
            os.rename(f.name, gw.config)
            if text is None:
                os.unlink(gw.config)
            gw.signal(signal.SIGHUP)
            told = wait_for(lambda: (lambda c: c["reloads"] == count and c)(
                self.status(gw)["config"]), 30, "an answer to %r" % text)
            added = text and text.replace(good, "")
            self.assertEqual(told["last_reload"], "refused", added)
            self.assertRegex(told["reason"], reason, added)
            self.assertEqual(told["generation"], generation)
            # The same connection: no worker was told to drain.
            connection.request("POST", "/v1/chat/completions", json.dumps(ECHO), {
                "Authorization": "Bearer " + key, "Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.assertEqual((answer.status, answer.getheader("connection")),
                             (200, None), added)
        self.assertEqual(gw.children(), before)
        print("%d broken configurations refused" % len(broken), flush=True)
        with open(gw.config, "w") as f:
            f.write(good)
        gw.signal(signal.SIGHUP)
        wait_for(lambda: self.status(gw)["config"]["last_reload"] == "ok", 30)
        self.assertIsNone(self.status(gw)["config"]["reason"])

    @staticmethod
    def status(gw):
        """As aigwctl status, whatever stands in the configuration's file."""
        answer = gw.http("GET", "/admin/v1/status", port=gw.admin_port, headers={
            "Authorization": "Bearer test-admin-token-1"})
        return json.loads(answer[2])

    def run_storm(self, seconds, streams, stream_seconds, clients):
        provider = self.mock()
        gw = self.gateway(provider=provider.base_url,
                          server="drain_timeout = 120s").start()
        key = gw.create_key("k")
        failures, served, generations = [], [0], []

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
                workers = gw.ctl("status")["workers"] # at most three generations
                generations.append(len({w["config_generation"] for w in workers
                                        if w["state"] in ("live", "draining")}))
                await asyncio.sleep(0.1)
            stop.set()
            await asyncio.gather(*tasks)
            await asyncio.gather(*streams_running)
        asyncio.run(storm())
        self.assertEqual(failures[:5], [])
        self.assertGreater(served[0], 100)
        self.assertLessEqual(max(generations), 3)

        def one_generation():
            workers = [w for w in gw.ctl("status")["workers"]
                       if w["state"] == "live"]
            return len({w["config_generation"] for w in workers}) == 1 and \
                len(gw.children("worker")) == 2
        wait_for(one_generation, 60, "one generation lives")
        wait_for(gw.settled, 30)
        gw.verify()

    def test_row_25_reloads_ten_times_a_second_cut_nothing(self):
        self.run_storm(STORM_SECONDS, 200, 2 * STORM_SECONDS, 50)

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

    def test_a_reload_moves_the_error_log_and_its_level(self):
        gw = self.gateway(provider=None).start()
        moved = gw.dir + "/moved.log"

        def said(text):
            with open(moved) as f:
                return text in f.read()
        gw.log_path, old = moved, gw.log_path
        gw.extra = "[log]\nlevel = debug\n"
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(moved) and said("reload done"), 30, "new log")
        size = os.path.getsize(old)
        gw.create_key("k") # the accountant writes there, too
        self.assertTrue(said("management operation=key_create"))
        gw.signal(signal.SIGHUP) # a worker that leaves, and its level
        wait_for(lambda: said("has left") and said(" debug "), 30, "debug lines")
        # Signals that cross are one reload: the third is sent when the second is done.
        wait_for(lambda: self.status(gw)["config"]["reloads"] == 2, 30, "second reload")
        gw.extra = "[log]\nlevel = error\n"
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: self.status(gw)["config"]["reloads"] == 3, 30, "third reload")
        self.assertEqual(os.path.getsize(old), size)
        gw.create_key("quiet")
        self.assertEqual(open(moved).read().count("operation=key_create"), 1)

    def test_winch_drains_workers_and_a_reload_brings_them_back(self):
        gw = self.gateway(provider=None).start()
        gw.signal(signal.SIGWINCH)
        wait_for(lambda: not gw.children("worker"), 20, "no worker")
        gw.signal(signal.SIGHUP)
        wait_for(lambda: len(gw.children("worker")) == 2, 20, "workers again")
        gw.wait_ready()

    def test_usr1_reopens_the_error_log(self):
        gw = self.gateway(provider=None).start()
        os.rename(gw.log_path, gw.log_path + ".1")
        gw.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(gw.log_path), 10, "new log")


if __name__ == "__main__":
    unittest.main()
