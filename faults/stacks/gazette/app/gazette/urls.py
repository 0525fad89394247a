from django.urls import path

from articles import views

urlpatterns = [
    path("", views.front),
    path("export/", views.export),
    path("healthz/", views.healthz),
]
