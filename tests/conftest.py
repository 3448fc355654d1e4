"""Real parts for every test that asks for them."""

pytest_plugins = ["bed.fixtures"]
