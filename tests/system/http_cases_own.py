"""Our own HTTP cases, in the form of the shared file (http_cases.py says how
they are read). Each class of mistake that a front can make stands here, so that
the test means something where the shared file is absent."""

GET = "GET {{G}} HTTP/1.1\r\nHost: {{HOST}}\r\n{{X}}"
POST = "POST {{P}} HTTP/1.1\r\nHost: {{HOST}}\r\n{{X}}"
JSON = "Content-Type: application/json\r\n"
LENGTH = "Content-Length: {{BLEN}}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
WHOLE = "{{BHEX}}\r\n{{B}}\r\n0\r\n\r\n"
CLOSE = "Connection: close\r\n"
BAD = "reject:400"

cases = []


def case(name, want, *send, **more):
    cases.append(dict({"id": "own-" + name, "send": list(send), "allow": [want],
                       "prefer": want}, **more))


def line(name, want, text):
    """A request line of its own, then a plain section."""
    case("rl-" + name, want, text + "\r\nHost: {{HOST}}\r\n{{X}}\r\n")


def field(name, want, text, **more):
    case("hd-" + name, want, GET + text + "\r\n", **more)


def length(name, want, value, body="{{B}}"):
    case("cl-" + name, want, POST + "Content-Length: %s\r\n\r\n" % value + body)


def coding(name, want, fields, body=WHOLE):
    case("te-" + name, want, POST + fields + "\r\n" + body)


def chunks(name, want, *body):
    case("ck-" + name, want, POST + CHUNKED + "\r\n", *body)


def json(name, want, text):
    case("bd-" + name, want, {"json": text})


# ---- request line ----
line("lf-only", BAD, "GET {{G}} HTTP/1.1\nX: y")
line("cr-only", BAD, "GET {{G}} HTTP/1.1\rX: y")
line("tab-separators", BAD, "GET\t{{G}}\tHTTP/1.1")
line("two-spaces-target", BAD, "GET  {{G}} HTTP/1.1")
line("lower-case-http", BAD, "GET {{G}} http/1.1")
line("space-in-http", BAD, "GET {{G}} HTTP /1.1")
line("space-behind-slash", BAD, "GET {{G}} HTTP/ 1.1")
line("three-numbers", BAD, "GET {{G}} HTTP/1.1.1")
line("signed-version", BAD, "GET {{G}} HTTP/+1.1")
line("no-dot", BAD, "GET {{G}} HTTP/11")
line("other-protocol", BAD, "GET {{G}} ICAP/1.0")
line("https-protocol", BAD, "GET {{G}} HTTPS/1.1")
line("version-2", "reject:505", "GET {{G}} HTTP/2.0")
line("method-space", BAD, "GE T {{G}} HTTP/1.1")
line("method-slash", BAD, "GET/ {{G}} HTTP/1.1")
line("method-quote", BAD, "\"GET\" {{G}} HTTP/1.1")
line("method-nul", BAD, "G\0ET {{G}} HTTP/1.1")
line("method-cr", BAD, "GET\r {{G}} HTTP/1.1")
line("method-unknown", "status:405,501", "BREW {{G}} HTTP/1.1")
line("target-fragment", BAD, "GET {{G}}#x HTTP/1.1")
line("target-high", BAD, "GET {{G}}\xff HTTP/1.1")
line("target-del", BAD, "GET {{G}}\x7f HTTP/1.1")
line("target-nul", BAD, "GET {{G}}\0 HTTP/1.1")
line("target-backslash", BAD, "GET \\v1\\models HTTP/1.1")
line("target-brace", BAD, "GET {{G}}?a={x} HTTP/1.1")
line("target-vt", BAD, "GET {{G}}\x0b HTTP/1.1")
line("target-dots", "status:404", "GET /v1/../v1/models HTTP/1.1")
line("target-escaped-crlf", "status:404",
     "GET /a%0d%0aX-Injected:%20yes%0d%0a HTTP/1.1")
