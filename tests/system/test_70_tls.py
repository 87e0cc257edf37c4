"""TLS with clients and with providers."""
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import unittest

from gateway import Gateway, GatewayCase, free_port, wait_for
from load import chat
from tls_files import Authority

PERIOD_MS = 12 * 3600 * 1000 # of a ticket's key
ECHO = {"model": "builtin/echo", "messages": [{"role": "user", "content": "hi"}]}


def send(s, key, body=ECHO, extra=""):
    data = json.dumps(body).encode()
    s.sendall(("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: "
               "Bearer %s\r\nContent-Length: %d\r\n%s\r\n"
               % (key, len(data), extra)).encode() + data)


def ask(s, key, body=ECHO):
    """(status, headers) of a call on the connection, which stays open."""
    send(s, key, body)
    answer = http.client.HTTPResponse(s)
    answer.begin()
    answer.read()
    return answer.status, dict((k.lower(), v) for k, v in answer.getheaders())


def is_stopped(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rpartition(")")[2].split()[0] == "T"


class TlsCase(GatewayCase):
    def files(self):
        """An authority in a folder of its own."""
        import tempfile
        folder = tempfile.mkdtemp(prefix="aigw-tls-")
        self.addCleanup(shutil.rmtree, folder, True)
        return Authority(folder)

    def tls_gateway(self, cert, key, server="", **kw):
        port = free_port()
        gw = self.gateway(server="tls_listen = 127.0.0.1:%d\ntls_cert = %s\n"
                          "tls_key = %s\n%s" % (port, cert, key, server), **kw)
        gw.tls_port = port
        return gw

    def served(self, **kw):
        """A running gateway with TLS and what belongs to it."""
        self.authority = self.files()
        cert, key = self.authority.make("server")
        gw = self.tls_gateway(cert, key, **kw).start()
        self.key = gw.create_key("k")
        return gw

    def context(self, version=None):
        context = ssl.create_default_context(cafile=self.authority.ca)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, gw, context=None, session=None):
        plain = socket.create_connection(("127.0.0.1", gw.tls_port), 30)
        try:
            return (context or self.context()).wrap_socket(
                plain, server_hostname="localhost", session=session,
                suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise

    def certificate(self, gw):
        """The common name that new connections see."""
        context = ssl.create_default_context(cafile=self.authority.ca)
        with self.connect(gw, context) as s:
            return dict(x[0] for x in s.getpeercert()["subject"])["commonName"]


class Server(TlsCase):
    def test_row_35_only_good_versions_ciphers_and_protocols_are_spoken(self):
        gw = self.served(provider=None)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for offer, chosen in ((None, None), (["http/1.1"], "http/1.1"),
                                  (["h2", "http/1.1"], "http/1.1")):
                context = self.context(version)
                if offer:
                    context.set_alpn_protocols(offer)
                with self.connect(gw, context) as s:
                    self.assertEqual(s.selected_alpn_protocol(), chosen)
                    self.assertIn(s.version(), ("TLSv1.2", "TLSv1.3"))
                    self.assertEqual(ask(s, self.key)[0], 200)

        def refused(context, alert):
            with self.assertRaises(ssl.SSLError) as e:
                self.connect(gw, context).close()
            self.assertIn(alert, str(e.exception).lower())
        context = self.context()
        context.set_alpn_protocols(["h2"])
        refused(context, "no application protocol")
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = self.context()
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
            refused(context, "protocol version")
        for cipher in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA"):
            context = self.context(ssl.TLSVersion.TLSv1_2)
            context.set_ciphers(cipher)
            refused(context, "handshake failure")

    def test_row_35_renegotiation_is_refused(self):
        gw = self.served(provider=None)
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % gw.tls_port,
             "-tls1_2", "-CAfile", self.authority.ca], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(client.kill)
        text = b""
        while b"Verify return code" not in text:
            line = client.stdout.readline()
            self.assertTrue(line, text)
            text += line
        out = client.communicate(b"R\n", timeout=60)[0]
        self.assertIn(b"RENEGOTIATING", out)
        self.assertIn(b"no renegotiation", out)

    def test_the_end_of_an_answer_that_closes_is_told(self):
        """EOF without close_notify would raise; see suppress_ragged_eofs."""
        gw = self.served(provider=None)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.connect(gw, self.context(version)) as s:
                send(s, self.key, extra="Connection: close\r\n")
                data = b""
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    data += piece
                self.assertTrue(data.startswith(b"HTTP/1.1 200"), data[:100])


