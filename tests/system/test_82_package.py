"""Installing, completions, and what operators are handed: alert rules, the
dashboard and OPERATIONS.md speak of things that the running program has."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from gateway import BUILD, ROOT, GatewayCase
from load import chat

PACKAGE = os.path.join(ROOT, "tools", "package")
TOOLS = ("aigw", "aigwctl", "aigw-shmdump", "aigw-ledger")


def read(*parts):
    with open(os.path.join(*parts)) as f:
        return f.read()


def run(*args, **kw):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    env["PATH"] = BUILD + ":" + env["PATH"]
    return subprocess.run(args, capture_output=True, text=True, cwd=ROOT, env=env,
                          timeout=300, **kw)


def make(goal, **variables):
    """A goal of the Makefile, for the build that is under test."""
    san = os.path.basename(BUILD).partition("-")[2]
    done = run("make", "-s", goal, "SAN=" + san,
               *("%s=%s" % pair for pair in variables.items()))
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)


def files_below(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = path
    return found


class Install(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="aigw-install-")
        self.addCleanup(shutil.rmtree, self.dir)

    def test_install_brings_all_and_uninstall_takes_it_away(self):
        make("install", DESTDIR=self.dir)
        found = files_below(self.dir)
        for path in ("usr/sbin/aigw", "usr/bin/aigwctl", "usr/bin/aigw-shmdump",
                     "usr/bin/aigw-ledger", "etc/aigw/aigw.ini",
                     "etc/logrotate.d/aigw", "usr/lib/systemd/system/aigw.service",
                     "usr/lib/sysusers.d/aigw.conf", "usr/lib/tmpfiles.d/aigw.conf",
                     "usr/share/man/man8/aigw.8", "usr/share/man/man5/aigw.ini.5",
                     "usr/share/man/man1/aigwctl.1",
                     "usr/share/man/man1/aigw-shmdump.1",
                     "usr/share/man/man1/aigw-ledger.1",
                     "usr/share/doc/aigw/OPERATIONS.md",
                     "usr/share/aigw/prometheus-alerts.yml",
                     "usr/share/aigw/grafana-dashboard.json"):
            self.assertIn(path, found)
            self.assertGreater(os.path.getsize(found[path]), 0, path)
        make("uninstall", DESTDIR=self.dir)
        self.assertEqual(list(files_below(self.dir)), [])

    def test_a_changed_configuration_outlives_install_and_uninstall(self):
        make("install", DESTDIR=self.dir)
        path = os.path.join(self.dir, "etc/aigw/aigw.ini")
        with open(path, "a") as f:
            f.write("; mine\n")
        make("install", DESTDIR=self.dir)
        self.assertIn("; mine", read(path))
        make("uninstall", DESTDIR=self.dir)
        self.assertEqual(list(files_below(self.dir)), ["etc/aigw/aigw.ini"])

    def test_other_places_reach_every_file(self):
        make("install", prefix=self.dir + "/p", sysconfdir=self.dir + "/e",
             localstatedir=self.dir + "/v", runstatedir=self.dir + "/r")
        for name, path in files_below(self.dir).items():
            if os.path.basename(path) in TOOLS or "/doc/" in name or "/man/" in name:
                continue
            self.assertIsNone(re.search(
                r"(?<![\w/])(/usr/sbin/aigw|/etc/aigw|/var/(lib|log)|/run/aigw)",
                read(path)), name)
        done = run(self.dir + "/p/sbin/aigw", "-t", "-c", self.dir + "/e/aigw/aigw.ini")
        self.assertEqual(done.returncode, 0, done.stderr)
        if shutil.which("systemd-analyze"):
            done = run("systemd-analyze", "--man=no", "verify",
                       self.dir + "/p/lib/systemd/system/aigw.service")
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_package_is_built_with_the_libraries_of_the_makefile(self):
        wanted = re.search(r"(?m)^DEPS := ((?:.*\\\n)*.*)$", read(ROOT, "Makefile"))
        libraries = re.findall(r"\b(?!libc6)\w[\w.+-]*-dev\b", wanted.group(1))
        listed = re.search(r"(?s)Build-Depends:(.*?)\n\S",
                           read(PACKAGE, "debian", "control")).group(1)
        self.assertEqual(sorted(libraries),
                         sorted(re.findall(r"[\w.+-]+-dev\b", listed)))

    def test_the_package_has_the_programs_version(self):
        version = run("aigw", "--version").stdout.split()[1]
        changelog = read(PACKAGE, "debian", "changelog")
        self.assertTrue(changelog.startswith("aigw (%s) " % version), changelog[:40])


class Completion(unittest.TestCase):
    def bash(self, line):
        """What bash would offer for a line with the cursor at its end."""
        script = r"""
            compopt() { :; }
            source <(aigwctl completion bash)
            source tools/package/completion/aigw.bash
            COMP_LINE=$1 COMP_POINT=${#1}
            read -ra words <<<"$1"
            case $1 in *' ') words+=('') ;; esac
            last=$((${#words[@]} - 1))
            spec=$(complete -p "${words[0]}")
            spec=${spec#*-F }
            "${spec%% *}" "${words[0]}" "${words[last]}" "${words[last - 1]}"
            printf '%s\n' "${COMPREPLY[@]}"
        """
        done = run("bash", "-c", script, "bash", line)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_offers_commands_flags_values_and_files(self):
        self.assertEqual(self.bash("aigwctl key set-q"), ["set-quota"])
        self.assertEqual(self.bash("aigwctl key set-quota --per"), ["--period"])
        # bash itself keeps what stands before "=".
        self.assertEqual(self.bash("aigwctl key set-quota --period=m"), ["monthly"])
        self.assertEqual(self.bash("aigwctl key set-quota --period w"), ["weekly"])
        self.assertIn("aigw.ini", self.bash("aigwctl -c aigw"))
        self.assertIn("aigw.ini", self.bash("aigwctl --config=aigw"))
        self.assertEqual(self.bash("aigw -s relo"), ["reload"])
        self.assertIn("verify", self.bash("aigw-ledger "))
        self.assertEqual(self.bash("aigw-shmdump --ver"), ["--verify", "--version"])

    @unittest.skipUnless(shutil.which("fish"), "no fish here")
    def test_fish_offers_the_same(self):
        def offered(line):
            done = run("fish", "--private", "-c", """
                aigwctl completion fish | source
                source tools/package/completion/aigw.fish
                complete -C $argv[1]""", line)
            return [row.split("\t")[0] for row in done.stdout.splitlines()]
        self.assertEqual(offered("aigwctl key set-q"), ["set-quota"])
        self.assertEqual(offered("aigwctl key set-quota --period=m"),
                         ["--period=monthly"])
        self.assertIn("--config=aigw.ini", offered("aigwctl --config=aigw"))
        self.assertEqual(offered("aigw -s relo"), ["reload"])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh here")
    def test_zsh_can_read_its_scripts(self):
        script = run("aigwctl", "completion", "zsh").stdout
        for text in (script, read(PACKAGE, "completion", "aigw.zsh")):
            done = run("zsh", "-n", "/dev/stdin", input=text)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_written_completions_know_all_options_and_words(self):
        for tool in ("aigw", "aigw-shmdump", "aigw-ledger"):
            text = run(tool, "--help").stdout
            words = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
            words |= set(re.findall(r"(?m)^  ([a-z]+) ", text))
            if tool == "aigw":
                words |= set(re.search(r"master: ((?:[a-z]+,?\s+)+?) *-", text)
                             .group(1).replace(",", " ").split())
            self.assertGreater(len(words), 5, text)
            offered = self.bash(tool + " ") + self.bash("aigw -s ")
            self.assertEqual(words - set(offered), set(), tool)
            for shell in ("zsh", "fish"):
                script = read(PACKAGE, "completion", "aigw." + shell)
                for word in words:
                    plain = word.lstrip("-")
                    self.assertTrue(re.search(r"(?<![\w-])(--|-l )?%s(?![\w-])" % plain,
                                              script), (shell, tool, word))


class Promised(GatewayCase):
    """The names in files for operators, against /metrics of a gateway that has
    served a priced call."""

    @classmethod
    def setUpClass(cls):
        from gateway import Gateway
        from mock_provider import MockProvider
        cls.provider = MockProvider().start()
        cls.gw = Gateway(provider=cls.provider.base_url, model_options=(
            "price_input = 1\nprice_output = 2\n"), extra=(
                "[credential.mock/second]\napi_key = sk-second\n")).start()
        key = cls.gw.create_key("shown")
        cls.gw.call(key, chat(tokens=5))
        text = cls.gw.http("GET", "/metrics", port=cls.gw.admin_port)[2].decode()
        cls.kinds = dict(re.findall(r"(?m)^# TYPE (\w+) (\w+)$", text))
        cls.labels, cls.values = {}, {}
        for name, labels in re.findall(r"(?m)^(\w+)(?:\{(.*)\})? \S+$", text):
            pairs = re.findall(r'(\w+)="([^"]*)"', labels)
            cls.labels.setdefault(name, set()).update(label for label, _ in pairs)
            for label, value in pairs:
                cls.values.setdefault((name, label), set()).add(value)

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        cls.provider.stop()

    def family(self, name):
        return name if name in self.kinds else re.sub(
            r"_(bucket|sum|count)$", "", name)

    def check_expression(self, expression):
        """Metrics and labels of a PromQL expression exist as they are used."""
        selectors = re.findall(r"\b((?:aigw|gen_ai)_\w+)(?:\{([^}]*)\})?",
                               re.sub(r"\bby \([^)]*\)", "", expression))
        names = {name for name, _ in selectors}
        self.assertTrue(names or expression.startswith("up{"), expression)
        known = {"instance", "job"}
        for name, matchers in selectors:
            self.assertIn(self.family(name), self.kinds, expression)
            known |= self.labels[name]
            for label, operator, value in re.findall(
                    r'(\w+)(=~?|!=|!~)"([^"]*)"', matchers):
                self.assertIn(label, known, expression)
                for word in [] if "$" in value else value.split("|"):
                    self.assert_value(name, label, word)
        for by in re.findall(r"\bby \(([^)]*)\)", expression):
            for label in re.split(r", *", by):
                self.assertIn(label, known, expression)
        for name in re.findall(r"(?:rate|increase)\((\w+)", expression):
            self.assertIn(self.kinds[self.family(name)], ("counter", "histogram"),
                          expression)

    def assert_value(self, name, label, value):
        if name == "aigw_requests_total" and label == "outcome":
            # Outcomes that never happened have no sample.
            table = read(ROOT, "accountant", "admin", "metrics.c")
            self.assertTrue('{"%s", STAT(' % value in table, value)
        else:
            self.assertIn(value, self.values[name, label], name)

    def test_every_alert_can_fire_and_is_explained(self):
        text = read(PACKAGE, "prometheus-alerts.yml")
        alerts = re.findall(
            r"(?m)^      - alert: (Aigw\w+)\n        expr: (.+)\n"
            r"(?:        for: \d+[sm]\n)?        labels:\n"
            r"          severity: (?:critical|warning)\n        annotations:\n"
            r'          summary: ".+"\n          runbook: "OPERATIONS.md#(\w+)"$', text)
        self.assertEqual(len(alerts), text.count("- alert:"))
        self.assertGreater(len(alerts), 9)
        guide = read(ROOT, "OPERATIONS.md")
        for name, expression, anchor in alerts:
            self.check_expression(expression)
            self.assertEqual(anchor, name.lower())
            self.assertTrue(re.search(r"(?m)^#+ %s$" % name, guide), name)
        self.assertEqual(set(re.findall(r"(?m)^#+ (Aigw\w+)$", guide)),
                         {name for name, _, _ in alerts})
        if shutil.which("promtool"):
            done = run("promtool", "check", "rules",
                       os.path.join(PACKAGE, "prometheus-alerts.yml"))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_every_panel_of_the_dashboard_has_something_to_show(self):
        board = json.loads(read(PACKAGE, "grafana-dashboard.json"))
        ids, places = set(), set()
        for panel in board["panels"]:
            self.assertNotIn(panel["id"], ids)
            ids.add(panel["id"])
            grid = panel["gridPos"]
            self.assertLessEqual(grid["x"] + grid["w"], 24)
            for x in range(grid["x"], grid["x"] + grid["w"]):
                for y in range(grid["y"], grid["y"] + grid["h"]):
                    self.assertNotIn((x, y), places, panel["title"])
                    places.add((x, y))
            for target in panel["targets"]:
                self.check_expression(target["expr"])
                for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                    self.assertTrue(label == "instance" or re.search(
                        r"\bby \([^)]*\b%s\b" % label, target["expr"]), target)
        self.assertGreater(len(ids), 10)
        for variable in board["templating"]["list"]:
            for name in re.findall(r"\baigw_\w+", variable["query"]):
                self.assertIn(name, self.kinds)

    def test_the_guides_name_metrics_commands_and_options_that_exist(self):
        options = run("aigw", "--options").stdout
        for guide in ("README.md", "OPERATIONS.md"):
            text = read(ROOT, guide)
            for name in re.findall(r"`(aigw_\w+)", text):
                self.assertIn(self.family(name), self.kinds, guide)
            for line in re.findall(r"(?m)^ *(?:build/)?aigwctl (.+)$", text):
                words = re.split(r"\s+-|\s{2,}|\s+#|[|>]", line)[0].split()
                words = [w for w in words[:2] if re.match(r"[a-z-]+$", w)]
                noun = run("aigwctl", *words[:1], "--help")
                command = run("aigwctl", *words, "--help")
                self.assertEqual(
                    (noun.returncode, command.returncode), (0, 0), (guide, line))
            for section, option in re.findall(r"`\[(\w+)\] (\w+)", text):
                self.assertTrue(re.search(
                    r"(?s)\[%s[^\[]*\b%s\b" % (section, option), options), option)


if __name__ == "__main__":
    unittest.main()
