"""Django over WSGI: one image in, the model's answer out."""

from collections.abc import Iterable
from io import BytesIO
from wsgiref.types import StartResponse, WSGIEnvironment

from django.core.wsgi import get_wsgi_application
from django.urls import path

from endpoints import answer_healthz, answer_not_found, answer_root, configure, service

urlpatterns = [path("", answer_root), path("healthz", answer_healthz)]
handler404 = answer_not_found

configure(urls=__name__)
django = get_wsgi_application()


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Django takes a chunked body for an empty one: this reads it, and declares its length."""
    if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read(service.settings.max_body_bytes + 1)
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)}
    return django(environ, start_response)
