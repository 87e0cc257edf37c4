"""Configurations that a reload must refuse: row 26 of the failure model."""

# (what is added to a good file, what the reason says)
ADDED = (
    ("[server]\nworkres = 3", "workres"),
    ("[serfer]\nworkers = 3", "serfer"),
    ("[server]\ntls_min = 1.1", "tls_min"),
    ("[server]\nflush_interval = 1x", "flush_interval"),
    ("[server]\nflush_interval = 1ms", "flush_interval"),
    ("[server]\nflush_interval = 2h", "flush_interval"),
    ("[server]\ndrain_timeout = never", "drain_timeout"),
    ("[server]\ndrain_timeout = 9d", "drain_timeout"),
    ("[server]\nwatchdog_timeout = 1s", "watchdog_timeout"),
    ("[server]\nheader_timeout = -1s", "header_timeout"),
    ("[server]\nbody_max = 1q", "body_max"),
    ("[server]\nbody_max = 0", "body_max"),
    ("[server]\nbody_max = 99999999999999999999", "body_max"),
    ("[server]\nstream_slice = 0", "stream_slice"),
    ("[server]\nmax_keys = 77", "max_keys"),
    ("[server]\nmax_models = 99", "max_models"),
    ("[server]\nmax_requests = 99", "max_requests"),
    ("[server]\nring_mib = 32", "ring_mib"),
    ("[server]\nring_mib = 15", "ring_mib"),
    ("[server]\nuser = nobody", "user"),
    ("[server]\ntimezone = Mars/Olympus", "timezone"),
    ("[server]\ncurrency = dollar", "currency"),
    ("[server]\ntls_listen = 127.0.0.1:1", "tls_cert"),
    ("[log]\nlevel = loud", "level"),
    ("[log]\naccess = /nowhere/at/all/access.log", "access"),
    ("[admin]\npublic = perhaps", "public"),
    ("[provider.x]\nkind = oracle\nbase_url = http://127.0.0.1:1", "kind"),
    ("[provider.x]\nkind = openai", "base_url"),
    ("[provider.x]\nbase_url = ftp://127.0.0.1", "base_url"),
    ("[provider.x]\nbase_url = not a url", "base_url"),
    ("[provider.x]\nbase_url = http://127.0.0.1:1\napi_key = ${AIGW_NOT_SET}",
     "AIGW_NOT_SET"),
    ("[provider.x]\nbase_url = http://127.0.0.1:1\nconnect_timeout = 0",
     "connect_timeout"),
    ("[provider.x]\nbase_url = http://127.0.0.1:1\nverify = maybe", "verify"),
    ("[provider.x]\nbase_url = http://127.0.0.1:1\npass_headers = x-a:",
     "pass_headers"),
    ("[provider.x]\nbase_url = http://127.0.0.1:1\ndrop_headers = *x",
     "drop_headers"),
    ("[provider.x]\nbase_url = http://127.0.0.1:1\nguarded = yes\n"
     "proxy = http://127.0.0.1:2", "proxy"),
    ("[provider.]", "section header"),
    ("[model.y]\nproviders = nobody-known", "nobody-known"),
    ("[model.y]\nproviders = builtin\nprice_input = -1", "price_input"),
    ("[model.y]\nproviders = builtin\nprice_output = cheap", "price_output"),
    ("[model.y]\nproviders = builtin\ncontext = long", "context"),
    ("[model.y]\nproviders = builtin\nalias = builtin/echo", "alias|builtin/echo"),
    ("[model.y]\nproviders = builtin\ncolour = red", "colour"),
    ("[model.]", "section header"),
    ("[server", "ends with"),
    ("[server]\njust words", "just words|="),
    ("[server]\nbody_max = 1m\nbody_max = 2m", "twice"),
    ("[server]\n\0\1\2 = 3", ":14: "),
    ("[server]\nbody_max = 1m\n" + "x" * 70000, ":15: "),
)

# [server] workers
WORKERS = (("-1", "workers"), ("65", "workers"), ("many", "workers"),
           ("2.5", "workers"), ("", "workers"), ("17", "needs a restart"))

# An address that is listened on besides the usual ones; %d a port in use.
LISTEN = (("localhost:8080", "listen"), ("127.0.0.1:99999", "listen"),
          ("127.0.0.1:0x50", "listen"), ("300.1.1.1:80", "listen"),
          ("192.0.2.77:8080", "cannot listen on 192.0.2.77"),
          ("127.0.0.1:%d", "in use"))

# Text that is put in the place of other text of the good file.
REPLACED = (("instance = ", "instance = x", "instance"),
            ("/data\n", "/data2\n", "data_dir"),
            ("/run\n", "/run2\n", "run_dir"),
            ("[admin]\nlisten = 127.0.0.1", "[admin]\nlisten = 0.0.0.0", "public"),
            ("[admin]", "[adnim]", "adnim"),
            ("[log]\nerror = ", "[log]\nerror = /nowhere/at/all/", "log"))
