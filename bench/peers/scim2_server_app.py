"""scim2-server with the storage that it brings, in memory, as a WSGI application."""

from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_provider

application = WSGIApplication(InMemoryStorage(), load_default_provider())
