# The id that the official image has: people's volumes carry it.
useradd --uid 1000 --user-group --create-home --shell /bin/bash appuser