class Resumption(TlsCase):
    def session(self, gw, version, session=None):
        """(session, reused, worker) of a connection with one call."""
        context = self.contexts[version]
        with self.connect(gw, context, session) as s:
            status, headers = ask(s, self.key)
            self.assertEqual(status, 200)
            return s.session, s.session_reused, headers["x-request-id"][:8]

    def start(self, **kw):
        gw = self.served(provider=None, **kw)
        self.contexts = {v: self.context(v) for v in
                         (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)}
        return gw

    def test_every_worker_resumes_also_after_a_reload_and_a_restart(self):
        gw = self.start()
        sessions = {}
        for version in self.contexts:
            session, reused, worker = self.session(gw, version)
            self.assertFalse(reused)
            workers = {worker}
            # A stopped one accepts nothing, so the other does.
            for pid in gw.children("worker"):
                os.kill(pid, signal.SIGSTOP)
                wait_for(lambda: is_stopped(pid), 30, "stop")
                try:
                    sessions[version], reused, worker = self.session(
                        gw, version, session)
                finally:
                    os.kill(pid, signal.SIGCONT)
                self.assertTrue(reused)
                workers.add(worker)
            self.assertEqual(len(workers), 2)
        old = set(gw.children("worker"))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: len(set(gw.children("worker")) - old) == 2 and
                 not set(gw.children("worker")) & old, 60, "new workers")
        for version in self.contexts:
            self.assertTrue(self.session(gw, version, sessions[version])[1])
        gw.stop()
        gw.start()
        for version in self.contexts:
            self.assertTrue(self.session(gw, version, sessions[version])[1])

    def test_a_ticket_lives_as_long_as_its_key_and_is_renewed_before(self):
        first = 41000 * PERIOD_MS + 60000
        gw = self.start(env={"AIGW_TEST_CLOCK_SCALE": "2",
                             "AIGW_TEST_CLOCK_ORIGIN": str(first)})

        def jump(periods):
            gw.stop()
            gw.env["AIGW_TEST_CLOCK_ORIGIN"] = str(first + periods * PERIOD_MS)
            gw.start()
        old = {v: self.session(gw, v)[0] for v in self.contexts}
        jump(1)
        renewed = {}
        for version in self.contexts:
            renewed[version], reused, _ = self.session(gw, version, old[version])
            self.assertTrue(reused)
        jump(2)
        for version in self.contexts:
            self.assertFalse(self.session(gw, version, old[version])[1])
            self.assertTrue(self.session(gw, version, renewed[version])[1])

    def test_another_instance_does_not_resume(self):
        gw = self.start()
        other = self.tls_gateway(*self.authority.make("other"),
                                 provider=None).start()
        for version in self.contexts:
            session = self.session(gw, version)[0]
            with self.connect(other, self.contexts[version], session) as s:
                self.assertFalse(s.session_reused)


