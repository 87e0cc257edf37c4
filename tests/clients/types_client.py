"""Recorded answers of every provider, as clients of three dialects are told them,
checked by the types of the official Python SDKs: each plain answer, and each event of
a stream, must be one that the SDK's own model takes, strictly.

Needs the recordings (see tests/system/test_21_translate.py); without them it says so.
"""
import os
import sys

from anthropic.types import Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                                "system"))
import said  # noqa: E402
import test_21_translate as replayed  # noqa: E402

TYPES = {replayed.chat: (ChatCompletion, ChatCompletionChunk),
         replayed.responses: (Response, ResponseStreamEvent),
         replayed.messages: (Message, RawMessageStreamEvent)}


def check(test, client, plain, event):
    api = client("m", False)[0]
    answers = [r for r in replayed.ANSWERS.values() if r["api"] != api]
    wrong = []
    for name, outcome in test.ask_all(client, answers).items():
        recording = replayed.ANSWERS[name]
        try:
            if recording["stream"]:
                for data in said.sse(outcome.body):
                    # The SDKs have no type for these two: they look for them first.
                    if data.get("type") not in ("ping", "error"):
                        event.validate_python(data)
            else:
                plain.validate_json(outcome.body)
        except ValidationError as e:
            wrong.append("%s as %s: %s" % (name, api, str(e)[:600]))
    return len(answers), wrong


def main():
    if not replayed.ANSWERS:
        print("skipped: no recordings")
        return 0
    replayed.Translate.setUpClass()
    wrong = []
    try:
        test = replayed.Translate()
        for client, types in TYPES.items():
            count, bad = check(test, client, *[TypeAdapter(t) for t in types])
            print("%d answers as %s: %d wrong" % (count, client.__name__, len(bad)))
            wrong += bad
    finally:
        replayed.Translate.tearDownClass()
    print("\n".join(wrong[:30]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
