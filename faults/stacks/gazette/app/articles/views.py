import os

from django.db.models import F
from django.http import HttpResponse

from .models import Article
from .tasks import count_words


def healthz(request):
    return HttpResponse("up\n", content_type="text/plain")


def front(request):
    article = Article.objects.create(title="Nothing new")
    Article.objects.filter(pk=article.pk).update(reads=F("reads") + 1)
    count_words.delay(article.pk)
    return HttpResponse(f"{Article.objects.count()} articles\n", content_type="text/plain")


def export(request):
    pages = bytearray(b"x") * (int(os.environ["EXPORT_MEGABYTES"]) << 20)
    return HttpResponse(f"{len(pages)} bytes\n", content_type="text/plain")
