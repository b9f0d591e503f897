"""What the WSGI and the ASGI application have in common: settings, answers and errors."""

import logging

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, JsonResponse
from django.http.multipartparser import MultiPartParserError

from predictor.errors import Rejected, failure
from predictor.requests import FIELD, BrokenForm, NoImageField, check_form_ends, takes_form
from predictor.service import Document, load

logger = logging.getLogger(__name__)
service = load()


def configure(urls: str) -> None:
    """No middleware, sessions or database: an answer needs none of them."""
    limit = service.settings.max_body_bytes
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        DATA_UPLOAD_MAX_MEMORY_SIZE=limit,
        FILE_UPLOAD_MAX_MEMORY_SIZE=limit,
        LOGGING={
            "version": 1,
            "handlers": {"console": {"class": "logging.StreamHandler"}},
            "loggers": {"django": {"handlers": ["console"], "level": "CRITICAL"}},
        },
    )


def answer_root(request: HttpRequest) -> JsonResponse:
    try:
        match request.method:
            case "GET":
                return JsonResponse(service.predict_test_image())
            case "POST":
                return JsonResponse(predict_upload(request))
        return not_allowed("GET, POST")
    except Rejected as error:
        return JsonResponse(error.document, status=error.status)
    except Exception:
        logger.exception("a request failed")
        return JsonResponse(failure(500), status=500)


def answer_healthz(request: HttpRequest) -> JsonResponse:
    if request.method != "GET":
        return not_allowed("GET")
    return JsonResponse({"status": "ok"})


def answer_not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse(failure(404), status=404)


def not_allowed(methods: str) -> JsonResponse:
    return JsonResponse(failure(405), status=405, headers={"Allow": methods})


def predict_upload(request: HttpRequest) -> Document:
    content_type = request.headers.get("Content-Type", "")
    form = takes_form(content_type)
    try:
        body = request.body
        if not form:
            return service.predict(body)
        check_form_ends(content_type, body)
        file = request.FILES.get(FIELD)
    except RequestDataTooBig as error:
        raise Rejected(413) from error
    except (MultiPartParserError, SuspiciousOperation) as error:
        raise BrokenForm from error
    if file is None:
        raise NoImageField
    return service.predict(file.read())
