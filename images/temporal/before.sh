# The id that the official image has.
useradd --uid 1000 --user-group --create-home --shell /bin/sh temporal
