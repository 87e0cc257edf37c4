"""A gateway with one mock provider of each kind, for tests that cross dialects."""
from gateway import Gateway, GatewayCase
from mock_provider import MockProvider


class EveryProvider(GatewayCase):
    """providers: name -> (kind, dialect, path of base_url, options). handler makes
    what answers for a dialect; by name in `handlers`."""
    providers, handler = {}, None

    @classmethod
    def setUpClass(cls):
        cls.mocks, cls.handlers, extra = [], {}, ""
        for name, (kind, speaks, base, options) in cls.providers.items():
            cls.handlers[name] = cls.handler(speaks)
            mock = MockProvider(handler=cls.handlers[name]).start()
            cls.mocks.append(mock)
            extra += ("[provider.%s]\nkind = %s\nbase_url = http://127.0.0.1:%d%s\n"
                      "api_key = sk-upstream-secret-canary\nmodels = *\n%s\n" % (
                          name, kind, mock.port, base, options))
        cls.gw = Gateway(extra=extra).start()
        cls.key = cls.gw.create_key("crossing")

    @classmethod
    def tearDownClass(cls):
        cls.gw.cleanup()
        for mock in cls.mocks:
            mock.stop()
