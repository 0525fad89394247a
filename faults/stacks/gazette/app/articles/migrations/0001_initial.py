from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=80)),
                ("printed", models.DateTimeField(auto_now_add=True)),
                ("words", models.IntegerField(null=True)),
            ],
        ),
    ]