class Certificate(TlsCase):
    def put(self, gw, cert, key):
        """In place of the files that the gateway uses, as a renewal does."""
        for new, place in ((cert, "server.pem"), (key, "server.key")):
            if new:
                temporary = self.authority.path(place + ".new")
                shutil.copy(new, temporary)
                os.replace(temporary, self.authority.path(place))

    def check(self, gw):
        return gw.tool("aigw", "-t", "-c", gw.config, ok=False)

    def test_row_35_a_reload_takes_a_good_certificate_and_refuses_a_bad_one(self):
        gw = self.served(provider=None, server="tls_reload = 0s")
        self.assertEqual(self.certificate(gw), "server")
        self.assertEqual(self.check(gw).returncode, 0)
        good = self.authority.make("good")
        other = self.authority.make("other")
        late = self.authority.make("late", days=-1)
        nothing = self.authority.path("nothing")
        with open(nothing, "w") as f:
            f.write("-----BEGIN CERTIFICATE-----\nthis is none\n")
        for cert, key, reason in ((late[0], late[1], "expired on"),
                                  (good[0], other[1], "key values mismatch"),
                                  (nothing, good[1], "tls_cert"),
                                  (good[0], nothing, "tls_key")):
            self.put(gw, cert, key)
            checked = self.check(gw)
            self.assertEqual(checked.returncode, 1, checked.stderr)
            self.assertIn(reason, checked.stderr)
            before = gw.log().count("reload refused")
            gw.signal(signal.SIGHUP)
            wait_for(lambda: gw.log().count("reload refused") > before, 30,
                     "refusal")
            self.assertIn(reason, gw.log().splitlines()[-1])
            self.assertEqual(self.certificate(gw), "server")
        # A worker that is born now has the good pair too.
        before = set(gw.children("worker"))
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(set(gw.children("worker")) - before) == 2, 30,
                 "new workers")
        wait_for(lambda: gw.http("GET", "/readyz")[0] == 200, 30, "ready")
        self.assertEqual(self.certificate(gw), "server")
        self.put(gw, *good)
        gw.signal(signal.SIGHUP)
        wait_for(lambda: self.certificate(gw) == "good", 30, "new certificate")
        self.assertEqual(self.check(gw).returncode, 0)

    def test_renewed_files_are_noticed_and_nothing_is_cut(self):
        gw = self.served(provider=None, server="tls_reload = 100ms")
        workers = set(gw.children("worker"))
        good = self.authority.make("good")
        with self.connect(gw) as kept:
            self.assertEqual(ask(kept, self.key)[0], 200)
            message = "the running one stays"
            self.put(gw, None, good[1])
            wait_for(lambda: message in gw.log(), 30, "the key does not fit")
            self.assertEqual(self.certificate(gw), "server")
            self.put(gw, good[0], None)
            wait_for(lambda: self.certificate(gw) == "good", 30, "renewed")
            wait_for(lambda: all(self.certificate(gw) == "good"
                                 for _ in range(8)), 30, "in all workers")
            self.assertEqual(gw.log().count(message), 1)
            self.assertEqual(ask(kept, self.key)[0], 200)
        self.assertEqual(set(gw.children("worker")), workers)
        late = self.authority.make("late", days=-1)
        self.put(gw, *late)
        wait_for(lambda: "expired on" in gw.log(), 30, "the expired one")
        self.assertEqual(self.certificate(gw), "good")
        os.kill(min(workers), signal.SIGKILL)
        wait_for(lambda: len(set(gw.children("worker")) - workers) == 1, 30)
        wait_for(lambda: gw.log().count("is ready") >= 4, 30, "successor")
        self.assertEqual({self.certificate(gw) for _ in range(8)}, {"good"})

    def test_an_upgrade_keeps_the_certificate_and_the_sessions(self):
        gw = self.served(provider=None, server="tls_reload = 0s")
        context = self.context()
        with self.connect(gw, context) as s:
            self.assertEqual(ask(s, self.key)[0], 200)
            session = s.session
        self.put(gw, None, self.authority.make("other")[1]) # fits no more
        old = set(gw.children("worker"))
        gw.signal(signal.SIGUSR2)
        wait_for(lambda: gw.ctl("status")["upgrade"]["upgrades"] == 1, 60)
        self.assertRegex(gw.ctl("status")["upgrade"]["last"], "^done")
        wait_for(lambda: not set(gw.children("worker")) & old, 30, "drained")
        self.assertEqual(self.certificate(gw), "server")
        with self.connect(gw, context, session) as s:
            self.assertTrue(s.session_reused)

    def test_an_old_certificate_keeps_nothing_from_starting_or_reloading(self):
        self.authority = self.files()
        cert, key = self.authority.make("server", days=-1)
        gw = self.tls_gateway(cert, key, provider=None, workers=1).start()
        self.assertIn("expired on", gw.log())
        gw.workers = 2
        gw.write_config()
        gw.signal(signal.SIGHUP)
        wait_for(lambda: len(gw.children("worker")) == 2, 30, "2 workers")

    @unittest.skipUnless(os.geteuid() == 0, "it needs root to give rights away")
    def test_workers_need_no_right_to_read_the_key(self):
        self.authority = self.files()
        cert, key = self.authority.make("server")
        os.chmod(key, 0o600)
        os.chmod(self.authority.folder, 0o700)
        gw = self.tls_gateway(cert, key, "user = nobody\ntls_reload = 100ms",
                              provider=None)
        os.chmod(gw.dir, 0o755)
        gw.start()
        self.key = gw.create_key("k")
        self.assertEqual(self.certificate(gw), "server")
        self.put(gw, *self.authority.make("good"))
        wait_for(lambda: self.certificate(gw) == "good", 30, "renewed")
        old = set(gw.children("worker"))
        gw.signal(signal.SIGHUP)
        wait_for(lambda: not set(gw.children("worker")) & old, 30, "reload")
        self.assertEqual(self.certificate(gw), "good")


