# The ids that the official image has: people's volumes carry them.
groupadd --system --gid 999 rabbitmq
useradd --system --gid rabbitmq --uid 999 --home-dir /var/lib/rabbitmq --shell /bin/bash rabbitmq
