"""What `make run` starts, as somebody meets it who has never seen aigw: no provider,
no traffic, one key, and the address of the console on the terminal."""
import os
import re
import subprocess

from gateway import BUILD, ROOT, Gateway, wait_for


class FirstRun(Gateway):
    """tools/run.sh over a configuration that says but where things are."""

    def launch(self):
        self.terminal = os.path.join(self.dir, "terminal.txt")
        with open(self.terminal, "wb") as out:
            self.process = subprocess.Popen(
                [os.path.join(ROOT, "tools", "run.sh")], cwd=self.dir,
                env=dict(self.env, BUILD=BUILD, AIGW_CONFIG=self.config),
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True)
        return self

    def said(self):
        with open(self.terminal, errors="replace") as file:
            return file.read()

    def world(self):
        """Starts it; {base, links, key} as they stand on the terminal,
        and one more link."""
        self.start()
        link = wait_for(lambda: re.search(
            r"^ *(http://\S+/console/#login=[\w-]+)\n", self.said(), re.M),
            what="the address of the console")
        key = re.search(r"^ *(sk-aigw-\w+)$", self.said(), re.M)
        return {"base": "http://127.0.0.1:%d" % self.admin_port,
                "links": [link.group(1), self.ctl("console")["url"]],
                "key": key.group(1)}
