from django.db import models


class Article(models.Model):
    title = models.CharField(max_length=80)
    printed = models.DateTimeField(auto_now_add=True)
    words = models.IntegerField(null=True)
    reads = models.IntegerField(default=0)
