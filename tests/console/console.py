"""The console in Chromium: flows, then every screen in both languages and themes
and both widths. Starts a gateway with something to see (seeded.py) and has browse.mjs
walk.

usage: console.py FOLDER [NAME...]
AIGW_CONSOLE_WALKS: how many of the eight combinations of language, theme and width
are walked: 2, 4 (default) or 8; or which, as en-dark-narrow,zh-light-wide.
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import seeded    # noqa: E402
import firstrun  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    folder, names = sys.argv[1], sys.argv[2:]
    gw, providers, keys = seeded.gateway()
    first = firstrun.FirstRun()
    try:
        world = {
            "base": "http://127.0.0.1:%d" % gw.admin_port, "token": seeded.TOKEN,
            "link": gw.ctl("console")["url"], "keys": keys,
            "hostile": seeded.HOSTILE, "hostileModel": seeded.HOSTILE_MODEL,
            "chromium": os.environ["AIGW_CHROMIUM"],
            "config": gw.config, "build": os.environ["AIGW_BUILD"],
            "first": first.world(),
        }
        path = os.path.join(folder, "world.json")
        with open(path, "w") as file:
            json.dump(world, file)
        os.chmod(path, 0o600)
        status = subprocess.run(["node", os.path.join(HERE, "browse.mjs"), folder] + names).returncode
    finally:
        first.stop()
        first.cleanup()
        gw.stop()
        gw.cleanup()
        for provider in providers:
            provider.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
