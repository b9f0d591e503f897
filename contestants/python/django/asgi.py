"""Django over ASGI, with asynchronous views: one image in, the model's answer out."""

from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

from endpoints import answer_healthz, answer_not_found, answer_root, configure, service
from predictor.asgi import BodyLimit


async def root(request: HttpRequest) -> JsonResponse:
    return answer_root(request)


async def healthz(request: HttpRequest) -> JsonResponse:
    return answer_healthz(request)


urlpatterns = [path("", root), path("healthz", healthz)]
handler404 = answer_not_found

configure(urls=__name__)
# Django takes the whole body in before a view could refuse it.
app = BodyLimit(get_asgi_application(), service.settings.max_body_bytes)