line("target-escaped-slash", "status:404", "GET /v1%2fmodels HTTP/1.1")
line("target-empty-query", "accept", "GET {{G}}? HTTP/1.1")
line("target-escape-cut", BAD, "GET {{G}}%4 HTTP/1.1")
line("target-authority", BAD, "GET {{HOST}} HTTP/1.1")
line("star-options", "accept", "OPTIONS * HTTP/1.1")
line("star-post", BAD, "POST * HTTP/1.1")
line("absolute", "accept", "GET http://{{HOST}}{{G}} HTTP/1.1")
line("absolute-other-host", "accept", "GET http://other.example{{G}} HTTP/1.1")
line("absolute-port", BAD, "GET http://a.example:99999{{G}} HTTP/1.1")
line("absolute-no-slashes", BAD, "GET http:{{G}} HTTP/1.1")
line("absolute-three-slashes", BAD, "GET http:///{{G}} HTTP/1.1")
line("absolute-fragment", BAD, "GET http://{{HOST}}{{G}}#x HTTP/1.1")
line("absolute-ftp", BAD, "GET ftp://{{HOST}}{{G}} HTTP/1.1")
line("pri", "reject:400,405,505", "PRI * HTTP/2.0")
case("rl-crlf-before", "accept+close", "\r\n" + GET + CLOSE + "\r\n")
case("rl-lf-before", BAD, "\n" + GET + "\r\n")
case("rl-cr-before", BAD, "\r" + GET + "\r\n")
case("rl-tab-before", BAD, "\t" + GET + "\r\n")
case("rl-nul-before", BAD, "\0" + GET + "\r\n")
case("rl-bom-before", BAD, "\xef\xbb\xbf" + GET + "\r\n")
case("rl-target-9000", "accept", "GET {{G}}?", {"fill": "a", "n": 9000},
     " HTTP/1.1\r\nHost: {{HOST}}\r\n{{X}}\r\n")
case("rl-target-endless", "reject:400,414,431", "GET /", {"fill": "a", "n": 3000000})
case("rl-endless-crlf", "reject:400,413,431", {"fill": "\r\n", "n": 500000})

# ---- Host and field lines ----
case("hd-no-host-1.0", "accept+close", "GET {{G}} HTTP/1.0\r\n{{X}}\r\n")
case("hd-two-hosts-1.0", BAD,
     "GET {{G}} HTTP/1.0\r\nHost: a\r\nHost: b\r\n{{X}}\r\n")
case("hd-absolute-two-hosts", BAD,
     "GET http://{{HOST}}{{G}} HTTP/1.1\r\nHost: a\r\nHost: a\r\n{{X}}\r\n")
for name, value in (
        ("same", "{{HOST}}\r\nHost: {{HOST}}"), ("path", "a/b"), ("user", "a@b"),
        ("space", "a b"), ("query", "a?b"), ("hash", "a#b"), ("scheme", "http://a"),
        ("comma", "a, b"), ("semicolon-tab", "a\tb"), ("percent", "a%20b"),
        ("port-empty-sign", "a:+80"), ("port-negative", "a:-1"), ("two-ports", "a:80:80"),
        ("v6-bad", "[::zz]"), ("v6-open", "[::1"), ("v6-bare", "::1"),
        ("caret", "a^b"), ("cr", "a\rb")):
    case("hd-host-" + name, BAD,
         "GET {{G}} HTTP/1.1\r\nHost: %s\r\n{{X}}\r\n" % value)
