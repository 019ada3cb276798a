"""The studio over HTTP: each module has a ``router``, which ``app.make_app`` includes."""
