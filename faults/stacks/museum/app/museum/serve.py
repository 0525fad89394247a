"""How gunicorn serves the museum."""

import os

bind = "0.0.0.0:5000"
workers = 1
threads = 4
timeout = 20
worker_tmp_dir = "/run/gunicorn"
logconfig_dict = {
    "formatters": {"json": {"class": "museum.Json"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["console"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False}},
}


def post_worker_init(worker):
    if os.environ["SQLALCHEMY_POOL_WARM"] == "1":
        from museum import warm_up

        warm_up()