case("hd-host-v6", "accept", "GET {{G}} HTTP/1.1\r\nHost: [::1]:80\r\n{{X}}\r\n")
field("tab-colon", BAD, "X-A\t: y\r\n")
field("fold-tab", BAD, "X-A: y\r\n\tz\r\n")
field("fold-host", BAD, "X-A: y\r\n Host: evil\r\n")
field("fold-first-request", BAD, "X: a\r\n \r\n")
field("lf-line", BAD, "X-A: y\nX-B: z\r\n")
field("lf-end", BAD, "X-A: y\r\n\n")
field("nul-value", BAD, "X-A: y\0z\r\n")
field("soh-value", BAD, "X-A: y\x01z\r\n")
field("del-value", BAD, "X-A: y\x7fz\r\n")
field("high-value", "accept", "X-A: \xc3\xa9\xff\r\n")
field("tab-value", "accept", "X-A: a\tb\r\n")
field("name-space", BAD, "X A: y\r\n")
field("name-slash", BAD, "X/A: y\r\n")
field("name-quote", BAD, "\"X\": y\r\n")
field("name-cr", BAD, "X\rA: y\r\n")
field("name-only", BAD, "X-A\r\n")
field("name-question", BAD, "X?: y\r\n")
field("name-less", BAD, "X<: y\r\n")
field("name-semicolon", BAD, "X;A: y\r\n")
field("name-vt", BAD, "X\x0b: y\r\n")
case("hd-value-8k", "accept", GET + "X-A: ", {"fill": "a", "n": 8190}, "\r\n\r\n")
case("hd-name-long", "reject:400,431", GET, {"fill": "a", "n": 100000}, ": b\r\n\r\n")
case("hd-many-endless", "reject:431", GET, {"fill": "X-T: y\r\n", "n": 50000}, "\r\n")
case("hd-many-empty-values", "reject:431", GET, {"fill": "a:\r\n", "n": 5000}, "\r\n")
field("h2c", "accept", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n", no101=True, nointerim=True)
field("upgrade-tls", "accept", "Connection: upgrade\r\nUpgrade: TLS/1.0\r\n",
      no101=True)
field("connection-named", "accept", "Connection: X-Secret, keep-alive\r\n"
      "X-Secret: a\r\n")
case("hd-conn-content-type", "accept", POST + JSON + LENGTH +
     "Connection: content-type\r\n\r\n{{B}}")
case("hd-forwarded", "accept", GET + "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host"
     ": evil\r\nForwarded: for=1\r\nX-Original-URL: /admin/v1/keys\r\n"
     "X-HTTP-Method-Override: DELETE\r\n\r\n")

# ---- Content-Length ----
for name, value in (
        ("negative", "-1"), ("float", "5.0"), ("letters", "abc"), ("nul", "5\0"),
        ("comma-same", "5, 5"), ("two-words", "5 6"), ("octal-prefix", "0o5"),
        ("vt", "\x0b5"), ("nbsp", "5\xa0"), ("bracket", "(5)"), ("cr", "5\r"),
        ("percent", "%35"), ("suffix", "5b"), ("underscore-end", "5_")):
    length(name, BAD, value, "hello")
length("above-64-bits", "reject:400,413", "9" * 40)
length("2e63", "reject:400,413", "9223372036854775808", "")
length("2e64-1", "reject:400,413", "18446744073709551615", "")
length("2e32-wrap", "reject:400,413", "4294967301", "")
case("cl-dup-same", BAD, POST + LENGTH + LENGTH + "\r\n{{B}}")
case("cl-dup-zero", BAD, POST + "Content-Length: 0\r\n" + LENGTH + "\r\n{{B}}")
case("cl-get-body", "accept", GET + "Content-Length: {{SMLEN}}\r\n\r\n{{SM}}")
case("cl-get-body-more", "accept+close", GET + "Content-Length: 5\r\n\r\nhello" +
     GET + CLOSE + "\r\n", responses=2)
case("cl-short-fin", "reject:400,408", POST + JSON + "Content-Length: 100\r\n\r\n{",
     {"fin": True})
case("cl-space-name", BAD, POST + "Content-Length : {{BLEN}}\r\n\r\n{{B}}")
case("cl-zero-then-get", "accept+close", POST + "Content-Length: 0\r\n\r\n" + GET +
     CLOSE + "\r\n", responses=2)
case("cl-large-unread", "reject:400,413", POST + "Content-Length: 99999999999\r\n\r\n"
     "{{SM}}")

# ---- Transfer-Encoding ----
BOTH = "Content-Length: 4\r\n"
for name, value in (
        ("plain", "chunked"), ("upper", "CHUNKED"), ("tab", "\tchunked"),
        ("identity", "identity"), ("empty", ""), ("comma-first", ",chunked"),
        ("parameter", "chunked;q=1"), ("chunke", "chunke"), ("space", "chun ked"),
        ("nul", "chunked\0"), ("soh", "\x01chunked"), ("bracket", "[chunked]"),
        ("equals", "=chunked"), ("high", "chunked\xff"), ("nbsp", "\xa0chunked"),
        ("colon", ": chunked"), ("semicolon", "; chunked"), ("newline", "\n chunked")):
    coding("both-" + name, "reject:400,501", BOTH + "Transfer-Encoding: %s\r\n" % value,
           "0\r\n\r\n{{SM}}")
for name, fields in (
        ("gzip", "Transfer-Encoding: gzip\r\n"),
        ("deflate", "Transfer-Encoding: deflate, chunked\r\n"),
        ("x-chunked", "Transfer-Encoding: x-chunked\r\n"),
        ("twice", CHUNKED + CHUNKED),
        ("list-twice", "Transfer-Encoding: chunked, chunked\r\n"),
        ("identity-chunked", "Transfer-Encoding: identity, chunked\r\n"),
        ("parameter", "Transfer-Encoding: chunked;a=b\r\n"),
        ("empty", "Transfer-Encoding:\r\n"),
        ("ident-line-first", "Transfer-Encoding: identity\r\n" + CHUNKED)):
    coding(name, "reject:400,501", fields)
coding("tab-colon", BAD, "Transfer-Encoding\t: chunked\r\n")
coding("nul-name", BAD, "Transfer-Encoding\0: chunked\r\n")
coding("lead-space", BAD, " Transfer-Encoding: chunked\r\n")
coding("cr-name", BAD, "\rTransfer-Encoding: chunked\r\n")
coding("lf-name", BAD, "X: y\nTransfer-Encoding: chunked\r\n")
coding("zero-length", BAD, "Content-Length: 0\r\n" + CHUNKED)
coding("te-field", "accept", CHUNKED + "TE: trailers\r\nTrailer: X-T\r\n")
case("te-get", "accept", GET + CHUNKED + "\r\n5\r\nhello\r\n0\r\n\r\n")
case("te-get-smuggle", "accept", GET + CHUNKED +
     "\r\n{{SMHEX}}\r\n{{SM}}\r\n0\r\n\r\n")
case("te-1.0-both", BAD, "POST {{P}} HTTP/1.0\r\nHost: {{HOST}}\r\n{{X}}" + CHUNKED +
     "Content-Length: 4\r\n\r\n0\r\n\r\n{{SM}}")

# ---- chunks ----
chunks("extension", "accept", "{{BHEX}};a=b\r\n{{B}}\r\n0;c\r\n\r\n")
chunks("extension-quoted", "accept", "{{BHEX}};a=\"b;\\\"c\"\r\n{{B}}\r\n0\r\n\r\n")
chunks("upper-hex", "accept", "A\r\n          \r\n" + WHOLE)
chunks("extension-cr", BAD, "{{BHEX}};a\rb\r\n{{B}}\r\n0\r\n\r\n")
chunks("extension-long", "reject:400,413,431", "{{BHEX}};a=", {"fill": "b", "n": 70000})
for n, ext in enumerate(("; ", ";=b", ";a=", ";a=\"b", ";a b", "; a\x01", ";;\x7f")):
    chunks("extension-bad-%d" % n, BAD, "{{BHEX}}%s\r\n{{B}}\r\n0\r\n\r\n" % ext)
for n, size in enumerate((" ", "0x5", "5 5", "5;\n", "+5", "-0", "5h", "\"5\"", "5\r",
                          "\x005", "5\x0c", "\xb2", "1.0", "5,5", "5:5", "G")):
    chunks("size-bad-%d" % n, BAD, size + "\r\nhello\r\n0\r\n\r\n")
chunks("size-17-digits", "reject:400,413", "10000000000000005\r\nhello\r\n0\r\n\r\n")
chunks("size-7fff", "reject:400,413", "7fffffffffffffff\r\nhello\r\n0\r\n\r\n")
chunks("data-short", BAD, "3\r\nhello\r\n0\r\n\r\n{{SM}}")
chunks("data-lf", BAD, "5\r\nhello\n0\r\n\r\n{{SM}}")
chunks("data-cr", BAD, "5\r\nhello\r0\r\n\r\n{{SM}}")
chunks("data-xx", BAD, "5\r\nhelloXX0\r\n\r\n{{SM}}")
chunks("last-cr", BAD, "{{BHEX}}\r\n{{B}}\r\n0\r\rX")
chunks("last-data", BAD, "{{BHEX}}\r\n{{B}}\r\n0\r\nX\r\n\r\n")
chunks("trailer-lf", BAD, "{{BHEX}}\r\n{{B}}\r\n0\r\nX: y\n\r\n")
chunks("trailer-nul", BAD, "{{BHEX}}\r\n{{B}}\r\n0\r\nX: y\0\r\n\r\n")
chunks("trailer-fold", BAD, "{{BHEX}}\r\n{{B}}\r\n0\r\nX: y\r\n z\r\n\r\n")
chunks("trailer-nocolon", BAD, "{{BHEX}}\r\n{{B}}\r\n0\r\nXy\r\n\r\n")
chunks("trailer-cl", "accept", "{{BHEX}}\r\n{{B}}\r\n0\r\nContent-Length: 5\r\n\r\n")
chunks("trailer-auth", "accept", "{{BHEX}}\r\n{{B}}\r\n0\r\nAuthorization: x\r\n\r\n")
case("ck-fin-size", "reject:400,408", POST + CHUNKED + "\r\n5", {"fin": True})
case("ck-fin-trailer", "reject:400,408",
     POST + CHUNKED + "\r\n{{BHEX}}\r\n{{B}}\r\n0\r\nX: ", {"fin": True})
case("ck-extensions-many", "reject:400,413", POST + CHUNKED + "\r\n",
     {"fill": "1;" + "a" * 200 + "\r\n \r\n", "n": 2000}, WHOLE)
case("ck-larger-than-body-max", "reject:413", POST + CHUNKED + "\r\n",
     {"fill": "8000\r\n" + " " * 0x8000 + "\r\n", "n": 1100}, "0\r\n\r\n")
case("ck-two-requests", "accept+close", POST + CHUNKED + "\r\n" + WHOLE + POST +
     CHUNKED + CLOSE + "\r\n" + WHOLE, responses=2)

# ---- connections ----
case("pl-keep-alive-1.0", "accept", "GET {{G}} HTTP/1.0\r\nConnection: keep-alive\r\n"
     "{{X}}\r\n")
case("pl-close-and-keep", "accept+close", GET + "Connection: close, keep-alive\r\n\r\n"
     "{{SM}}")
case("pl-close-upper", "accept+close", GET + "Connection: CLOSE\r\n\r\n{{SM}}")
case("pl-garbage-behind", "accept-then-reject", GET + "\r\n\x16\x03\x01",
     maxresp=2)
case("pl-post-get-post", "accept+close", POST + LENGTH + "\r\n{{B}}" + GET + "\r\n" +
     POST + LENGTH + CLOSE + "\r\n{{B}}", responses=3)
case("pl-404-post-body", "accept+close", "POST /none HTTP/1.1\r\nHost: {{HOST}}\r\n"
     "{{X}}Content-Length: {{SMLEN}}\r\n\r\n{{SM}}" + GET + CLOSE + "\r\n",
     responses=2)
case("pl-401-body", "accept+close", "POST {{P}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
     "Content-Length: {{SMLEN}}\r\n\r\n{{SM}}" + GET + CLOSE + "\r\n", responses=2)
case("pl-head-get", "accept+close", "HEAD {{G}} HTTP/1.1\r\nHost: {{HOST}}\r\n{{X}}\r\n"
     + GET + CLOSE + "\r\n", responses=2, methods=["HEAD", "GET"])
case("pl-half-close-post", "accept+close", POST + LENGTH + "\r\n{{B}}", {"fin": True})
case("pl-bad-behind-post", "accept-then-reject", POST + LENGTH + "\r\n{{B}}{{B}}",
     maxresp=2)

# ---- expectations ----
case("ex-no-body", "accept", GET + "Expect: 100-continue\r\n\r\n")
case("ex-zero", "accept", POST + "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n",
     nointerim=True)
case("ex-two", "reject:417", POST + "Expect: 100-continue, the-moon\r\n" + LENGTH +
     "\r\n{{B}}")
case("ex-two-lines", "reject:417", POST + "Expect: 100-continue\r\nExpect: x\r\n" +
     LENGTH + "\r\n{{B}}")
case("ex-with-body", "accept", POST + "Expect: 100-continue\r\n" + LENGTH +
     "\r\n{{B}}")
case("ex-chunked", "accept", POST + "Expect: 100-continue\r\n" + CHUNKED + "\r\n",
     {"wait": 50}, WHOLE)
case("ex-no-key", "accept", "POST {{P}} HTTP/1.1\r\nHost: {{HOST}}\r\n"
     "Expect: 100-continue\r\n" + LENGTH + "\r\n", {"wait": 50}, "{{B}}",
     nointerim=True)

# ---- codings of the body ----
for name in ("br", "deflate", "compress", "x-unknown", "gzip, gzip", "gzip, br",
             "identity, gzip", "zstd, gzip", "gzip;q=1", "\"gzip\"", "zstd ,"):
    case("ce-" + name.replace(" ", "").replace("\"", "q"), "status:415", POST +
         "Content-Encoding: %s\r\n" % name + LENGTH + "\r\n{{B}}")
case("ce-two-lines", "status:415", POST + "Content-Encoding: gzip\r\n"
     "Content-Encoding: gzip\r\n" + LENGTH + "\r\n{{B}}")
case("ce-no-gzip", "status:400", POST + "Content-Encoding: gzip\r\n" + LENGTH +
     "\r\n{{B}}")
case("ce-no-zstd", "status:400", POST + "Content-Encoding: zstd\r\n" + CHUNKED +
     "\r\n" + WHOLE)
case("ce-empty", "accept", POST + "Content-Encoding:\r\n" + LENGTH + "\r\n{{B}}")
case("ce-identity", "accept", POST + "Content-Encoding: Identity\r\n" + LENGTH +
     "\r\n{{B}}")

# ---- JSON ----
REFUSED = "status:400,403,404,413,415,422"
for name, text in (
        ("empty", ""), ("null", "null"), ("array", "[]"), ("number", "42"),
        ("bom", "\xef\xbb\xbf{}"), ("comma", "{\"model\":\"{M}\",}"),
        ("single-quotes", "{'model':'{M}'}"), ("comment", "{/**/\"model\":\"{M}\"}"),
        ("infinity", "{\"model\":\"{M}\",\"temperature\":Infinity}"),
        ("model-number", "{\"model\":1}"), ("model-null", "{\"model\":null}"),
        ("model-list", "{\"model\":[\"{M}\"]}"), ("model-empty", "{\"model\":\"\"}"),
        ("model-none", "{\"messages\":[]}"), ("model-crlf", "{\"model\":\"a\\r\\nb\"}"),
        ("model-nul", "{\"model\":\"{M}\\u0000\"}"),
        ("model-long", "{\"model\":\"%s\"}" % ("m" * 5000)),
        ("model-case", "{\"Model\":\"{M}\"}"),
        ("model-surrogate", "{\"model\":\"\\ud800\"}"),
        ("nul", "{\"model\":\"{M}\"\0}"), ("two-values", "{\"model\":\"{M}\"}{}"),
        ("max-string", "{\"model\":\"{M}\",\"max_tokens\":\"100\"}"),
        ("max-zero", "{\"model\":\"{M}\",\"max_tokens\":0}"),
        ("max-2e63", "{\"model\":\"{M}\",\"max_tokens\":9223372036854775807}"),
        ("max-long", "{\"model\":\"{M}\",\"max_tokens\":%s}" % ("9" * 400)),
        ("max-list", "{\"model\":\"{M}\",\"max_tokens\":[1]}"),
        ("max-true", "{\"model\":\"{M}\",\"max_tokens\":true}"),
        ("max-twice", "{\"model\":\"{M}\",\"max_tokens\":1,\"max_tokens\":9}"),
        ("max-both", "{\"model\":\"{M}\",\"max_tokens\":1,"
         "\"max_completion_tokens\":9}"),
        ("max-escaped-twice",
         "{\"model\":\"{M}\",\"max_tokens\":1,\"max_token\\u0073\":9}"),
        ("n-negative", "{\"model\":\"{M}\",\"n\":-1}"),
        ("n-zero", "{\"model\":\"{M}\",\"n\":0}"),
        ("n-fraction", "{\"model\":\"{M}\",\"n\":1.5}"),
        ("n-string", "{\"model\":\"{M}\",\"n\":\"2\"}"),
        ("stream-string", "{\"model\":\"{M}\",\"stream\":\"true\"}"),
        ("stream-number", "{\"model\":\"{M}\",\"stream\":1}"),
        ("deep-object", "{\"model\":\"{M}\",\"x\":" + "{\"a\":" * 2000 + "1" +
         "}" * 2001)):
    json(name, REFUSED, text)