class Flood(TlsCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 4096:
            self.skipTest("it needs 4096 descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def half(self, gw, count):
        """Connections that have begun to shake hands, or not even that."""
        hello, incoming = ssl.MemoryBIO(), ssl.MemoryBIO()
        machine = self.context().wrap_bio(incoming, hello,
                                          server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            machine.do_handshake()
        first = hello.read()
        flood = []
        for i in range(count):
            s = socket.create_connection(("127.0.0.1", gw.tls_port), 30)
            self.addCleanup(s.close)
            s.sendall((first, first[:50], b"")[i % 3])
            flood.append(s)
        return flood

    def test_row_35_a_thousand_half_handshakes_do_not_keep_others_out(self):
        gw = self.served(provider=None, server="header_timeout = 60s")
        with self.connect(gw) as kept:
            self.assertEqual(ask(kept, self.key)[0], 200)
            self.half(gw, 1000)
            for _ in range(20):
                self.assertEqual(ask(kept, self.key)[0], 200)
                with self.connect(gw) as s:
                    self.assertEqual(ask(s, self.key)[0], 200)

    def test_row_35_too_many_half_handshakes_close_the_oldest(self):
        gw = self.served(provider=None, workers=1,
                         server="header_timeout = 60s\nmax_connections = 60")
        with self.connect(gw) as kept:
            self.assertEqual(ask(kept, self.key)[0], 200)
            flood = self.half(gw, 100)
            for _ in range(5):
                with self.connect(gw) as s:
                    self.assertEqual(ask(s, self.key)[0], 200)
            self.assertEqual(ask(kept, self.key)[0], 200)
        self.assertIn("handshakes are in progress", gw.log())
        self.assertEqual(flood[2].recv(1), b"") # one that had sent nothing

    def test_a_handshake_has_a_deadline(self):
        gw = self.served(provider=None, server="header_timeout = 300ms")
        for s in self.half(gw, 3):
            while s.recv(65536): # what the server says; then the end
                pass


class Provider(TlsCase):
    def upstream(self, cert, key, version=None, handler=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        provider = self.mock(tls=context, handler=handler)
        return provider

    def call(self, provider, options, host=None):
        url = provider.base_url
        if host:
            url = url.replace("127.0.0.1", host)
        gw = self.gateway(provider=url, workers=1, provider_options=options)
        gw.start()
        answer = gw.call(gw.create_key("k"), chat(tokens=3))
        log = gw.log()
        gw.stop()
        return answer[0], answer[2], log

    def test_chain_name_and_address_are_verified(self):
        self.authority = self.files()
        trust = "ca_file = " + self.authority.ca
        good = self.upstream(*self.authority.make("good"))
        cases = (
            (good, trust, None, 200, b""),
            (good, trust, "localhost", 200, b""),
            (good, "", None, 502, b"unable to get local issuer"),
            (self.upstream(*self.authority.make("name", "DNS:other.example")),
             trust, "localhost", 502, b"hostname mismatch"),
            (self.upstream(*self.authority.make("address", "DNS:localhost")),
             trust, None, 502, b"IP address mismatch"),
            (self.upstream(*self.authority.make("late", days=-1)), trust, None,
             502, b"certificate has expired"),
            (self.upstream(self.authority.ca, self.authority.ca_key), "", None,
             502, b"self-signed certificate"),
        )
        for provider, options, host, status, reason in cases:
            before = len(provider.requests)
            got, body, log = self.call(provider, options, host)
            self.assertEqual(got, status, (options, host, body))
            if status == 200:
                self.assertEqual(len(provider.requests), before + 1)
            else:
                self.assertIn(reason, body + log.encode())
                self.assertEqual(len(provider.requests), before)
                self.assertNotIn(b"sk-upstream-secret-canary", body)

    def test_without_verification_it_works_and_is_said_loudly(self):
        self.authority = self.files()
        provider = self.upstream(*self.authority.make("late", days=-1))
        status, _, log = self.call(provider, "verify = no")
        self.assertEqual(status, 200)
        self.assertEqual(log.count("verify = no"), 1)

    def test_sessions_are_resumed(self):
        self.authority = self.files()
        cert = self.authority.make("good")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            async def once(method, path, headers, body, writer):
                await provider.answer(path, body, writer)
                return False
            provider = self.upstream(*cert, version=version, handler=once)
            gw = self.gateway(provider=provider.base_url, workers=1,
                              provider_options="ca_file = " + self.authority.ca)
            gw.start()
            key = gw.create_key("k")
            for _ in range(5):
                self.assertEqual(gw.call(key, chat(tokens=1))[0], 200)
            stats = provider.tls.session_stats()
            self.assertEqual((stats["accept_good"], stats["hits"]), (5, 4), stats)
            gw.stop()

    def test_a_cut_answer_is_not_taken_for_a_whole_one(self):
        """Delimited by the connection's end: only close_notify ends it."""
        self.authority = self.files()
        cert = self.authority.make("good")
        text = json.dumps({"id": "x", "object": "chat.completion", "model": "m1",
                           "choices": [], "usage": {"prompt_tokens": 1,
                           "completion_tokens": 1, "total_tokens": 2}}).encode()
        for cut, status in ((False, 200), (True, 502)):
            async def handler(method, path, headers, body, writer):
                writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: "
                             b"application/json\r\n\r\n" + text)
                await writer.drain()
                if cut:
                    writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
                return False
            provider = self.upstream(*cert, handler=handler)
            self.assertEqual(self.call(
                provider, "ca_file = " + self.authority.ca)[0], status)


if __name__ == "__main__":
    unittest.main()
